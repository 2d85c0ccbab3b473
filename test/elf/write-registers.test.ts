import { describe, expect, it } from 'vitest';
import { ElfFile, readObject, writeObject } from '../../src/elf/index.ts';
import {
  coreRead,
  exit,
  fentry,
  fexit,
  hookArguments,
  type Instruction,
  i32,
  kprobe,
  kretprobe,
  ksyscall,
  load,
  mov,
  object,
  optional,
  type ProgramEntry,
  pointer,
  r0,
  r1,
  r7,
  systemCallArguments,
  tracepoint,
  uprobe,
  variantsOf,
  w7,
} from '../../src/index.ts';

const Arguments = hookArguments({ dfd: i32, name: pointer(), retval: pointer() });
const name = [load(r0, Arguments.at(r1).name), exit()];
const retval = [load(r0, Arguments.at(r1).retval), exit()];

type Options = Parameters<typeof writeObject>[1];

const written = (program: ProgramEntry, options?: Options): Uint8Array =>
  writeObject(object({ license: 'GPL', programs: { program } }), options);

/** The offset of the load that a program of the file begins with. */
const offset = (program: ProgramEntry, options?: Options): number => {
  const { program: read } = readObject(written(program, options)).programs;
  const [first] = variantsOf(read!)[0]!.body as readonly Instruction[];
  return first!.offset;
};

describe('the arguments of a hook, in a file', () => {
  // struct pt_regs of x86-64, struct user_pt_regs of arm64
  it.each([
    ['x86-64', 104, 80],
    ['arm64', 8, 0],
  ] as const)(
    'are in the registers of the architecture that it is for: %s',
    (architecture, second, result) => {
      expect(offset(kprobe('f', name), { architecture })).toBe(second);
      expect(offset(uprobe('/bin/sh:f', name), { architecture })).toBe(second);
      expect(offset(kretprobe('f', retval), { architecture })).toBe(result);
    },
  );

  it('are behind the context of a system call, where the process had them', () => {
    const Open = systemCallArguments({ dfd: i32, name: pointer(), flags: i32, mode: i32 });
    const program = ksyscall('openat', [coreRead(r7, Open.at(r1).name), mov(r0, r7), exit()]);
    const fourth = ksyscall('openat', [coreRead(w7, Open.at(r1).mode), mov(r0, r7), exit()]);
    /** The offset of the load that leads there, and what is added to what it loads. */
    const way = (program: ProgramEntry, options: Options) => {
      const { program: read } = readObject(written(program, options)).programs;
      const body = variantsOf(read!)[0]!.body as readonly Instruction[];
      return [body[0]!.offset, body.find(({ opcode, dst }) => opcode === 0x07 && dst === 3)?.imm];
    };
    expect(way(program, { architecture: 'x86-64' })).toEqual([112, 104]);
    expect(way(fourth, { architecture: 'x86-64' })).toEqual([112, 56]);
    expect(way(program, { architecture: 'arm64' })).toEqual([0, 8]);
    expect(() => written(program)).toThrow('ksyscall/openat: its arguments are in registers');
  });

  it('are refused in registers of no architecture, and where they are gone', () => {
    expect(() => written(kprobe('f', name))).toThrow(
      'kprobe/f: its arguments are in registers, which differ from one architecture to the next: say for which one the file is, or use fentry, fexit or a tracepoint',
    );
    expect(() => written(kretprobe('f', name), { architecture: 'arm64' })).toThrow(
      'kretprobe/f: the arguments are gone when a function returns',
    );
  });

  it('are one behind the other where BPF trampolines put them, and the result behind all that are declared', () => {
    expect(offset(fentry('f', name))).toBe(8);
    expect(offset(fexit('f', retval))).toBe(16);
  });
});

describe('a program that is needed without another hook only', () => {
  const spec = object({
    license: 'GPL',
    programs: {
      first: fentry('f', [mov(r0, 0), exit()]),
      second: optional(tracepoint('a/b', [mov(r0, 0), exit()]), { unless: ['fentry/f'] }),
    },
  });
  const sections = (options?: Options) =>
    new ElfFile(writeObject(spec, options)).sections
      .map((section) => section.name)
      .filter((section) => section.includes('/'));

  it('is not in a file that has the first variants alone', () => {
    expect(sections({ variants: 'first' })).toEqual(['fentry/f']);
    expect(sections()).toEqual(['fentry/f', '?tracepoint/a/b']);
  });
});
