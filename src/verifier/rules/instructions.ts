/**
 * @module
 * Instructions that this kernel does not know, or that never make sense.
 */
import { LDDW } from '../../asm/index.ts';
import { slotWhere } from '../program.ts';
import type { Rule } from '../rule.ts';

const malformed = (cause: string) => () => ({
  cause,
  repair: 'make instructions with the functions of the language, which check their fields',
  registers: [],
});

export const INSTRUCTIONS: readonly Rule[] = [
  {
    class: 'invalid-instruction',
    pattern: /unknown opcode ([0-9a-f]{2})/,
    explain: (it) => ({
      cause: `this kernel knows no instruction ${it.match[1]}`,
      repair: 'it needs a newer kernel, or there is no such instruction',
      slot:
        it.refusal.instruction ??
        slotWhere(it.program, ({ opcode }) => opcode === Number.parseInt(it.match[1]!, 16)),
      registers: [],
    }),
  },
  {
    class: 'invalid-instruction',
    pattern: /BPF_(\w+) uses (?:reserved fields|invalid \w+ (?:opcode|size).*)|invalid BPF_\w+/,
    explain: malformed('a field of this instruction holds what the kernel does not know'),
  },
  {
    class: 'invalid-instruction',
    pattern: /div by zero/,
    explain: () => ({
      cause: 'this divides by the constant 0',
      repair: 'divide by another number',
      registers: [],
    }),
  },
  {
    class: 'invalid-instruction',
    pattern: /invalid shift (-?\d+)/,
    explain: ({ match }) => ({
      cause: `this shifts by ${match[1]}, more than the register has bits`,
      repair: 'shift by less than 64, or 32 for w registers',
      registers: [],
    }),
  },
  {
    class: 'invalid-instruction',
    pattern: /R(\d+) is invalid/,
    explain: ({ match, refusal, program }) => ({
      cause: `there is no r${match[1]}`,
      repair: 'use r0 to r9; r10 is the frame pointer',
      slot:
        refusal.instruction ??
        slotWhere(program, ({ dst, src }) => dst === Number(match[1]) || src === Number(match[1])),
      registers: [],
    }),
  },
  {
    class: 'invalid-instruction',
    pattern: /unrecognized bpf_ld_imm64 insn|invalid bpf_ld_imm64 insn/,
    explain: (it) => ({
      cause: 'this 16-byte load is of a kind that the kernel does not know',
      repair: 'make it with lea() or lddw()',
      slot: slotWhere(it.program, ({ opcode, src }) => opcode === LDDW && src > 6),
      registers: [],
    }),
  },
  {
    class: 'invalid-instruction',
    pattern: /addr_space_cast insn can only (?:be used in|convert between)/,
    explain: () => ({
      cause: 'addresses are converted between that of an arena and that of user space only',
      repair: 'give the program a map of the type arena, and convert between 0 and 1',
      registers: [],
    }),
  },
  {
    class: 'invalid-instruction',
    pattern: /BPF_\S+ uses reserved fields/,
    explain: malformed('a field of this instruction holds what the kernel does not know'),
  },
  {
    class: 'invalid-instruction',
    pattern: /invalid atomic operand size/,
    explain: () => ({
      cause: 'atomic operations have 4 or 8 bytes',
      repair: 'make the field a u32 or a u64',
      registers: [],
    }),
  },
];
