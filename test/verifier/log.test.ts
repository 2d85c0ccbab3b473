import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { blamedRegister, parseRefusal, tailOf } from '../../src/verifier/index.ts';

const GOLDEN = new URL('../golden/verifier/', import.meta.url);
const recorded = (name: string): string => readFileSync(new URL(`${name}.txt`, GOLDEN), 'utf8');

/** What Linux 6.18 wrote, recorded by test/golden/verifier/record.ts. */
const REFUSALS: Record<string, Partial<NonNullable<ReturnType<typeof parseRefusal>>>> = {
  'null-check': {
    message: "R0 invalid mem access 'map_value_or_null'",
    instruction: 6,
    text: 'r1 = *(u64 *)(r0 +0)',
    // The call has destroyed r1 to r5.
    registers: { r0: 'map_value_or_null(id=1,map=entries,ks=4,vs=16)', r10: 'fp0' },
  },
  'null-check-in-subprogram': {
    message: "R0 invalid mem access 'map_value_or_null'",
    instruction: 11,
    // Those of the subprogram: r6 is its caller's.
    registers: { r0: 'map_value_or_null(id=1,map=entries,ks=4,vs=16)', r10: 'fp0' },
  },
  'null-check-in-callback': {
    message: "R0 invalid mem access 'map_value_or_null'",
    instruction: 14,
    text: 'r0 = *(u32 *)(r0 +8)',
  },
  'second-branch': {
    message: "R6 invalid mem access 'map_value_or_null'",
    instruction: 12,
  },
  'packet-bounds': {
    message:
      'invalid access to packet, off=0 size=4, R1(id=0,off=0,r=0); R1 offset is outside of the packet',
    instruction: 2,
    registers: { r1: 'pkt(r=0)', r10: 'fp0' },
  },
  'uninitialised-stack': {
    message: "R4 min value is negative, either use unsigned or 'var &= const'",
    instruction: 5,
    text: 'call bpf_skb_load_bytes#26',
  },
  'stack-bounds': { message: 'invalid write to stack R10 off=-520 size=8', instruction: 0 },
  'endless-loop': { message: 'infinite loop detected at insn 0', text: 'goto pc-2' },
  'unreleased-record': {
    message:
      'Unreleased reference id=2 alloc_insn=4; BPF_EXIT instruction in main prog would lead to reference leak',
    instruction: 14,
    origin: 4,
    text: 'exit',
  },
  'foreign-helper': {
    message: 'program of this type cannot use helper bpf_xdp_adjust_head#44',
    instruction: 1,
  },
  'callback-return': {
    message: 'At callback return the register R0 has smin=2 smax=2 should have been in [0, 1]',
    text: 'exit',
    registers: { r0: '2', r1: 'scalar()', r2: '0', r10: 'fp0' },
  },
  'global-argument': {
    message: "R1 is not a scalar; Caller passes invalid args into func#1 ('read_it')",
    text: 'call pc+2',
    registers: { r1: 'fp0', r10: 'fp0' },
  },
  'combined-stack': {
    message: 'combined stack size of 2 calls is 800. Too large',
    instruction: undefined,
    registers: {},
  },
  'missing-field': {
    message: 'invalid func unknown#195896080',
    instruction: 1,
    text: 'call unknown#195896080',
  },
  'new-instruction': { message: 'unknown opcode 0d', instruction: undefined, text: undefined },
};

describe('the refusal at the end of a log of Linux 6.18', () => {
  it('is known for every log that was recorded', () => {
    const names = readdirSync(GOLDEN).filter((file) => file.endsWith('.txt'));
    expect(names.map((file) => file.slice(0, -4)).sort()).toEqual(Object.keys(REFUSALS).sort());
  });

  it.each(Object.entries(REFUSALS))('is read: %s', (name, expected) => {
    const refusal = parseRefusal(recorded(name))!;
    const { registers, ...rest } = expected;
    expect(refusal).toMatchObject(rest);
    if (registers) expect(refusal.registers).toEqual(registers);
  });

  it('is read from the way that a jump takes, which forgets what was known before', () => {
    const { registers } = parseRefusal(recorded('second-branch'))!;
    expect(registers.r6).toMatch(/^map_value_or_null\(id=\d+,map=entries,ks=4,vs=16\)$/);
    expect(registers.r1).toBeUndefined();
  });
});

describe('the refusal at the end of a log of older kernels', () => {
  // Written by hand after kernel/bpf/verifier.c of the release in question: these kernels were not at hand.
  it('5.10: marks of registers, `inv`, and states on lines of their own', () => {
    const log = `func#0 @0
0: R1=ctx(id=0,off=0,imm=0) R10=fp0
0: (62) *(u32 *)(r10 -8) = 0
1: (18) r1 = 0xffff8880067a2000
3: (85) call bpf_map_lookup_elem#1
4: R0_w=map_value_or_null(id=1,off=0,ks=4,vs=16,imm=0) R6_rw=inv(id=0,umax_value=255,var_off=(0x0; 0xff)) R10=fp0 fp-8=????mmmm
4: (79) r1 = *(u64 *)(r0 +0)
R0 invalid mem access 'map_value_or_null'
processed 5 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;
    expect(parseRefusal(log)).toEqual({
      message: "R0 invalid mem access 'map_value_or_null'",
      instruction: 4,
      text: 'r1 = *(u64 *)(r0 +0)',
      origin: undefined,
      registers: {
        r0: 'map_value_or_null(id=1,off=0,ks=4,vs=16,imm=0)',
        r6: 'inv(id=0,umax_value=255,var_off=(0x0; 0xff))',
        r10: 'fp0',
      },
    });
  });

  it('6.1: `R1_w=` behind an instruction, and a branch', () => {
    const log = `0: (bf) r6 = r1                       ; R1=ctx(off=0,imm=0) R6_w=ctx(off=0,imm=0)
1: (85) call bpf_ktime_get_ns#5       ; R0_w=scalar()
2: (15) if r0 == 0x0 goto pc+2        ; R0_w=scalar()
3: (b7) r0 = 0                        ; R0_w=0
4: (95) exit

from 2 to 5: R0_w=0 R6_w=ctx(off=0,imm=0) R10=fp0
5: (79) r0 = *(u64 *)(r0 +0)
R0 invalid mem access 'scalar'
verification time 45 usec
stack depth 0
processed 7 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;
    expect(parseRefusal(log)).toMatchObject({
      message: "R0 invalid mem access 'scalar'",
      instruction: 5,
      registers: { r0: '0', r6: 'ctx(off=0,imm=0)', r10: 'fp0' },
    });
  });

  it('a return from a subprogram brings back the registers of its caller', () => {
    const log = `0: (bf) r6 = r1                       ; R1=ctx(off=0,imm=0) R6_w=ctx(off=0,imm=0)
1: (85) call pc+3
caller:
 R6_w=ctx(off=0,imm=0) R10=fp0
callee:
 frame1: R1=ctx(off=0,imm=0) R10=fp0
5: (b7) r0 = 1                        ; frame1: R0_w=1
6: (95) exit
returning from callee:
 frame1: R0_w=1 R1=ctx(off=0,imm=0) R10=fp0
to caller at 2:
 R0_w=1 R6_w=ctx(off=0,imm=0) R10=fp0
2: (bf) r1 = r9
R9 !read_ok
processed 5 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
`;
    expect(parseRefusal(log)).toMatchObject({
      message: 'R9 !read_ok',
      instruction: 2,
      registers: { r0: '1', r6: 'ctx(off=0,imm=0)', r10: 'fp0' },
    });
  });

  it.each([
    ['back-edge from insn 3 to 1', 3],
    ['unreachable insn 4', 4],
    ['jump out of range from insn 0 to 100', 0],
    ['last insn is not an exit or jmp', undefined],
  ])('%s: names its instruction itself, if at all', (message, instruction) => {
    expect(parseRefusal(`${message}\nprocessed 0 insns (limit 1000000)\n`)).toMatchObject({
      message,
      instruction,
      text: undefined,
    });
  });
});

describe('a log that is cut', () => {
  const whole = recorded('null-check');

  it('at its beginning (since Linux 6.4) is read as the whole', () => {
    const { registers, ...rest } = parseRefusal(whole)!;
    const cut = whole.slice(whole.indexOf('3: (bf)') + 4);
    const found = parseRefusal(cut)!;
    expect(found).toMatchObject(rest);
    expect(found.registers.r0).toBe(registers.r0);
  });

  it('at its end gives no reason', () => {
    expect(parseRefusal(whole.slice(0, whole.indexOf('6: (79)')))).toMatchObject({
      message: 'the log gives no reason',
      instruction: 5,
    });
  });

  it('in the middle of a line is no trouble', () => {
    for (let end = 0; end < whole.length; end += 7) parseRefusal(whole.slice(0, end));
    for (let start = 0; start < whole.length; start += 7) parseRefusal(whole.slice(start));
  });

  it('is nothing when it is empty', () => {
    expect([parseRefusal(''), parseRefusal('\n\n')]).toEqual([undefined, undefined]);
  });
});

describe('of a log', () => {
  it('the register that a sentence is about is known', () => {
    expect(blamedRegister("R0 invalid mem access 'scalar'")).toBe('r0');
    expect(blamedRegister('At program exit the register R0 has 7')).toBe('r0');
    expect(blamedRegister('unreachable insn 4')).toBeUndefined();
  });

  it('the tail has no empty lines', () => {
    expect(tailOf('a\n\nb\nc\n', 2)).toEqual(['b', 'c']);
  });
});
