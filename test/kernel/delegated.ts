/** Loads an object in a user namespace, and prints what came of it: see token.test.ts. */
import { globals, hash, lea, object, r1, struct, tc, u32, u64 } from '../../src/index.ts';
import { loadObject } from '../../src/kernel/index.ts';
import { done } from './object-support.ts';

const starts = hash(u32, u64, { maxEntries: 8 });
const counts = globals(struct('counts', { runs: u64.number }));
const spec = object({
  license: 'GPL',
  maps: { starts, counts },
  programs: { program: tc([lea(r1, starts), lea(r1, counts), done]) },
});

const attempt = (token: string | undefined): string => {
  try {
    using tool = loadObject(spec, { token });
    tool.maps.starts.set(1, 2n);
    const { btfId, mapIds } = tool.programs.program.info();
    return `loaded with ${mapIds.length} maps${btfId === 0 ? '' : ' and types'}: ${tool.maps.starts.get(1)}`;
  } catch (error) {
    return (error as Error).message;
  }
};

console.log(JSON.stringify({ without: attempt(''), found: attempt(undefined) }));
