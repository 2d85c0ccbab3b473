/**
 * Work on all types of vmlinux, warm: walking them, writing them anew, deduplicating; and one CO-RE relocation. The goals
 * are cilium/ebpf's figures on the same machine for a vmlinux of 103,407 types (Go 1.26); it is not called here.
 * @module
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import {
  Btf,
  CORE_KINDS,
  type CoreRelocation,
  CoreResolver,
  decodeBtfExt,
  deduplicate,
  merge,
  minimise,
} from '../src/btf/index.ts';
import { mapFile } from '../src/syscall/index.ts';
import { median, milliseconds, rounds, row } from './report.ts';

const VMLINUX = '/sys/kernel/btf/vmlinux';
const GOLDEN = fileURLToPath(new URL('../test/golden/btf/bpftool.json', import.meta.url));

/** The median of the second half: the first warms up. */
const warm = (count: number, run: () => unknown): number => {
  const values = Array.from({ length: rounds(count) }, () => milliseconds(run));
  return median(values.slice(Math.floor(values.length / 2)));
};

const iterate = (bytes: Uint8Array): void => {
  const btf = new Btf(bytes);
  for (let id = 1; btf.has(id); id++) btf.type(id);
};

/** A program with relocations of most kinds, and its relocations. */
const program = (): { readonly local: Btf; readonly relocations: readonly CoreRelocation[] } => {
  const { objects } = JSON.parse(readFileSync(GOLDEN, 'utf8'));
  const unpack = (text: string): Uint8Array =>
    new Uint8Array(gunzipSync(Buffer.from(text, 'base64')));
  const { btf, ext } = objects[2];
  const local = new Btf(unpack(btf));
  const relocations = decodeBtfExt(unpack(ext))
    .coreRelos.flatMap(({ records }) => records)
    .map(({ typeId, accessOffset, kind }) => ({
      kind: CORE_KINDS[kind]!,
      typeId,
      access: local.string(accessOffset),
    }));
  return { local, relocations };
};

/** Microseconds for a relocation. */
const relocate = (resolver: CoreResolver, relocations: readonly CoreRelocation[]): number => {
  const repeat = rounds(2000);
  const ms = warm(20, () => {
    for (let i = 0; i < repeat; i++) for (const r of relocations) resolver.resolve(r);
  });
  return (ms * 1000) / repeat / relocations.length;
};

if (!existsSync(VMLINUX)) {
  console.log(`skipped: there is no ${VMLINUX}`);
} else {
  const { bytes } = mapFile(VMLINUX);
  const btf = new Btf(bytes);
  row(
    'all types decoded',
    warm(10, () => iterate(bytes)),
    'ms',
    { goal: '73 to 82 ms' },
  );
  row(
    'all types written anew',
    warm(20, () => merge([new Btf(bytes)])),
    'ms',
    {
      goal: '92 to 96 ms',
    },
  );
  row(
    'deduplicated',
    warm(20, () => deduplicate(new Btf(bytes))),
    'ms',
    { goal: '159 to 164 ms' },
  );
  const { bytes: twice } = merge([btf, btf]);
  row(
    'beside itself, deduplicated',
    warm(10, () => deduplicate(new Btf(twice))),
    'ms',
  );

  const { local, relocations } = program();
  const fields = relocations.filter(({ kind }) => kind.startsWith('field_'));
  const types = relocations.filter(({ kind }) => kind.startsWith('type_'));
  const resolver = new CoreResolver(local, btf);
  row('CO-RE, a field', relocate(resolver, fields), 'µs', { goal: '0.56 to 0.87 µs' });
  row('CO-RE, a type', relocate(resolver, types), 'µs', { goal: '0.34 to 0.39 µs' });
  const programs = [{ local, relocations }];
  row(
    'minimal BTF for a program',
    warm(20, () => minimise(btf, programs)),
    'ms',
  );
}
