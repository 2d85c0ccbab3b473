/** What the tests of this room share: the running kernel's BTF, bpftool as an oracle, goldens, errors with their offset. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Btf, BtfError } from '../../src/btf/index.ts';

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
export const bpftoolRaw = (btf: string | Uint8Array, base?: Uint8Array): string => {
  const work = mkdtempSync(join(tmpdir(), 'btf-test-'));
  try {
    const write = (name: string, content: Uint8Array): string => {
      writeFileSync(join(work, name), content);
      return join(work, name);
    };
    const file = typeof btf === 'string' ? btf : write('btf', btf);
    const baseArgs = base === undefined ? [] : ['-B', write('base', base)];
    const args = [...baseArgs, 'btf', 'dump', 'file', file, 'format', 'raw'];
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
  readonly targets: Readonly<Record<string, { readonly btf: string; readonly log: readonly string[] }>>;
}

export const golden = (): Golden =>
  JSON.parse(readFileSync(new URL('../golden/btf/core.json', import.meta.url), 'utf8'));

export const base64 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'base64'));
