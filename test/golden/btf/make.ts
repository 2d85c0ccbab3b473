/**
 * Makes core.json: a program with one CO-RE relocation of each kind and rule, kernels to relocate it to, and what libbpf
 * 1.1 made of each. Run by hand, as root: `npx tsx test/golden/btf/make.ts`. It needs clang-19, llvm-objcopy-19 and
 * libbpf-dev; the tests need only core.json.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const here = import.meta.dirname;
const work = mkdtempSync(join(tmpdir(), 'btf-golden-'));
const run = (command: string, ...args: string[]) => execFileSync(command, args, { cwd: here });

const compile = (name: string): string => {
  const object = join(work, `${name}.o`);
  run('clang-19', '-target', 'bpf', '-mcpu=v3', '-g', '-O2', '-c', `${name}.c`, '-o', object);
  return object;
};

const section = (object: string, name: string): string => {
  const file = join(work, 'section');
  run('llvm-objcopy-19', `--dump-section=${name}=${file}`, object, join(work, 'ignored.o'));
  return readFileSync(file).toString('base64');
};

try {
  const driver = join(work, 'libbpf-log');
  run('cc', 'libbpf-log.c', '-o', driver, '-lbpf');
  const program = compile('core');
  const targets = Object.fromEntries(
    ['core', 'target-moved', 'target-flavours', 'target-ambiguous'].map((name) => {
      const target = compile(name);
      const { stdout } = spawnSync(driver, [program, target], { encoding: 'utf8' });
      const log = stdout
        .split('\n')
        .filter((line) => line.includes(': relo #'))
        .map((line) => line.replace(/^libbpf: prog '\w+': /, ''));
      return [name, { btf: section(target, '.BTF'), log }];
    }),
  );
  const golden = {
    made: 'npx tsx test/golden/btf/make.ts, clang 19, libbpf 1.1.2',
    program: { btf: section(program, '.BTF'), ext: section(program, '.BTF.ext') },
    targets,
  };
  writeFileSync(join(here, 'core.json'), `${JSON.stringify(golden, null, 1)}\n`);
} finally {
  rmSync(work, { recursive: true });
}
