/**
 * @module
 * What a program as a whole may not: without a privilege, under another licence, with tail calls, in C's types.
 */
import { BPF_ABS, BPF_IND, BPF_LD, classOf } from '../../asm/index.ts';
import { slotWhere } from '../program.ts';
import { type Case, calledBy, type Rule } from '../rule.ts';

const isPacketLoad = ({ program, step }: Case): number | undefined =>
  step?.slot ??
  slotWhere(
    program,
    ({ opcode }) =>
      classOf(opcode) === BPF_LD && ((opcode & 0xe0) === BPF_ABS || (opcode & 0xe0) === BPF_IND),
  );

export const LIMITS: readonly Rule[] = [
  // ----------
  // Privileges and licences
  // ----------
  {
    class: 'capability',
    pattern: /prohibited for !root/,
    explain: () => ({
      cause: 'only those who have CAP_PERFMON may compute with pointers like this',
      repair: 'run as root, or grant CAP_PERFMON beside CAP_BPF; or use constant offsets',
      registers: [],
    }),
  },
  {
    class: 'capability',
    pattern:
      /allowed only to CAP_PERFMON and CAP_SYS_ADMIN|are allowed for CAP_BPF and CAP_SYS_ADMIN|(?:CAP_BPF and )?CAP_PERFMON (?:are|is) required/,
    explain: () => ({
      cause: 'this is for those who have CAP_BPF and CAP_PERFMON',
      repair: 'run as root, or grant both',
      registers: [],
    }),
  },
  {
    class: 'licence',
    pattern: /from non-GPL compatible program|must have a GPL compatible license/,
    explain: ({ isC }) => ({
      cause: 'this is for programs under the GPL',
      repair: isC
        ? 'char LICENSE[] SEC("license") = "Dual MIT/GPL";'
        : "object({ license: 'Dual MIT/GPL', ... })",
      registers: [],
    }),
  },
  {
    class: 'sleepable',
    pattern: /Sleepable programs can only use (.*)/,
    explain: ({ match }) => ({
      cause: `programs that may sleep have only these maps: ${match[1]}`,
      repair: 'use one of these, or a hook that does not sleep',
      registers: [],
    }),
  },
  {
    class: 'sleepable',
    pattern: /(?:Syscall programs|.* programs) can only be sleepable/,
    explain: () => ({
      cause: 'programs of this type may sleep, and must say so',
      repair: 'load it with BPF_F_SLEEPABLE, as section names do that end in .s',
      registers: [],
    }),
  },

  // ----------
  // Tail calls
  // ----------
  {
    class: 'stack-depth',
    pattern: /tail_calls are not allowed when call stack of previous frames is (\d+) bytes/,
    explain: ({ match }) => ({
      cause: `a tail call is made below ${match[1]} bytes of stack, of which it may have 256`,
      repair: 'make it in the program itself, or make the stack of its callers smaller',
      registers: [],
    }),
  },
  {
    class: 'stack-depth',
    pattern: /stack size of subprog (\d+) is (\d+)\. Too large/,
    explain: ({ match, program }) => ({
      cause: `a function has ${match[2]} bytes of stack, of 512`,
      repair:
        'make its stack slots smaller, or put what is large into a per-CPU array of one entry',
      slot: program?.functions[Number(match[1])]?.start,
      registers: [],
    }),
  },
  {
    class: 'subprogram',
    pattern:
      /mixing of tail_calls and bpf-to-bpf calls|tail_calls? (?:is|are) (?:not|only) allowed|cannot tail call within (?:exception cb|callback)|cannot tail call$/,
    explain: ({ step }) => ({
      cause: `${calledBy(step) ?? 'a tail call'} is not allowed in this place: in a callback, or in a function of this kernel or of these types`,
      repair: 'make tail calls in the program itself',
      registers: [],
    }),
  },

  // ----------
  // Functions and what they take
  // ----------
  {
    class: 'subprogram',
    pattern: /callback function cannot be the main program/,
    explain: () => ({
      cause: 'the program itself is passed as a callback',
      repair: 'pass a function of its own',
      registers: [],
    }),
  },
  {
    class: 'subprogram',
    pattern: /R(\d+) is a packet pointer, but func#\d+ may change packet data/,
    explain: ({ match }) => ({
      cause: `r${match[1]} points into the packet, and the function that is called may move that`,
      repair: 'pass the context, and load data and data_end in the function',
      registers: [`r${match[1]}`],
    }),
  },
  {
    class: 'subprogram',
    pattern:
      /Global function (\w+)\(\) return value not (?:void or )?scalar|Arg#(\d+) type .* in (\w+)\(\) is not supported|(?:Global functions need valid BTF|functions? .* has \d+ > \d+ args|arg#\d+ has type .* but only struct or primitive types)/i,
    explain: ({ match, isC }) => ({
      cause: `the global function ${match[1] ?? match[3] ?? 'that is called'} takes or returns what such functions may not: they have at most five numbers or pointers to structs, and return a number`,
      repair: isC ? 'make it static, or change its prototype' : 'leave out { global: true }',
      registers: [],
    }),
  },
  {
    class: 'return-value',
    pattern: /BPF_LSM_CGROUP that attach to void LSM hooks can't modify return value/,
    explain: () => ({
      cause: 'the hook returns nothing, so the program may return only 1',
      repair: 'return 1',
      registers: ['r0'],
    }),
  },

  // ----------
  // Classic loads of packets
  // ----------
  {
    class: 'invalid-instruction',
    pattern:
      /BPF_LD_\[ABS\|IND\] (?:instructions )?not allowed|cannot use BPF_LD_\[ABS\|IND\]|LD_ABS is (?:not|only) allowed|BPF_LD_\[ABS\|IND\] is not allowed/,
    explain: (it) => ({
      cause:
        'this load of a packet is for socket filters and traffic control, in the program itself',
      repair: 'load data and data_end from the context, and compare; or skb_load_bytes',
      slot: isPacketLoad(it),
      registers: [],
    }),
  },
  {
    class: 'helper-argument',
    pattern: /at the time of BPF_LD_ABS\|IND R6 != pointer to skb/,
    explain: () => ({
      cause: 'this load of a packet takes the context from r6, which holds something else',
      repair: 'mov(r6, r1) at the beginning, and leave r6 alone',
      registers: ['r6'],
    }),
  },
];
