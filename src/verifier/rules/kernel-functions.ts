/**
 * @module
 * Calls of functions of the kernel (kfuncs): those that this program may not call, and arguments that they do not take.
 */
import { isKernelCall, slotWhere } from '../program.ts';
import { calledBy, type Rule, registerOf } from '../rule.ts';

const EXPECTED: Readonly<Record<string, string>> = {
  ctx: 'the context',
  'allocated object': 'an object that the program has allocated',
  'map value or allocated object':
    'the value of a map, or an object that the program has allocated',
};

export const KERNEL_FUNCTIONS: readonly Rule[] = [
  {
    class: 'kernel-function',
    pattern: /calling kernel function (\w+) is not allowed/,
    explain: ({ match }) => ({
      cause: `${match[1]} is not a kfunc that programs of this type may call`,
      repair: 'use a helper, or another type of program',
      registers: [],
    }),
  },
  {
    class: 'kernel-function',
    pattern:
      /invalid kernel function call not eliminated in verifier pass|calling kernel functions? (?:are|is) not (?:allowed|supported) without/,
    explain: ({ program }) => ({
      cause: 'this calls a function of the kernel that this kernel does not have',
      repair: 'it needs a newer kernel',
      slot: slotWhere(program, isKernelCall),
      registers: [],
    }),
  },
  {
    class: 'kernel-function',
    pattern: /kernel (?:btf_id|function btf_id) (\d+) is not a function/,
    explain: ({ match, program }) => ({
      cause: `there is no function with the id ${match[1]} in the types of this kernel`,
      repair: 'name the function, and let the loader find its id',
      slot: slotWhere(program, (each) => isKernelCall(each) && each.imm === Number(match[1])),
      registers: [],
    }),
  },
  {
    class: 'kernel-function',
    pattern: /(?:arg#(\d+)|R(\d+)) pointer type \w+ (\w+) must point to/,
    explain: ({ match }) => {
      // Arguments count from 0, registers from 1.
      const register = `r${match[2] ?? Number(match[1]) + 1}`;
      return {
        cause: `${register} must be a pointer to ${match[3]} that the verifier trusts`,
        repair: 'pass what the context, a helper or another function of the kernel gave',
        registers: [register],
      };
    },
  },
  {
    class: 'kernel-function',
    pattern: /release kfunc (\w+) expects referenced PTR_TO_BTF_ID passed to (?:R|arg#)(\d+)/,
    explain: ({ match }) => ({
      cause: `${match[1]} gives back a reference, and this is none`,
      repair: 'pass what was acquired, once',
      registers: ['r1'],
    }),
  },
  {
    class: 'kernel-function',
    pattern: /R(\d+) must be (?:referenced|a rcu pointer|referenced or trusted)/,
    explain: (it) => ({
      cause: `${registerOf(it)} is a pointer that this function does not trust`,
      repair: 'pass what the context gave, or acquire a reference first',
    }),
  },
  {
    class: 'kernel-function',
    pattern: /JIT (?:is required for|does not support) calling k|JIT does not support kfunc/,
    explain: ({ program }) => ({
      cause: 'the compiler of this kernel does not know such calls of functions of the kernel',
      repair: 'use a helper; or a newer kernel, with net.core.bpf_jit_enable on',
      slot: slotWhere(program, isKernelCall),
      registers: [],
    }),
  },
  {
    class: 'kernel-function',
    pattern: /kernel function (\w+) (?:(?:R|arg#)(\d+) )?expected pointer to (\w+ \w+) but/,
    explain: ({ match }) => ({
      cause: `${match[1]} takes a pointer to a ${match[3]}`,
      repair: 'pass what the context, a helper or another function of the kernel gave',
      registers: match[2] === undefined ? [] : [`r${match[2]}`],
    }),
  },
  {
    class: 'kernel-function',
    pattern: /R(\d+) expected pointer to (ctx|allocated object|map value or allocated object)/,
    explain: (it) => ({
      cause: `${registerOf(it)} must be ${EXPECTED[it.match[2]!]}`,
      repair: 'pass the pointer as it was given, not one that was computed',
    }),
  },
  {
    class: 'kernel-function',
    pattern: /R(\d+) memory, len pair leads to invalid memory access/,
    explain: (it) => ({
      cause: `the memory that ${registerOf(it)} points to is smaller than the size behind it, or is no memory`,
      repair: 'pass the size of that memory, or less',
    }),
  },
  {
    class: 'lock',
    pattern:
      /kernel func (\w+) requires RCU critical section protection|expected an RCU CS when using (\w+)/,
    explain: ({ match }) => ({
      cause: `${match[1] ?? match[2]} is only allowed within a region of RCU`,
      repair: 'call bpf_rcu_read_lock before, and bpf_rcu_read_unlock after',
      registers: [],
    }),
  },
  {
    class: 'sleepable',
    pattern: /kernel func (\w+) is sleepable within (\w+)/,
    explain: ({ match }) => ({
      cause: `${match[1]} may sleep, and nothing may within ${match[2]}`,
      repair: 'call it before, or after',
      registers: [],
    }),
  },
  {
    class: 'capability',
    pattern: /destructive kfunc calls require (CAP_\w+)/,
    explain: ({ match, step }) => ({
      cause: `${calledBy(step) ?? 'this function'} can stop the system, and is for those who have ${match[1]}`,
      repair: `run as root, or grant ${match[1]}`,
      registers: [],
    }),
  },
];
