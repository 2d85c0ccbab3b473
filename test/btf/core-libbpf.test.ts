import { describe, expect, it } from 'vitest';
import {
  Btf,
  CORE_KIND_LABELS,
  CORE_KINDS,
  CoreResolver,
  decodeBtfExt,
  formatAccess,
  parseAccess,
} from '../../src/btf/index.ts';
import { base64, errorOf, golden } from './support.ts';

/** What libbpf logged about one relocation. */
interface Logged {
  readonly local: string;
  readonly target: string | undefined;
  readonly values: readonly [from: bigint, to: bigint] | undefined;
  readonly sizes: readonly [from: number, to: number] | undefined;
  readonly poisoned: boolean;
  readonly wrongSize: boolean;
  readonly failed: string | undefined;
}

const { program, targets } = golden();
const local = new Btf(base64(program.btf));
const relocations = decodeBtfExt(base64(program.ext))
  .coreRelos.flatMap(({ records }) => records)
  .map(({ typeId, accessOffset, kind }) => ({
    kind: CORE_KINDS[kind]!,
    typeId,
    access: local.string(accessOffset),
  }));

const parseLog = (log: readonly string[]): Logged[] =>
  relocations.flatMap((_, index) => {
    const prefix = `relo #${index}: `;
    const lines = log.filter((l) => l.startsWith(prefix)).map((l) => l.slice(prefix.length));
    if (lines.length === 0) return [];
    const find = (pattern: RegExp) => lines.map((l) => pattern.exec(l)).find((m) => m !== null);
    const values = find(/ (?:imm|imm64|off) (-?\d+) -> (\d+)$/);
    const sizes = find(/ mem_sz (\d+) -> (\d+)$/);
    return [
      {
        local: lines[0]!,
        target: find(/^matching candidate #\d+ (.*)$/)?.[1],
        values: values && [BigInt(values[1]!), BigInt(values[2]!)],
        sizes: sizes && [Number(sizes[1]), Number(sizes[2])],
        poisoned: find(/^substituting/) !== undefined,
        wrongSize: find(/accesses field incorrectly/) !== undefined,
        failed: find(/(.* ambiguity)/)?.[1],
      } satisfies Logged,
    ];
  });

describe.each(Object.entries(targets))('relocated to %s as by libbpf 1.1', (name, { btf, log }) => {
  // In the order of the program: libbpf forgets candidates that did not match before.
  const resolver = new CoreResolver(local, new Btf(base64(btf)));
  const logged = parseLog(log);

  it('is every relocation that libbpf reached', () => {
    expect(logged.length).toBe(name === 'target-ambiguous' ? 1 : 91);
  });

  it.each(logged.map((entry, i) => [`#${i} ${entry.local}`, i, entry] as const))(
    '%s',
    (_, i, entry) => {
      const relocation = relocations[i]!;
      expect(formatAccess(parseAccess(local, relocation))).toBe(entry.local);
      if (entry.failed !== undefined) {
        expect(errorOf(() => resolver.resolve(relocation)).message).toContain(entry.failed);
        return;
      }
      const result = resolver.resolve(relocation);
      const { target } = result;
      const label = CORE_KIND_LABELS[relocation.kind];
      expect(target && `<${label}> [${target.typeId}] ${target.description}`).toBe(entry.target);
      expect(result.exists).toBe(entry.target !== undefined || relocation.kind === 'type_id_local');
      expect(result.missing === undefined).toBe(result.exists);
      if (entry.poisoned) {
        expect(result.poison || (entry.wrongSize && result.poisonMemoryAccess)).toBe(true);
        return;
      }
      expect(result.poison).toBe(false);
      const [from, to] = entry.values!;
      expect(result.value).toBe(to);
      if (result.validate) expect(result.localValue).toBe(from);
      if (entry.sizes !== undefined)
        expect([result.localSize, result.targetSize]).toEqual(entry.sizes);
    },
  );
});

it('covers all kinds', () => {
  expect(new Set(relocations.map(({ kind }) => kind))).toEqual(new Set(CORE_KINDS));
});
