/**
 * @module
 * Our text for LLVM against llvm-mc 19, which has been asked for the bytes of all that is printed here
 * (test/golden/asm/printed.json, made by make.ts there).
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  type AnyMap,
  add,
  assemble,
  call,
  encode,
  exit,
  fn,
  helper,
  jeq,
  label,
  lea,
  listingLlvm,
  make,
  mov,
  print,
  r0,
  r1,
  r2,
  r3,
} from '../../src/asm/index.ts';
import { u32, u64 } from '../../src/layout/index.ts';
import { forms } from './forms.ts';

const { bytes, assembler } = JSON.parse(
  readFileSync(new URL('../golden/asm/printed.json', import.meta.url), 'utf8'),
) as { readonly assembler: string; readonly bytes: Readonly<Record<string, string>> };

describe('what is printed for LLVM', () => {
  it(`is assembled to the same bytes by ${assembler}`, () => {
    const different = forms.flatMap(({ build, choose = true }) => {
      const { instructions } = assemble(build(), () => choose);
      const text = instructions.map((each) => print(each, { syntax: 'llvm' })).join('\n');
      const ours = Buffer.from(encode(instructions))
        .toString('hex')
        .replace(/(.{16})(?=.)/g, '$1 ');
      return bytes[text] === ours ? [] : [{ text, ours, theirs: bytes[text] }];
    });
    expect(different).toEqual([]);
    expect(Object.keys(bytes).length).toBeGreaterThan(900);
  });

  it('is a number where LLVM has no text', () => {
    const llvm = (fields: Parameters<typeof make>[0]) => print(make(fields), { syntax: 'llvm' });
    expect(llvm({ opcode: 0x40, src: 2, imm: 4 })).toBe('.quad 0x400002040');
    expect(llvm({ opcode: 0x85, src: 2, imm: 77 })).toBe('.quad 0x4d00002085');
    expect(llvm({ opcode: 0x18, dst: 1, src: 2, imm64: (8n << 32n) | 5n })).toBe(
      '.quad 0x500002118, 0x800000000',
    );
    expect(llvm({ opcode: 0xbf, dst: 1, src: 2, offset: -1 })).toBe('.quad 0xffff21bf');
    expect(llvm({ opcode: 0xc2 })).toBe('.quad 0xc2');
    for (let opcode = 0; opcode < 256; opcode++) {
      const imm = opcode === 0x18 ? { imm64: 5n } : { imm: 5 };
      expect(llvm({ opcode, dst: 1, src: 2, offset: 8, ...imm })).not.toMatch(/undefined|NaN/);
    }
  });

  it('spells newer instructions as newer versions do', () => {
    const llvm = (fields: Parameters<typeof make>[0]) => print(make(fields), { syntax: 'llvm' });
    expect(llvm({ opcode: 0xd3, dst: 1, src: 2, offset: -8, imm: 0x100 })).toBe(
      'w1 = load_acquire((u8 *)(r2 - 8))',
    );
    expect(llvm({ opcode: 0xdb, dst: 1, src: 2, imm: 0x110 })).toBe(
      'store_release((u64 *)(r1 + 0), r2)',
    );
    expect(llvm({ opcode: 0x0d, dst: 2 })).toBe('gotox r2');
    expect(llvm({ opcode: 0x18, dst: 1, src: 1, imm64: 5n })).toBe('ld_pseudo r1, 1, 0x5');
  });
});

describe('a listing for LLVM', () => {
  it('has a section, symbols, names of helpers, and labels that no other program has', () => {
    const counts: AnyMap = { kind: 'map', type: 'hash', key: u32, value: u64 };
    const double = fn('double', 1, [mov(r0, r1), add(r0, r1), exit()]);
    const out = label('out');
    const { instructions, functions } = assemble(
      [
        lea(r1, counts),
        lea(r2, double),
        call(helper.get_smp_processor_id),
        jeq(r0, 0, out),
        mov(r3, 5),
        call(double, r3),
        out,
        exit(),
      ],
      () => true,
    );
    const options = {
      functions,
      name: 'keep',
      prefix: 'keep.',
      mapName: () => 'a b',
      lines: false,
    };
    expect(listingLlvm(instructions, 'tracepoint/x/y', options)).toEqual([
      '.section "tracepoint/x/y","ax",@progbits',
      '.globl keep',
      '.type keep,@function',
      'keep:',
      '    r1 = "a b" ll',
      '    r2 = keep.double ll',
      `${'    call 8'.padEnd(52)} # bpf_get_smp_processor_id`,
      '    if r0 == 0 goto keep.out',
      '    r3 = 5',
      '    r1 = r3',
      '    call keep.double',
      'keep.out:',
      '    exit',
      '.type keep.double,@function',
      'keep.double:',
      '    r0 = r1',
      '    r0 += r1',
      '    exit',
    ]);
  });
});
