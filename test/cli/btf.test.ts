import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { closeNames } from '../../src/asm/close-names.ts';
import { BtfBuilder } from '../../src/btf/index.ts';
import { bpftoolRaw, hasBpftool, hasVmlinux, VMLINUX } from '../btf/support.ts';
import { build } from '../package/built.ts';

const built = build();
const folder = mkdtempSync(join(tmpdir(), 'beespoke-btf-'));
afterAll(() => {
  built.remove();
  rmSync(folder, { recursive: true });
});

const write = (name: string, bytes: Uint8Array): string => {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
};

/** A kernel's types in small, and a module's on top of them. */
const kernel = new BtfBuilder();
const int = kernel.int('int', 4, 'signed');
const pid = kernel.typedef('pid_t', int);
kernel.struct('task', 4, [{ name: 'pid', type: pid, bitOffset: 0 }]);
kernel.struct('taste', 4, [{ name: 'bitter', type: int, bitOffset: 0 }]);
kernel.func('task', kernel.funcProto(0), 'global');
kernel.func('task_end', kernel.funcProto(int, [{ name: 'pid', type: pid }]), 'global');
const file = write('kernel.btf', kernel.encode());
const module = new BtfBuilder({ base: kernel.build() });
module.struct('own', 4, [{ name: 'pid', type: pid, bitOffset: 0 }]);
const moduleFile = write('module.btf', module.encode());

const btf = (...args: readonly string[]) =>
  spawnSync(process.execPath, [built.main, 'btf', ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });

const printed = (...args: readonly string[]): string => {
  const { status, stdout, stderr } = btf(...args);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout;
};

const TASK = 'typedef int pid_t;\n\nstruct task {\n\tpid_t pid;\n};\n';

describe('beespoke btf', () => {
  it('prints a type as C with what it needs', () => {
    expect(printed('c', 'task', '--file', file)).toBe(TASK);
    expect(printed('task', '--file', file)).toBe(TASK);
    expect(printed('struct', 'task', '--file', file)).toBe(TASK);
    expect(printed('struct task', '--file', file)).toBe(TASK);
    expect(printed('pid_t', 'struct', 'tas*', '--file', file)).toBe(
      `${TASK}\nstruct taste {\n\tint bitter;\n};\n`,
    );
  });

  it('takes a function for what is asked where there is no type, or where it is asked for', () => {
    expect(printed('task_end', '--file', file)).toBe(
      'typedef int pid_t;\n\nint task_end(pid_t pid);\n',
    );
    expect(printed('func', 'task*', '--file', file)).toMatch(
      /^void task\(void\);\n\n.*\n\nint task_end/,
    );
  });

  it('prints all types as a header', () => {
    expect(printed('--file', file)).toMatch(/^#ifndef __VMLINUX_H__\n[\s\S]*struct taste \{/);
  });

  it('prints the other forms', () => {
    expect(printed('raw', 'pid_t', '--file', file)).toBe("[2] TYPEDEF 'pid_t' type_id=1\n");
    const json = '{"types":[{"id":2,"kind":"TYPEDEF","name":"pid_t","type_id":1}]}\n';
    expect(printed('json', 'pid_t', '--file', file)).toBe(json);
    expect(printed('pid_t', '--json', '--file', file)).toBe(json);
    expect(printed('ts', 'task', '--file', file)).toContain("kernelStruct('task', taskFields)");
  });

  it('prints what a module adds to the base that is given', () => {
    expect(printed('raw', '--file', moduleFile, '--base', file)).toBe(
      "[9] STRUCT 'own' size=4 vlen=1\n\t'pid' type_id=2 bits_offset=0\n",
    );
    expect(printed('own', '--file', moduleFile, '--base', file)).toContain('struct own {');
    expect(printed('task', '--file', moduleFile, '--base', file)).toBe(TASK);
  });

  it.each<[string, string[], number, string]>([
    [
      'a type that does not exist',
      ['tusk'],
      1,
      'there is no type "tusk" in kernel.btf; similar names: task',
    ],
    ['a name that is like none at all', ['['], 1, 'there is no type "[" in kernel.btf'],
    ['a struct that is none', ['struct', 'pid_t'], 1, 'there is no struct "pid_t" in kernel.btf'],
    ['a pattern that nothing is like', ['x*'], 1, 'no type of kernel.btf is like "x*"'],
    [
      'a type that has no layout',
      ['ts', 'pid_t'],
      1,
      'ts prints structs, unions and enums of 32 bits; pid_t is a typedef',
    ],
    ['an unknown option', ['--nope'], 2, "unknown option '--nope'"],
  ])('refuses %s in one sentence', (_, args, expected, message) => {
    const { status, stdout, stderr } = btf(...args, '--file', file);
    expect({ status, stdout, stderr }).toEqual({
      status: expected,
      stdout: '',
      stderr: `beespoke: ${message}\n`,
    });
  });

  it.each<[string, () => string, RegExp]>([
    ['that does not exist', () => join(folder, 'nope'), /^there is no file \S+nope$/],
    [
      'of another kind',
      () => write('text', Buffer.from('hello, world')),
      /expected BTF or an ELF file, found neither/,
    ],
    ['that is ELF without BTF', () => process.execPath, /has no section \.BTF/],
    ['that is cut off', () => write('short', kernel.encode().subarray(0, 60)), /BTF/],
    ['whose base is missing', () => moduleFile, /string|type/],
  ])('refuses a file %s in one sentence', (_, path, message) => {
    const { status, stdout, stderr } = btf('--file', path());
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^beespoke: [^\n]+\n$/);
    expect(stderr.slice('beespoke: '.length, -1)).toMatch(message);
  });

  it('explains itself', () => {
    expect(printed('--help')).toMatch(/^beespoke btf \[c\|ts\|raw\|json\] \[TYPE\.\.\.\]/);
  });
});

const hasGcc = spawnSync('gcc', ['--version']).status === 0;

describe.skipIf(!hasGcc)('beespoke btf on ELF files (skipped without gcc)', () => {
  it('reads their .BTF', () => {
    const source = write('own.c', Buffer.from('struct own { int a; } variable;\n'));
    const object = join(folder, 'own.o');
    execFileSync('gcc', ['-gbtf', '-c', source, '-o', object]);
    expect(printed('own', '--file', object)).toBe('struct own {\n\tint a;\n};\n');
  });
});

describe.skipIf(!hasVmlinux)(
  `beespoke btf on the running kernel (skipped without ${VMLINUX})`,
  () => {
    it('finds it by itself', () => {
      expect(printed('list_head')).toBe(
        'struct list_head {\n\tstruct list_head *next;\n\tstruct list_head *prev;\n};\n',
      );
    });

    it.skipIf(!hasBpftool)('lists it as bpftool does (skipped without bpftool)', () => {
      expect(printed('raw') === bpftoolRaw(VMLINUX)).toBe(true);
    });

    it.each(['c', 'raw', 'json'])('ends quietly when the reader of %s goes away', (form) => {
      const script = `"$0" "$1" btf ${form} | head -c 100 >/dev/null; echo "\${PIPESTATUS[0]}"`;
      const { stdout, stderr } = spawnSync('bash', ['-c', script, process.execPath, built.main], {
        encoding: 'utf8',
      });
      expect({ stdout, stderr }).toEqual({ stdout: '0\n', stderr: '' });
    });
  },
);

describe('names that are close to one that does not exist', () => {
  it('are a few letters off, or longer; the closest first', () => {
    const names = ['task_struct', 'task_strut', 'tusk_struct_ops', 'sock', 'tsk'];
    expect(closeNames('tusk_struct', names)).toEqual([
      'task_struct',
      'task_strut',
      'tusk_struct_ops',
    ]);
    expect(closeNames('zzz', names)).toEqual([]);
  });
});
