/** What the tests of this room share: the running kernel's BTF, bpftool as an oracle, goldens, errors with their offset. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import {
  Btf,
  BtfBuilder,
  BtfError,
  CORE_KINDS,
  type CoreRelocation,
  decodeBtfExt,
} from '../../src/btf/index.ts';

export const root = join(import.meta.dirname, '../..');

/** A random choice that can be repeated: BTF_SEED, or another one each time, which the test's messages name. */
export const seeded = (seed = Number(process.env.BTF_SEED ?? Date.now() % 1_000_000)) => {
  let state = seed;
  // Numerical Recipes' generator; its low bits are poor, so the quotient is taken.
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const pick = <T>(from: readonly T[], count: number): T[] => {
    const left = [...from];
    return Array.from({ length: Math.min(count, left.length) }, () => {
      const [chosen] = left.splice(Math.floor(next() * left.length), 1);
      return chosen!;
    });
  };
  return { seed, pick };
};

export const VMLINUX = '/sys/kernel/btf/vmlinux';
export const hasVmlinux = existsSync(VMLINUX);
export const hasBpftool = spawnSync('bpftool', ['version']).status === 0;

let bytes: Uint8Array | undefined;
export const vmlinuxBytes = (): Uint8Array => {
  bytes ??= readFileSync(VMLINUX);
  return bytes;
};
export const vmlinux = (): Btf => new Btf(vmlinuxBytes(), { label: 'vmlinux' });

/** `bpftool btf dump`, of a file or of bytes. */
export const bpftoolRaw = (btf: string | Uint8Array, base?: Uint8Array): string =>
  bpftoolDump([], btf, ['format', 'raw'], base);

/** The same as JSON, without the newline at its end. */
export const bpftoolJson = (btf: string | Uint8Array): string =>
  bpftoolDump(['-j'], btf, []).trimEnd();

const bpftoolDump = (
  options: readonly string[],
  btf: string | Uint8Array,
  format: readonly string[],
  base?: Uint8Array,
): string => {
  const work = mkdtempSync(join(tmpdir(), 'btf-test-'));
  try {
    const write = (name: string, content: Uint8Array): string => {
      writeFileSync(join(work, name), content);
      return join(work, name);
    };
    const file = typeof btf === 'string' ? btf : write('btf', btf);
    const baseArgs = base === undefined ? [] : ['-B', write('base', base)];
    const args = [...options, ...baseArgs, 'btf', 'dump', 'file', file, ...format];
    return execFileSync('bpftool', args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  } finally {
    rmSync(work, { recursive: true });
  }
};

/** The BtfError that a function throws. */
export const errorOf = (run: () => unknown): BtfError => {
  try {
    run();
  } catch (error) {
    if (error instanceof BtfError) return error;
    throw error;
  }
  throw new Error('expected a BtfError, nothing was thrown');
};

interface Golden {
  readonly program: { readonly btf: string; readonly ext: string };
  readonly targets: Readonly<
    Record<string, { readonly btf: string; readonly log: readonly string[] }>
  >;
}

export const golden = (): Golden =>
  JSON.parse(readFileSync(new URL('../golden/btf/core.json', import.meta.url), 'utf8'));

export const base64 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'base64'));

/** A record of kind 20 (4 bytes, and 8 for each element) before an int. */
export const withUnknownKind = (layout: boolean): Uint8Array => {
  const b = new BtfBuilder();
  b.array(0, 0, 0);
  b.int('int', 4);
  const bytes = b.encode({ layout });
  const start = layout ? 32 : 24;
  const words = new Uint32Array(bytes.buffer, start, 6);
  // 24 bytes of an array are as long as this record without elements and 2 words more: take one element of 8 bytes.
  words[1] = (20 << 24) | 1;
  if (!layout) return bytes;
  const longer = new Uint8Array(bytes.length + 4);
  const layoutStart = new DataView(bytes.buffer).getUint32(24, true);
  const end = 32 + layoutStart + 80;
  longer.set(bytes.subarray(0, end));
  longer.set([4, 8, 0, 0], end);
  longer.set(bytes.subarray(end), end + 4);
  const view = new DataView(longer.buffer);
  view.setUint32(28, 84, true);
  view.setUint32(16, view.getUint32(16, true) + 4, true);
  return longer;
};

interface BpftoolGolden {
  /** Whole files, and their sections. */
  readonly objects: readonly {
    readonly file: string;
    readonly btf: string;
    readonly ext: string;
  }[];
  readonly linked: { readonly btf: string; readonly ext: string };
  readonly minimal: Readonly<Record<string, string>>;
}

/** What bpftool made. Its binary fields are for unpack(). */
export const bpftoolGolden = (): BpftoolGolden =>
  JSON.parse(readFileSync(new URL('../golden/btf/bpftool.json', import.meta.url), 'utf8'));

export const unpack = (text: string): Uint8Array =>
  new Uint8Array(gunzipSync(Buffer.from(text, 'base64')));

/** The CO-RE relocations of a program. */
export const relocationsOf = (local: Btf, ext: Uint8Array): CoreRelocation[] =>
  decodeBtfExt(ext)
    .coreRelos.flatMap(({ records }) => records)
    .map(({ typeId, accessOffset, kind }) => ({
      kind: CORE_KINDS[kind]!,
      typeId,
      access: local.string(accessOffset),
    }));
