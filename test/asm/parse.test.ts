/**
 * @module
 * Text against assemblers that know nothing of ours: each text that llvm-mc and GNU as were asked (test/golden/asm)
 * parses to the bytes that they gave. What they do not know has its bytes from the specification.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  type AnyMap,
  AssemblerTextError,
  assemble,
  type Code,
  codeOf,
  decode,
  encode,
  exit,
  fn,
  type Instruction,
  listing,
  mov,
  type ParseOptions,
  parse,
  r0,
  r1,
} from '../../src/asm/index.ts';
import { SUMMARIES } from '../../src/cli/summaries.ts';
import { toolOf } from '../../src/cli/tools.ts';
import { readObject } from '../../src/elf/index.ts';
import { u32, u64 } from '../../src/layout/index.ts';
import { type AnyMapSpec, variantsOf } from '../../src/object/index.ts';
import { forms } from './forms.ts';
import { randomProgram, shared } from './generator.ts';

const golden = (file: string): Readonly<Record<string, string>> =>
  JSON.parse(readFileSync(new URL(`../golden/asm/${file}`, import.meta.url), 'utf8')).bytes;

const hex = (instructions: readonly Instruction[]): string =>
  Buffer.from(encode(instructions))
    .toString('hex')
    .replace(/(.{16})(?=.)/g, '$1 ');
const assembled = (code: Code) => assemble(code, () => true).instructions;
const bytesOf = (text: string, options?: ParseOptions): string =>
  hex(assembled(parse(text, options)));

const counts: AnyMap = { kind: 'map', type: 'hash', key: u32, value: u64 };

describe('the texts of other assemblers', () => {
  it.each(['llvm.json', 'binutils.json', 'printed.json'])('%s parse to their bytes', (file) => {
    const texts = Object.entries(golden(file));
    expect(texts.filter(([text, bytes]) => bytesOf(text) !== bytes)).toEqual([]);
    expect(texts.length).toBeGreaterThan(700);
  });

  // biome-ignore format: a table
  it.each([
    // uBPF, bpf_conformance
    ['movsx864 %r1, %r2', 'bf21080000000000'],
    ['movsx1632 %r1, %r2', 'bc21100000000000'],
    ['movsx3264 %r1, %r2', 'bf21200000000000'],
    ['mov r1, 0xfffffffe', 'b7010000feffffff'],
    ['stdw [r1+2], 0xfffffffe', '7a010200feffffff'],
    ['stb [r1+2], 0xfe', '72010200fe000000'],
    ['be16 %r1', 'dc01000010000000'],
    ['le64 %r1', 'd401000040000000'],
    ['swap32 %r1', 'd701000020000000'],
    ['bswap64 %r1', 'd701000040000000'],
    ['smod32 %r1, -3', '94010100fdffffff'],
    ['lock add [%r10-8], %r1', 'db1af8ff00000000'],
    ['lock fetch xor32 [%r10-4], %r1', 'c31afcffa1000000'],
    ['lock xchg32 [%r1+4], %r2', 'c3210400e1000000'],
    ['lock cmpxchg [%r10-0x8], %r1', 'db1af8fff1000000'],
    ['call helper 7', '8500000007000000'],
    ['call runtime 7', '8520000007000000'],
    ['lddw r1, map_by_fd(counts)', '1811000000000000 0000000000000000'],
    ['ldxw %r0, [%r1]', '6110000000000000'],
    ['jeq %r1, %r2, exit\nexit', '1d21000000000000 9500000000000000'],
    ['ja32 +1\nexit\nexit', '0600000001000000 9500000000000000 9500000000000000'],
    // rbpf
    ['mov64 r1, 0x5', 'b701000005000000'],
    ['ldxdw r0, [r1+0x2]', '7910020000000000'],
    ['stxb [r1-3], r2', '7321fdff00000000'],
    ['ldabsh 6', '2800000006000000'],
    ['ldindb r2, 6', '5020000006000000'],
    // newer GNU as
    ['movs %r1, %r2, 8', 'bf21080000000000'],
    ['sdiv %r1, %r2', '3f21010000000000'],
    ['bswap %r1, 16', 'd701000010000000'],
    ['ldxsw %r1, [%r2+8]', '8121080000000000'],
    ['jal 0\nexit', '0600000000000000 9500000000000000'],
    ['aadd [%r1+0], %r2', 'db21000000000000'],
    ['afor32 [%r1+8], %r2', 'c321080041000000'],
    ['axchg [%r1+0], %r2', 'db210000e1000000'],
    ['acmp32 [%r1+0], %r2', 'c3210000f1000000'],
    ['ldacqb %r1, [%r2-8]', 'd321f8ff00010000'],
    ['streldw [%r1+0], %r10', 'dba1000010010000'],
    // the kernel
    ['r0 = load_acquire((u8 *)(r10 -8))', 'd3a0f8ff00010000'],
    ['store_release((u64 *)(r10 -8), r1)', 'db1af8ff10010000'],
    ['r2 = atomic64_fetch_add((u64 *)(r1 +0), r2)', 'db21000001000000'],
    ['r2 = atomic_fetch_and((u32 *)(r1 +4), r2)', 'c321040051000000'],
    ['r0 = atomic_cmpxchg((u32 *)(r1 +0), r0, r2)', 'c3210000f1000000'],
    ['lock *(u32 *)(r1 +0) ^= r2', 'c3210000a0000000'],
    ['r0 = *(u16 *)skb[r2 + 4]', '4820000004000000'],
    ['if r1 == 0xfffffffb goto pc+0\nexit', '15010000fbffffff 9500000000000000'],
    ['call bpf_ktime_get_ns#5', '8500000005000000'],
    ['call kernel-function#77', '852000004d000000'],
    ['gotox r2', '0d02000000000000'],
    ['may_goto pc+0\nexit', 'e500000000000000 9500000000000000'],
    ['r1 = map[id:5]', '1811000005000000 0000000000000000'],
    ['r1 = map[idx:3][0]+4', '1861000003000000 0000000004000000'],
    ['r1 = 0x1122334455667788', '1801000088776655 0000000044332211'],
    ['   3: (18) r1 = 0x5', '1801000005000000 0000000000000000'],
    ['   3: (b7) r1 = 5', 'b701000005000000'],
    // LLVM
    ['r1 = 0x5', 'b701000005000000'],
    ['callx r3', '8d03000000000000'],
    ['ld_pseudo r1, 2, 0x5', '1821000005000000 0000000000000000'],
    ['*(u32 *)(r1 + 0) = w10', '63a1000000000000'],
    // names
    ['call ktime_get_ns', '8500000005000000'],
    ['mov r1, -1 ; a comment', 'b7010000ffffffff'],
    ['r1 = -1; r2 = r1', 'b7010000ffffffff bf12000000000000'],
  ])('%s', (text, bytes) => {
    expect(bytesOf(text, { maps: { counts } })).toBe(bytes);
  });
});

describe('what our own printer prints', () => {
  it('parses to the same bytes, for every form', () => {
    for (const { build, choose = true } of forms) {
      const { instructions, functions } = assemble(build(), () => choose);
      for (const labels of [false, true]) {
        const text = listing(instructions, { functions, labels, name: 'program' }).join('\n');
        expect([text, bytesOf(text)]).toEqual([text, hex(instructions)]);
      }
    }
  });

  it('parses to the same bytes, for random programs', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const { instructions, functions } = assemble(randomProgram(seed, true).body, () => true);
      const options = { functions, name: 'program', mapName: () => 'shared' };
      for (const labels of [false, true]) {
        const text = listing(instructions, { ...options, labels }).join('\n');
        expect(bytesOf(text, { maps: { shared } })).toBe(hex(instructions));
      }
      expect(hex(assembled(codeOf(decode(encode(instructions)))))).toBe(hex(instructions));
    }
  });

  it('parses to the same instructions, for every program that clang compiled', () => {
    const folder = new URL('../objects/', import.meta.url);
    let programs = 0;
    for (const file of readdirSync(folder).filter((name) => /\.o$/.test(name))) {
      let spec: ReturnType<typeof readObject>;
      try {
        spec = readObject(readFileSync(new URL(file, folder)));
      } catch {
        // files that are no objects, on purpose
        continue;
      }
      const maps: Record<string, AnyMapSpec> = { ...spec.maps, ...spec.hidden };
      const names = new Map<AnyMap, string>(Object.entries(maps).map(([name, map]) => [map, name]));
      for (const [name, entry] of Object.entries(spec.programs)) {
        const { instructions, functions } = assemble(variantsOf(entry)[0]!.body, () => true);
        const externs = Object.fromEntries(
          instructions.flatMap(({ reference }) =>
            reference?.kind === 'extern'
              ? [[reference.extern.name, reference.extern] as const]
              : [],
          ),
        );
        const mapName = (map: AnyMap) => names.get(map);
        const options = { functions, name, labels: true, lines: 'text', mapName } as const;
        const again = assembled(
          parse(listing(instructions, options).join('\n'), { maps, externs }),
        );
        expect([file, name, hex(again)]).toEqual([file, name, hex(instructions)]);
        expect(again.map(referenceOf)).toEqual(instructions.map(referenceOf));
        programs++;
      }
    }
    expect(programs).toBeGreaterThan(400);
  });
});

describe('the tools', () => {
  it.each(Object.keys(SUMMARIES))('%s parses from its listing to the same bytes', (name) => {
    const spec = toolOf(name)!.object({} as never);
    const maps: Record<string, AnyMapSpec> = { ...spec.maps, ...spec.hidden };
    const names = new Map<AnyMap, string>(Object.entries(maps).map(([name, map]) => [map, name]));
    // What is created where a kernel has no map of a type has no name of its own.
    for (const [name, { otherwise }] of Object.entries(maps)) {
      if (!otherwise) continue;
      maps[`${name}.otherwise`] = otherwise;
      names.set(otherwise, `${name}.otherwise`);
    }
    const mapName = (map: AnyMap) => names.get(map);
    for (const [program, entry] of Object.entries(spec.programs)) {
      for (const { body } of variantsOf(entry)) {
        for (const choose of [() => true, () => false]) {
          const { instructions, functions } = assemble(body, choose);
          const options = { functions, name: program, labels: true, mapName };
          const text = listing(instructions, options).join('\n');
          expect(bytesOf(text, { maps })).toBe(hex(instructions));
        }
      }
    }
  });
});

/** What identifies a reference. */
const referenceOf = ({ reference }: Instruction): readonly unknown[] => {
  switch (reference?.kind) {
    case 'map':
      return [reference.map.type, reference.map];
    case 'value':
      return [reference.map.type, reference.offset];
    case 'extern':
      return [reference.extern.name];
    case 'function':
      return [reference.function.name];
    default:
      return [];
  }
};

describe('labels and functions', () => {
  it('begins a function at each label that is called, with the arguments that it reads', () => {
    const code = parse(`
      r1 = 5
      call add_both
      exit
    add_both:          # takes two, by what it calls
      r0 = r1
      call second
      exit
    second:
      r0 += r2
      exit
    `);
    const { functions, instructions } = assemble(code, () => true);
    expect(
      functions.map(({ subprogram, start }) => [subprogram?.name, subprogram?.arity, start]),
    ).toEqual([
      [undefined, undefined, 0],
      ['add_both', 2, 3],
      ['second', 2, 6],
    ]);
    expect(hex(instructions)).toBe(
      'b701000005000000 8510000001000000 9500000000000000 bf10000000000000 8510000001000000 9500000000000000 0f20000000000000 9500000000000000',
    );
  });

  it('takes what bpftool dumps of a loaded program', () => {
    const code = parse(`int ended(unsigned long long * ctx):
; call bpf_get_current_pid_tgid @ prog.s:13
   0: (85) call bpf_get_current_pid_tgid#269056
   1: (bf) r1 = r0
   2: (85) call pc+3#bpf_prog_f09b335b3f65f3b7_bump
   3: (18) r6 = map[id:493365]
   5: (95) exit
unsigned long long bump(unsigned long long arg1):
   6: (bf) r0 = r1
   7: (95) exit
`);
    const { functions, instructions } = assemble(code, () => true);
    expect(functions.map(({ subprogram }) => subprogram?.name)).toEqual([undefined, 'bump']);
    expect(hex(instructions)).toBe(
      '850000000e000000 bf01000000000000 8510000003000000 1816000035870700 0000000000000000 9500000000000000 bf10000000000000 9500000000000000',
    );
    expect(() => parse('0: (85) call __htab_map_lookup_elem#330864')).toThrow(
      '__htab_map_lookup_elem is no helper, but what a kernel puts in the place of one: no program can be loaded with it',
    );
  });

  it('takes functions, maps and symbols that it is given', () => {
    const double = fn('double', 1, [mov(r0, r1), exit()]);
    const jiffies = { kind: 'extern', name: 'jiffies' } as const;
    const code = parse('r1 = counts ll\nr2 = jiffies ll\nr1 = 4\ncall double\nexit', {
      maps: { counts },
      functions: { double },
      externs: { jiffies },
    });
    const { instructions, functions } = assemble(code, () => true);
    expect(instructions[0]!.reference).toEqual({ kind: 'map', map: counts });
    expect(instructions[1]!.reference).toEqual({ kind: 'extern', extern: jiffies });
    expect(functions[1]!.subprogram).toBe(double);
  });

  it('has labels that are numbers, as often as one likes', () => {
    expect(bytesOf('1: r0 = 1\nif r0 == 0 goto 1b\ngoto 1f\n1: exit')).toBe(
      'b700000001000000 1500feff00000000 0500000000000000 9500000000000000',
    );
  });

  it('gives each instruction its line of the file', () => {
    const [first, second] = assembled(parse('r0 = 1 # one\n  exit', { file: 'one.s' }));
    expect(first!.site?.source).toEqual({
      file: 'one.s',
      line: 1,
      column: 1,
      text: 'r0 = 1 # one',
    });
    expect(second!.site?.source).toEqual({ file: 'one.s', line: 2, column: 3, text: '  exit' });
  });
});

describe('a text with a mistake', () => {
  // biome-ignore format: a table
  it.each([
    ['movv r1, 5', '1:1: there is no instruction "movv"; did you mean mov, movs?'],
    ['r0 = 0\n  jeqq r1, 0, +1', '2:3: there is no instruction "jeqq"; did you mean jeq?'],
    ['r12 = 0', '1:1: there is no register r12, but r0 to r10 and w0 to w9'],
    ['r10 = 0', '1:7: r10 =: r10, the frame pointer, is read-only'],
    ['r0 = r1 r2', '1:9: the instruction ends here, but "r2" follows'],
    ['r0 ** 5', '1:4: after r0 comes = or an operator as +=, got "** 5"'],
    ['w1 += r2', '1:7: add w1: w1 and r2 differ in width; use both as r or both as w'],
    ['r1 &= 0xffffffff', '1:7: and r1: the immediate is -2147483648 to 2147483647, got 4294967295; use w1, or put it in a register with mov first'],
    ['mov r1, 4294967295', '1:9: mov: the immediate is -2147483648 to 2147483647, got 4294967295; use lddw'],
    ['r1 <<= 64', '1:8: lsh r1: a shift is 0 to 63 bits, got 64'],
    ['r1 /= 0', '1:7: div r1: division by 0'],
    ['r1 = 010', '1:6: 010 is octal to some assemblers and decimal to others: leave the zero away'],
    ['r1 = *(u32 *)(r2 + 70000)', '1:20: load: an offset is -32768 to 32767, got 70000; add the distance to the register first'],
    ['r1 = *(u24 *)(r2 + 0)', '1:7: load: a type as (u32 *), got "(u24 *)(r2 + 0)"'],
    ['w1 = *(u64 *)(r2 + 0)', '1:6: this load fills the whole register: write r1'],
    ['*(u64 *)(r1 + 0) = w2', '1:20: store: eight bytes go with r2, not with w2'],
    ['*(u8 *)(r1 + 0) = 256', '1:19: store: 8 bits hold -128 to 255, got 256'],
    ['r1 = be16 r2', '1:6: r1 = be16 r2: bytes are swapped in place, so both are the same'],
    ['r1 = atomic64_xchg((u64 *)(r2 +0), r3)', '1:6: the old value goes into the register that the new one comes from: r1 and r3 differ'],
    ['if r1 > 5 exit', '1:11: if r1: after the comparison comes goto, got "exit"'],
    ['if r1 == w2 goto +0\nexit', '1:10: if r1 ==: r1 and w2 differ in width; use both as r or both as w'],
    ['goto out\nOut: exit', '1:6: there is no label out; did you mean Out?'],
    ['goto +3\nexit', '1:6: no instruction begins +3 from here'],
    ['goto +1\nr1 = 5 ll\nexit', '1:6: no instruction begins +1 from here'],
    ['out: r0 = 0\nout: exit', '2:1: label out is placed twice'],
    ['goto end\nend:', '1:6: end is behind the last instruction'],
    ['call f\ngoto f\nf: exit', '2:6: f leads from the program to f: functions only call each other'],
    ['call bpf_get_curent_comm', '1:6: there is no function or helper bpf_get_curent_comm; did you mean bpf_get_current_comm?'],
    ['call bpf_ktime_get_ns#6', '1:6: bpf_ktime_get_ns is helper 5, and 6 is bpf_trace_printk'],
    ['call bpf_ktime_get_ns#5x', '1:23: call: a number, got "5x"'],
    ['call +3', '1:6: call 3 is helper 3, and call pc+3 the function three instructions further on: which one?'],
    ['r1 = count ll', '1:6: there is no map, variable or function count; did you mean counts?'],
    ['0: (b7) r0 = 0\n2: (95) exit', '2:1: the listing goes on with slot 1, got 2: what is between is missing'],
    ['0: (bf) r0 = 0', '1:9: the listing says opcode bf, but this is b7'],
    ['BUG_ld_00', '1:1: BUG_ld_00 is the kernel\'s name for what is no instruction'],
    ['nospec', '1:1: nospec is put in by the kernel: no program can be loaded with it'],
    ['.section xdp', '1:1: .section belongs into a whole file: parseObject takes those'],
    ['exit; returns', '1:7: there is no instruction "returns"; comments begin with # or //'],
    ['r1 = 0x123456789abcdef01 ll', '1:6: lddw r1: 20988295479420645121 does not fit in 64 bits'],
    ['r0 = 0\n /* no end', '2:2: a comment begins here and never ends: */ is missing'],
    ['exit /*/', '1:6: a comment begins here and never ends: */ is missing'],
    ['goto +9007199254740993\nexit', '1:6: no instruction begins +9007199254740991 from here'],
    ['.quad 0x18', '1:1: .quad: byte 0: a 64-bit load takes 16 bytes, but 8 are left'],
    ['counts: exit', '1:1: label counts has the name of a map'],
    ['r1 = counts+8 ll', "1:6: the map's value has 8 bytes: there is no byte 8"],
    ['r1 = counts-1 ll', "1:6: the map's value has 8 bytes: there is no byte -1"],
    ['ldxw r1, r2', '1:10: "[" is missing before the address of ldxw, before "r2"'],
  ])('%j is refused', (text, message) => {
    const parsed = () => parse(text, { file: 'x', maps: { counts } });
    expect(parsed).toThrow(AssemblerTextError);
    expect(parsed).toThrow(new RegExp(`^x:${message.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`));
  });

  it('ends comments where lines end, and only there', () => {
    const text = '\uFEFF; one\u2028 two\r\nr0 = 0 # three\u2029 four\r five\r\n/**/ exit // six\n';
    expect(bytesOf(text)).toBe('b700000000000000 9500000000000000');
  });

  it.each([
    ['a name', 'goto '.padEnd(1e7, 'a'), /^line 1, column 6: a name has at most 4096 characters/],
    ['quotes', '"'.padEnd(1e7, '\\"'), /^line 1, column 1: an instruction, a label or a dir/],
    ['a local label', '1'.repeat(1e7), /^line 1, column 1: an instruction, a label or a directive/],
  ])('of ten million characters is named in short: %s', (_what, text, message) => {
    let error: unknown;
    try {
      parse(text);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(AssemblerTextError);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message.length).toBeLessThan(300);
  });

  it('says where it was parsed, when it is no file', () => {
    expect(() => parse('r0 = 0\nmovv r1, 5')).toThrow(
      /^line 2, column 1: there is no instruction "movv"; .* \(parse\.test\.ts:\d+\)$/,
    );
  });
});
