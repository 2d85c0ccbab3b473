/**
 * An object file, loaded from end to end and closed again, beside libbpf: that of libbpf-tools' exitsnoop, which is cut
 * out of the installed binary; the first time in a process, and warm. Then the parts that need no kernel. Needs root.
 * @module
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Btf } from '../src/btf/index.ts';
import { readObject } from '../src/elf/index.ts';
import { KernelWorld } from '../src/kernel/kernel-world.ts';
import { loadObject } from '../src/kernel/load-object.ts';
import { link } from '../src/object/index.ts';
import { mapFile } from '../src/syscall/index.ts';
import { carve } from '../test/objects/carve.ts';
import { median, milliseconds, rounds, row } from './report.ts';

const TOOL = '/usr/sbin/exitsnoop';
const ROUNDS = rounds(60);

const load = (file: string): void =>
  loadObject(readObject(readFileSync(file), { label: 'exitsnoop' })).close();

/** Milliseconds of each round of libbpf. */
const withLibbpf = (program: string, file: string, count: number): number[] =>
  execFileSync(program, [file, String(count)], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map(Number);

/** object.c, compiled; undefined without gcc or libbpf-dev. */
const compile = (directory: string): string | undefined => {
  try {
    const program = join(directory, 'object');
    const source = fileURLToPath(new URL('object.c', import.meta.url));
    execFileSync('gcc', ['-O2', source, '-o', program, '-lbpf'], { stdio: 'ignore' });
    return program;
  } catch {
    return undefined;
  }
};

/** The median of the second half: the first warms up. */
const warm = (run: () => unknown): number => {
  const values = Array.from({ length: ROUNDS }, () => milliseconds(run));
  return median(values.slice(Math.floor(values.length / 2)));
};

const compare = (file: string, directory: string): void => {
  const program = compile(directory);
  if (!program) console.log('without gcc and libbpf-dev there is nothing to compare with');
  const peer = (count: number, runs: number) => {
    if (!program) return undefined;
    const values = Array.from({ length: runs }, () => withLibbpf(program, file, count)).flat();
    return { name: 'libbpf', value: median(values) };
  };
  const self = fileURLToPath(import.meta.url);
  const environment = { ...process.env, BENCH_COLD: file };
  const first = Array.from({ length: rounds(15) }, () =>
    Number(spawnSync(process.execPath, [self], { env: environment, encoding: 'utf8' }).stdout),
  );
  row('load and close, the first in a process', median(first), 'ms', { peer: peer(1, rounds(15)) });
  row(
    'load and close, warm',
    warm(() => load(file)),
    'ms',
    {
      peer: peer(ROUNDS, 1),
      goal: 'ratio 1.5',
    },
  );

  const bytes = readFileSync(file);
  row('read an object', warm(() => readObject(bytes)) * 1000, 'µs');
  const spec = readObject(bytes);
  const world = new KernelWorld();
  row('link it', warm(() => link(spec, world)) * 1000, 'µs');
  const relocations = spec.relocations?.length ?? 0;
  const kernel = mapFile('/sys/kernel/btf/vmlinux').bytes;
  const fresh = () => new KernelWorld(undefined, new Btf(kernel));
  row(
    `link it to types not read before, ${relocations} relocations`,
    warm(() => link(spec, fresh())) * 1000,
    'µs',
  );
};

if (process.env.BENCH_COLD) {
  console.log(milliseconds(() => load(process.env.BENCH_COLD!)));
} else if (!existsSync(TOOL) || process.getuid?.() !== 0) {
  console.log(`skipped: it needs root and ${TOOL}`);
} else {
  const directory = mkdtempSync(join(tmpdir(), 'beespoke-bench-'));
  try {
    const file = join(directory, 'exitsnoop.o');
    writeFileSync(file, carve(readFileSync(TOOL))[0]!);
    compare(file, directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}
