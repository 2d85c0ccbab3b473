/**
 * @module
 * Random programs on the kernel: it must print them as we do, accept them, and compute what the test computes.
 * BEESPOKE_RANDOM says how many (300), BEESPOKE_SEED where to start.
 */
import { describe, expect, it } from 'vitest';
import {
  type Assembly,
  assemble,
  callSite,
  checkFunction,
  decode,
  encode,
  listing,
  print,
  slotsOf,
} from '../../src/asm/index.ts';
import { type RandomProgram, randomProgram, shared, VALUE_SIZE } from './generator.ts';
import {
  missingBefore,
  readArray,
  run,
  titled,
  tooComplex,
  verifierTexts,
  withArray,
  withProgram,
  writeArray,
} from './kernel.ts';

const COUNT = Number(process.env.BEESPOKE_RANDOM ?? 300);
const FIRST = Number(process.env.BEESPOKE_SEED ?? 1);
const reason = missingBefore('6.9');
const hasTexts = missingBefore('6.16') === undefined;
const acquire = missingBefore('6.15') === undefined;

const hex = (bytes: Uint8Array) =>
  Buffer.from(bytes)
    .toString('hex')
    .replace(/(.{16})(?=.)/g, '$1 ');

/** Our texts by slot. The address of the map is the kernel's secret. */
const textsOf = ({ instructions }: Assembly): Map<number, string> => {
  const texts = new Map<number, string>();
  let slot = 0;
  for (const instruction of instructions) {
    const opcode = instruction.opcode.toString(16).padStart(2, '0');
    if (!instruction.reference) texts.set(slot, `(${opcode}) ${print(instruction)}`);
    slot += slotsOf(instruction);
  }
  return texts;
};

/** Throws where our side and the kernel's differ. */
const compare = ({ body, before, after }: RandomProgram, mapFd: number): Assembly => {
  checkFunction('random', body, 1, callSite(compare));
  const assembly = assemble(body, () => true);
  const bytes = encode(assembly.instructions);
  expect(hex(encode(decode(bytes)))).toBe(hex(bytes));

  const maps = new Map([[shared, mapFd]]);
  const [ours, theirs] = [textsOf(assembly), verifierTexts(assembly, { maps })];
  const decoded = textsOf({ ...assembly, instructions: decode(bytes) });
  for (const texts of hasTexts ? [theirs, decoded] : [decoded]) {
    expect([...texts].filter(([slot]) => ours.has(slot))).toEqual([...ours]);
  }

  withProgram(assembly, { maps }, ({ fd }) => {
    writeArray(mapFd, before);
    run(fd);
    expect(hex(new Uint8Array(readArray(mapFd, VALUE_SIZE).buffer))).toBe(hex(after));
  });
  return assembly;
};

describe.skipIf(reason)(titled('random programs', reason), () => {
  const title = `are printed, accepted and computed by the kernel as here: ${COUNT} of them`;
  it(title, { timeout: 60_000 + COUNT * 100 }, () => {
    const forms = new Set<string>();
    let complex = 0;
    withArray(VALUE_SIZE, (mapFd) => {
      for (let seed = FIRST; seed < FIRST + COUNT; seed++) {
        const program = randomProgram(seed, acquire);
        try {
          for (const text of textsOf(compare(program, mapFd)).values()) {
            forms.add(text.replace(/0x[0-9a-f]+|\d+/g, '0'));
          }
        } catch (error) {
          const assembly = assemble(program.body, () => true);
          if (tooComplex(assembly, { maps: new Map([[shared, mapFd]]) })) {
            complex++;
            continue;
          }
          const { instructions, functions } = assembly;
          const lines = listing(instructions, { functions, name: 'main', lines: false });
          throw new Error(`seed ${seed}: ${(error as Error).message}\n${lines.join('\n')}`);
        }
      }
    });
    expect(complex).toBeLessThanOrEqual(COUNT / 100);
    if (COUNT >= 300) expect(forms.size).toBeGreaterThan(150);
  });
});
