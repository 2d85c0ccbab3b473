import { describe, expect, it } from 'vitest';
import { EM, encodeUsdtSpec, parseUsdtArguments } from '../../src/elf/index.ts';

const place = { value: 0n, register: 0, index: 0, scale: 1 };

describe('the arguments of a static probe', () => {
  it('are read in all forms that assemblers of x86-64 write', () => {
    const text =
      '-4@%edi 8@-24(%rbp) 1@$7 -8@$-9 2@(%rsp) 8@16(%rax,%rbx,8) -1@%r15b 4@8(%r8,%rcx)';
    expect(parseUsdtArguments(text, EM.X86_64)).toEqual([
      { ...place, kind: 'register', register: 112, size: 4, signed: true },
      { ...place, kind: 'memory', register: 32, value: -24n, size: 8, signed: false },
      { ...place, kind: 'constant', value: 7n, size: 1, signed: false },
      { ...place, kind: 'constant', value: -9n, size: 8, signed: true },
      { ...place, kind: 'memory', register: 152, size: 2, signed: false },
      {
        kind: 'indexed-memory',
        register: 80,
        value: 16n,
        index: 40,
        scale: 8,
        size: 8,
        signed: false,
      },
      { ...place, kind: 'register', register: 0, size: 1, signed: true },
      {
        kind: 'indexed-memory',
        register: 72,
        value: 8n,
        index: 88,
        scale: 1,
        size: 4,
        signed: false,
      },
    ]);
  });

  it('are read in all forms that assemblers of arm64 write', () => {
    expect(
      parseUsdtArguments('-4@x0 8@[sp, 8] 4@[x29, -20] 8@[x1] -8@-5 8@sp', EM.AARCH64),
    ).toEqual([
      { ...place, kind: 'register', register: 0, size: 4, signed: true },
      { ...place, kind: 'memory', register: 248, value: 8n, size: 8, signed: false },
      { ...place, kind: 'memory', register: 232, value: -20n, size: 4, signed: false },
      { ...place, kind: 'memory', register: 8, size: 8, signed: false },
      { ...place, kind: 'constant', value: -5n, size: 8, signed: true },
      { ...place, kind: 'register', register: 248, size: 8, signed: false },
    ]);
  });

  it('are none of an empty text', () => {
    expect(parseUsdtArguments('', EM.X86_64)).toEqual([]);
  });

  it.each([
    ['8f@%xmm0', 'an argument of a static probe that programs cannot read: 8f@%xmm0'],
    ['8@counter(%rip)', 'an argument of a static probe that programs cannot read: 8@counter(%rip)'],
    ['3@%rax', 'an argument of a static probe that programs cannot read: 3@%rax'],
    ['8@%rex', 'an argument of a static probe that programs cannot read: 8@%rex'],
    ['8@(%rax,%rbx,3)', 'an argument of a static probe that programs cannot read: 8@(%rax,%rbx,3)'],
    [
      Array(13).fill('8@%rax').join(' '),
      `a static probe has 13 arguments, and programs read 12: ${Array(13).fill('8@%rax').join(' ')}`,
    ],
  ])('are refused by their name: %s', (text, message) => {
    expect(() => parseUsdtArguments(text, EM.X86_64)).toThrow(message);
  });

  it('are encoded as usdt.bpf.h reads them', () => {
    const spec = encodeUsdtSpec(parseUsdtArguments('-4@%edi 8@-24(%rbp,%rax,4)', EM.X86_64), 5n);
    const hex = (from: number, to: number) => Buffer.from(spec.subarray(from, to)).toString('hex');
    expect(spec.length).toBe(208);
    // value; kind REG; register 112, signed, 32 bits to shift away
    expect(hex(0, 16)).toBe('00000000000000000100000070000120');
    // -24; kind SIB, index 80 << 8, scale 2 << 20; register 32
    expect(hex(16, 32)).toBe('e8ffffffffffffff0350200020000000');
    expect(hex(32, 192)).toBe('00'.repeat(160));
    expect(hex(192, 208)).toBe('05000000000000000200000000000000');
  });
});
