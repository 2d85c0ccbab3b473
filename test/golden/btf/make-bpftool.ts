/**
 * Makes bpftool.json: three objects that share types, what `bpftool gen object` links of their BTF, and what `bpftool gen
 * min_core_btf` leaves of the targets of core.json. Run by hand, as root: `npx tsx test/golden/btf/make-bpftool.ts`. It
 * needs clang-19, llvm-objcopy-19, bpftool, libbpf-dev and the BTF of the running kernel; the tests need only the JSON.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const here = import.meta.dirname;
const work = mkdtempSync(join(tmpdir(), 'btf-golden-'));
const run = (command: string, ...args: string[]): string =>
  execFileSync(command, args, { cwd: here, encoding: 'utf8', maxBuffer: 1 << 28 });
const inWork = (name: string): string => join(work, name);
const packed = (file: string): string => gzipSync(readFileSync(file)).toString('base64');

const compile = (name: string): string => {
  const object = inWork(`${name}.o`);
  const options = ['-target', 'bpf', '-D__TARGET_ARCH_x86', '-mcpu=v3', '-g', '-O2', `-I${work}`];
  run('clang-19', ...options, '-c', `${name}.c`, '-o', object);
  // BTF stays, DWARF goes.
  run('llvm-objcopy-19', '--strip-debug', object);
  return object;
};

const section = (object: string, name: string): string => {
  run('llvm-objcopy-19', `--dump-section=${name}=${inWork('section')}`, object, inWork('ignored'));
  return packed(inWork('section'));
};

const minimal = (target: string, program: string): string => {
  run('bpftool', 'gen', 'min_core_btf', target, inWork('minimal'), program);
  return packed(inWork('minimal'));
};

try {
  const header = run('bpftool', 'btf', 'dump', 'file', '/sys/kernel/btf/vmlinux', 'format', 'c');
  writeFileSync(inWork('vmlinux.h'), header);
  const objects = ['link-a', 'link-b', 'link-c'].map(compile);
  run('bpftool', 'gen', 'object', inWork('linked.o'), ...objects);
  const program = compile('core');
  const golden = {
    made: 'npx tsx test/golden/btf/make-bpftool.ts, clang 19, bpftool 7.1 with libbpf 1.1, Linux 6.18',
    // Everything here is base64 of gzip.
    objects: objects.map((object) => ({
      file: packed(object),
      btf: section(object, '.BTF'),
      ext: section(object, '.BTF.ext'),
    })),
    linked: {
      btf: section(inWork('linked.o'), '.BTF'),
      ext: section(inWork('linked.o'), '.BTF.ext'),
    },
    minimal: Object.fromEntries(
      ['core', 'target-moved', 'target-flavours'].map((name) => [
        name,
        minimal(compile(name), program),
      ]),
    ),
  };
  writeFileSync(join(here, 'bpftool.json'), `${JSON.stringify(golden, null, 1)}\n`);
} finally {
  rmSync(work, { recursive: true });
}
