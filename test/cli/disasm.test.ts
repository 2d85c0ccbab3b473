import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { run } from '../../src/cli/disasm.ts';
import { readObject } from '../../src/elf/index.ts';
import { loadObject } from '../../src/kernel/index.ts';
import { OBJECTS, objectFile } from '../objects/judge.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { beespoke, objects } from './support.ts';

/** Sixty processes take a minute. */
const inProcess = async (file: string) => {
  let stdout = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    stdout += text;
    return true;
  });
  try {
    return { status: await run([file]), stdout };
  } finally {
    write.mockRestore();
  }
};

/** From a line on, as many as are expected. */
const from = (text: string, first: string, count: number): string[] => {
  const lines = text.split('\n');
  const start = lines.indexOf(first);
  return lines.slice(start, start + count);
};

describe('disasm of an object file', () => {
  it('shows sections, functions, lines of C once, labels and variables', () => {
    const { status, stdout, stderr } = beespoke('disasm', objectFile('globals'));
    expect(from(stdout, '; raw_tp/sched_switch', 14)).toEqual([
      '; raw_tp/sched_switch',
      'count:',
      '; u32 pid = bpf_get_current_pid_tgid() >> 32; @ globals.c:63',
      '   0: (85) call bpf_get_current_pid_tgid#14',
      '   1: (bf) r6 = r0',
      '   2: (77) r6 >>= 32',
      '; if (target_pid && pid != target_pid) @ globals.c:65',
      '   3: (18) r1 = map[.rodata][0]+0                        ; target_pid',
      '   5: (61) r2 = *(u32 *)(r1 +0)',
      '   6: (16) if w2 == 0x0 goto L9',
      '   7: (61) r1 = *(u32 *)(r1 +0)',
      '   8: (5e) if w1 != w6 goto L57',
      ' L9:',
      '; total++; @ globals.c:67',
    ]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('says in the words of C what CO-RE accesses', () => {
    const { stdout } = beespoke('disasm', objectFile('core-fields'));
    expect(stdout).toMatch(
      /^ +2: \(b7\) r1 = \d+ +; <byte_off> struct task_struct\.pid \(0:\d+ @ offset \d+\)$/m,
    );
    expect(stdout).not.toContain('field_byte_offset');
  });

  it('shows subprograms behind the program, under the slots that the verifier will name', () => {
    const { stdout } = beespoke('disasm', objectFile('subprograms'));
    expect(stdout).toMatch(/^ {2}18: \(95\) exit\nmiddle:\n; static .*\n {2}19: \(bf\) r6 = r1$/m);
    expect(stdout).toContain('(85) call middle\n');
  });

  it('names the functions of the kernel that are called', () => {
    const { stdout } = beespoke('disasm', objectFile('kfuncs'));
    expect(stdout).toMatch(/\(85\) call bpf_task_acquire +; a symbol of the kernel$/m);
    expect(stdout).not.toContain('unspec');
  });

  it('shows the texts that are printed', () => {
    expect(beespoke('disasm', objectFile('globals')).stdout).toMatch(/; speak\.____fmt ".+"$/m);
  });

  it('reads both byte orders, and files without types', () => {
    const code = (name: string): string[] =>
      objects(beespoke('disasm', '--json', objectFile(name))).map(({ text }) => text);
    const little = code('isa-v3');
    expect(little.length).toBeGreaterThan(100);
    // What is swapped on one is not on the other.
    const plain = (text: string): boolean => !/ = (be|le|bswap)\d/.test(text);
    expect(code('isa-big-endian').filter(plain)).toEqual(little.filter(plain));
    expect(code('isa-without-types')).toEqual(little);
  });

  it('prints one object for each instruction', () => {
    const rows = objects(beespoke('disasm', '--json', objectFile('subprograms')));
    expect(rows[0]).toEqual({
      program: 'first',
      section: 'tc',
      function: 'first',
      slot: 0,
      opcode: 0xbf,
      text: 'r6 = r1',
      source: [
        {
          file: './subprograms.c',
          line: 56,
          column: 0,
          text: 'int first(struct __sk_buff *ctx)',
        },
      ],
    });
    expect(rows.find(({ slot }) => slot === 1).note).toBe(
      '<byte_off> struct __sk_buff.len (0:0 @ offset 0)',
    );
    expect(rows.find(({ slot }) => slot === 19).function).toBe('middle');
  });

  const hasObjdump = spawnSync('llvm-objdump-19', ['--version']).status === 0;

  it.skipIf(!hasObjdump)(
    `agrees with llvm-objdump about opcodes and lines${hasObjdump ? '' : ' (skipped: no llvm-objdump-19)'}`,
    () => {
      for (const name of ['isa-v4', 'loops', 'xdp']) {
        const { stdout } = spawnSync(
          'llvm-objdump-19',
          ['-d', '--no-show-raw-insn', objectFile(name)],
          {
            encoding: 'utf8',
          },
        );
        // `      12:\tw0 = 0x0`: the number of instructions of each function.
        const theirs = new Map<string, number>();
        let inside = '';
        for (const line of stdout.split('\n')) {
          // Blocks that are jumped to have names as well.
          inside = /^[0-9a-f]{16} <(?!LBB)(\w+)>:$/.exec(line)?.[1] ?? inside;
          if (/^ +\d+:\t/.test(line)) theirs.set(inside, (theirs.get(inside) ?? 0) + 1);
        }
        const ours = new Map<string, number>();
        for (const { program, function: at } of objects(
          beespoke('disasm', '--json', objectFile(name)),
        ))
          if (at === program) ours.set(at, (ours.get(at) ?? 0) + 1);
        for (const [at, count] of ours)
          expect([name, at, count]).toEqual([name, at, theirs.get(at)]);
        expect(ours.size).toBeGreaterThan(3);
      }
    },
  );

  it('lists every object of the corpus that can be read', async () => {
    for (const name of OBJECTS) {
      let programs: number;
      try {
        programs = Object.keys(readObject(readFileSync(objectFile(name))).programs).length;
      } catch {
        continue;
      }
      const { status, stdout } = await inProcess(objectFile(name));
      expect({ name, status }).toEqual({ name, status: 0 });
      expect(stdout.match(/\(95\) exit/g)?.length ?? 0).toBeGreaterThanOrEqual(programs);
    }
  });

  it('refuses what is no object file', () => {
    expect(beespoke('disasm', '/etc/passwd')).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(/^beespoke: .*\/etc\/passwd.*\n$/),
    });
    expect(beespoke('disasm', 'no/such.o')).toMatchObject({
      status: 1,
      stderr: 'beespoke: there is no file no/such.o\n',
    });
  });

  it.skipIf(noBpf)(kernel('links for the running kernel, and says what that lacks'), () => {
    const { status, stdout } = beespoke('disasm', '--kernel', objectFile('kfuncs'));
    expect(stdout).toMatch(/; this kernel has no function .*bpf_no_such_kfunc/);
    expect(status).toBe(0);
    const other = beespoke('disasm', '--kernel', objectFile('sections-tracing'));
    expect(other.stdout).toContain(
      '; tp_btf/no_such_tracepoint\n; tp_btf_unknown: tp_btf_unknown: this kernel does not have tp_btf/no_such_tracepoint\n',
    );
  });
});

const noBpftool = spawnSync('bpftool', ['version']).status === 0 ? undefined : 'no bpftool';
const reason = noBpf ?? noBpftool;

describe.skipIf(reason)(`disasm --id${reason ? ` (skipped: ${reason})` : ''}`, () => {
  it('shows what bpftool shows of a loaded program, with its lines', () => {
    using loaded = loadObject(readObject(readFileSync(objectFile('globals'))), { lines: true });
    const id = String(loaded.programs.count!.info().id);
    const args = ['prog', 'dump', 'xlated', 'id', id];
    const theirs = instructionsOf(spawnSync('bpftool', args, { encoding: 'utf8' }).stdout);
    const { status, stdout, stderr } = beespoke('disasm', '--id', id);
    expect(theirs.length).toBeGreaterThan(50);
    expect(instructionsOf(stdout)).toEqual(theirs);
    expect(stdout).toMatch(/^; raw_tracepoint program \d+\ncount:\n/);
    expect(stdout).toContain('\n; total++; @ globals.c:67\n');
    expect(stdout).toMatch(/\nsum_table:\n/);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  it('says that there is no such program', () => {
    expect(beespoke('disasm', '--id', '2147483646')).toMatchObject({
      status: 1,
      stdout: '',
      stderr: 'beespoke: there is no program 2147483646\n',
    });
    expect(beespoke('disasm', '--id', 'x').status).toBe(2);
    // Not program 1, which its lower half is.
    expect(beespoke('disasm', '--id', String(2 ** 32 + 1))).toMatchObject({
      status: 2,
      stderr: 'beespoke: --id takes a whole number from 0 to 4294967295, got "4294967297"\n',
    });
  });
});

/** Instructions without comments, targets of jumps and calls within, and distances of helpers, which differ in spelling. */
const instructionsOf = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => /^ +\d+: \([0-9a-f]{2}\)/.test(line))
    .map((line) =>
      line
        .trim()
        .replace(/ +;.*/, '')
        .replace(/(goto|gotol) .*/, '$1')
        .replace(/ call (?!bpf_[a-z]).*/, ' call')
        .replace(/#\d+$/, '')
        // Which bpftool does not know yet.
        .replace(/&\(void __percpu \*\)\((r\d)\)/, '$1'),
    );
