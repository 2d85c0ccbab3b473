/**
 * @module
 * Whole objects from text: what clang wrote as text becomes the bytes that llvm-mc made of it (test/golden/asm/clang.json,
 * made by make.ts there), and mistakes are named by line and column.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { AssemblerError } from '../../src/asm/index.ts';
import { ElfFile, readObject, writeObject } from '../../src/elf/index.ts';
import { parseObject } from '../../src/object/index.ts';
import { simulate } from '../../src/sim/index.ts';

const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString('hex')
    .replace(/(.{16})(?=.)/g, '$1 ');

const clang = JSON.parse(
  readFileSync(new URL('../golden/asm/clang.json', import.meta.url), 'utf8'),
) as {
  readonly compiler: string;
  readonly text: readonly string[];
  readonly sections: Readonly<Record<string, string>>;
};

const COUNTER = `
  .license "Dual MIT/GPL"
  .map counts, hash, key=u32, value=u64, max_entries=16
  .map events, ringbuf, max_entries=4096

  .data
step: .quad 3
  .section .bss
total: .quad 0
  .section .rodata
text: .asciz "hello"
  .section tracepoint/sched/sched_process_exit
ended:
  call bpf_get_current_pid_tgid
  r0 >>= 32
  *(u32 *)(r10 - 4) = w0
  r1 = counts ll
  r2 = r10
  r2 += -4
  call bpf_map_lookup_elem
  if r0 == 0 goto missing
  r1 = r0
  call bump
  goto out
missing:
  *(u64 *)(r10 - 16) = 1
  r1 = counts ll
  r2 = r10
  r2 += -4
  r3 = r10
  r3 += -16
  r4 = 0
  call bpf_map_update_elem
out:
  r1 = total ll
  r2 = step ll
  r2 = *(u64 *)(r2 + 0)
  lock *(u64 *)(r1 + 0) += r2
  r0 = 0
  exit
  .section ?socket
keep:
  mov r0, -1      ; everything
  exit
  .text
bump:
  r2 = 1
  lock *(u64 *)(r1 + 0) += r2
  r0 = 0
  exit
`;

describe('an object from text', () => {
  it(`has the bytes that llvm-mc makes of the text of ${clang.compiler}`, () => {
    const spec = parseObject(clang.text.join('\n'), { file: 'texts.s' });
    const file = new ElfFile(writeObject(spec));
    for (const [name, bytes] of Object.entries(clang.sections)) {
      // Ours are filled up to eight bytes.
      const ours = hex(file.section(name)!.data).slice(0, bytes.length);
      expect([name, ours]).toEqual([name, bytes]);
    }
    expect(Object.keys(clang.sections)).toEqual(['.text', 'xdp', 'socket', '.data', '.rodata']);
    expect(spec.license).toBe('GPL');
  });

  it('has maps, variables, programs and the functions that they call', () => {
    const spec = parseObject(COUNTER, { file: 'counter.s' });
    expect(spec.license).toBe('Dual MIT/GPL');
    const { counts, events, data, bss, rodata } = spec.maps;
    expect(counts).toMatchObject({ type: 'hash', maxEntries: 16, flags: 0 });
    expect([counts!.key?.size, counts!.value?.size]).toEqual([4, 8]);
    expect(events).toMatchObject({ type: 'ringbuf', maxEntries: 4096, key: undefined });
    expect(data).toMatchObject({ section: 'data', initial: [{ step: 3n }] });
    expect(bss).toMatchObject({ section: 'bss', initial: undefined });
    expect(rodata).toMatchObject({
      section: 'rodata',
      initial: [{ text: new TextEncoder().encode('hello\0') }],
    });
    const { ended, keep } = spec.programs;
    expect(ended).toMatchObject({
      hook: { type: 'tracepoint', category: 'sched', name: 'sched_process_exit' },
      subprograms: [{ name: 'bump', arity: 1, global: false }],
    });
    expect(keep).toMatchObject({ hook: { type: 'socket' }, autoload: false });
  });

  it('runs, from memory and from the file that it is written to', () => {
    const spec = parseObject(COUNTER);
    const file = readObject(writeObject(spec));
    for (const [object, total] of [
      [spec, 'bss'],
      [file, '.bss'],
    ] as const) {
      const { maps, programs } = simulate(object, { task: { tgid: 7 } });
      for (let turn = 0; turn < 3; turn++) programs.ended!.run();
      expect((maps.counts as unknown as Map<number, bigint>).get(7)).toBe(3n);
      expect((maps[total] as unknown as Map<string, bigint>).get('total')).toBe(9n);
    }
  });

  it('takes names that C does not know, and addresses by the section', () => {
    const spec = parseObject(
      '.section .rodata.str1.1\n.L.str: .asciz "a\\n\\101"\n.section .bss\n.zero 16\n' +
        '.section xdp\nmain: r1 = .L.str ll\nr2 = .bss+8 ll\nr0 = 2\nexit',
    );
    expect(spec.maps.rodata_str1_1).toMatchObject({
      initial: [{ _L_str: 0x000041_0a61 }],
    });
    const { bss } = spec.maps;
    const [, second] =
      spec.programs.main!.kind === 'program'
        ? (spec.programs.main!.body as readonly { reference?: unknown }[])
        : [];
    expect(second!.reference).toEqual({ kind: 'value', map: bss, offset: 8 });
  });

  // biome-ignore format: a table
  it.each([
    ['', '1:1: there is no program: a function in the section of a hook, as .section xdp, that no other calls, or that is .globl'],
    ['exit', '1:1: the function at the beginning of .text needs a name: put a label before it'],
    ['f: exit', '1:4: f is called by no function of the file: if it is a program, put it into the section of its hook, as .section xdp'],
    ['.section xdpp\nf: exit', '2:4: there is no hook xdpp; did you mean xdp?'],
    ['.sektion xdp', '1:1: there is no directive .sektion; did you mean .section?'],
    ['.section .maps,"aw"', '1:1: maps are declared with .map, as: .map counts, hash, key=u32, value=u64, max_entries=1024'],
    ['.section .BTF', '1:1: what a compiler writes to .BTF is not read from text: assemble that with llvm-mc'],
    ['.map a, hush, key=u32', '1:1: a text cannot declare maps of type hush; did you mean hash?'],
    ['.map a, hash, key=u32, value=u64', '1:1: map a needs max_entries=, a number from 1 on'],
    ['.map a, array, key=u32, value=8, max_entries=1', '1:16: a map of type array takes max_entries, flags, value, not key'],
    ['.map a, hash, key=u32, key=4', '1:24: key is given twice'],
    ['.map a, hash, key=u33', '1:15: key is a number from 0 to 4294967295, or a type as u32'],
    ['.map a, queue, value=4, max_entries=1\n.map a, queue, value=4, max_entries=1', '2:1: there are two maps a'],
    ['.bss\nx: .quad 1\ny:', '3:1: variable y has no bytes'],
    ['.bss\nx: .long 1', '2:1: variables in .bss start as zeros: put this one into .data'],
    ['.data\nr0 = 1', '2:1: section .data is for variables, not for instructions'],
    ['.section xdp\n.long 5', '2:1: .long is for variables: in section xdp stand instructions'],
    ['.data\nx: .byte 256', '2:10: .byte has 8 bits, got 256'],
    ['.data\nx: .zero 99999999', '2:18: .zero takes a number of bytes up to 16777216'],
    ['.data\nx: .quad 1\n.bss\nx: .quad 0', '4:1: x has this name a second time'],
    ['.map a.b, array, value=8, max_entries=1', '1:1: a.b is no name for a map or a program: maps and programs have C identifiers of at most 127 characters for names'],
    ['.map a, array, value=4294967295, max_entries=1', '1:16: the value of map a has at most 2147483647 bytes'],
    ['.map a, ringbuf, max_entries=5000', '1:18: max_entries of a ringbuf is its size in bytes, a power of two from 4096 on'],
    ['.map a, array, value=8, max_entries=1\n.section xdp\na: exit', '3:1: label a has the name of a map'],
    ['.section xdp\na$b: exit', '2:6: a$b is no name for a map or a program: maps and programs have C identifiers of at most 127 characters for names'],
    ['.section xdp\na: exit\n.section tc\n1: exit', '4:1: the function at the beginning of tc needs a name: put a label before it'],
    ['.license "GPL"\n.license "MIT"', '2:1: there is a licence already'],
    ['.data\nx: .lng 1', '2:4: there is no directive .lng; did you mean .long?'],
    ['.license GPL', '1:10: .license takes a text in quotes, got "GPL"'],
  ])('%j is refused', (text, message) => {
    const build = () => parseObject(text, { file: 'x.s' });
    expect(build).toThrow(AssemblerError);
    expect(build).toThrow(`x.s:${message}`);
  });

  it('has variables whose names are the same to C, each in its place', () => {
    const object = parseObject(`
      .data
    a_b_2: .long 1
    a.b: .long 2
    a_b: .asciz "\\"\\303\\251\\\\é\\n"
      .section xdp
    main:
      r1 = a_b ll
      w0 = *(u32 *)(r1 + 0)
      r1 = a.b ll
      w2 = *(u32 *)(r1 + 0)
      w0 += w2
      exit
    `);
    const { returnValue } = simulate(object).programs.main!.run();
    // "é\é: the first four bytes are 22 c3 a9 5c
    expect(returnValue).toBe(0x5ca9c322 + 2);
  });

  it('takes a text of ten million characters', () => {
    const long = 'a'.repeat(5e6) + '\\n'.repeat(2.5e6);
    const { data } = parseObject(`.data\nx: .ascii "${long}"\n.section xdp\nf: w0 = 1\nexit`).maps;
    expect((data!.value as { size: number }).size).toBe(7.5e6);
  });

  it('is checked as objects are, by the line', () => {
    const program =
      (body: string, license = 'GPL') =>
      () =>
        parseObject(`.license "${license}"\n.section xdp\nmain:\n${body}`, { file: 'x.s' });
    expect(program('r0 = r6\nexit')).toThrow(
      'xdp: r6 is read here, but nothing has written it (x.s:4)',
    );
    expect(program('r0 = 1')).toThrow(
      'xdp: control runs off its end; end it with exit() or a jump (x.s:4)',
    );
    expect(program('r0 = 1\nexit\nr0 = 2\nexit')).toThrow(
      'xdp: this instruction is never reached (x.s:6)',
    );
    expect(program('r1 = 0\nr2 = 0\nr3 = 0\ncall probe_read_kernel\nexit', 'MIT')).toThrow(
      "main: probe_read_kernel is for programs under the GPL, and the licence is \"MIT\"; use 'GPL' or 'Dual MIT/GPL' (x.s:7)",
    );
  });
});
