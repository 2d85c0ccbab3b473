/**
 * @module
 * Calls of helpers: arguments of the wrong kind, and calls that this program may not make.
 */
import { helperById } from '../../asm/index.ts';
import { isKernelCall, slotWhere } from '../program.ts';
import { type Case, calledBy, type Rule, registerOf } from '../rule.ts';
import { describeType, describeValue, parseValue } from '../value.ts';

/** The argument of a helper that a register is: `the argument key of bpf_map_lookup_elem`. */
const argumentOf = ({ step }: Case, register: string): string => {
  const [, name, id] = /^call (\w+)#(-?\d+)/.exec(step?.text ?? '') ?? [];
  const number = Number(register.slice(1));
  if (name === undefined) return `argument ${number}`;
  const helper = helperById(Number(id));
  const argument =
    helper?.name === name.replace(/^bpf_/, '') ? helper.names[number - 1] : undefined;
  return argument === undefined
    ? `argument ${number} of ${name}`
    : `the argument ${argument} of ${name}`;
};

const REPAIRS: Readonly<Record<string, string>> = {
  map_ptr: 'pass the map itself',
  ctx: 'pass the context: what r1 is when the program starts; keep it in r6 to r9',
  scalar: 'pass a number',
  ringbuf_mem: 'pass what the reservation returned',
  func: 'pass a subprogram of this object',
  map_value: 'pass memory in the value of a map: look it up, or use globals()',
  fp: 'pass the address of memory: of a stack slot, of the value of a map',
};

const wrongArgument = (it: Case) => {
  const register = registerOf(it);
  const expected = it.match[3]!.split(', ');
  const held = it.held(register);
  const is = held === undefined ? describeType(it.match[2]!) : describeValue(held);
  const kinds =
    expected.length > 4 && expected.includes('fp')
      ? 'memory'
      : [...new Set(expected.map((type) => describeType(type)))].join(' or ');
  return {
    cause: `${register}, ${argumentOf(it, register)}, is ${is}; it must be ${kinds}`,
    repair:
      REPAIRS[expected[0]!] ??
      'pass an object of that kind, as a helper, a look-up or the context gave it',
    registers: [register],
  };
};

/** The helpers that every program may call, if who loads it has CAP_PERFMON (bpf_base_func_proto, Linux 6.18). */
const NEEDS_PERFMON: ReadonlySet<string> = new Set([
  'bpf_get_current_task',
  'bpf_get_current_task_btf',
  'bpf_probe_read_kernel',
  'bpf_probe_read_kernel_str',
  'bpf_probe_read_user',
  'bpf_probe_read_user_str',
  'bpf_snprintf',
  'bpf_snprintf_btf',
  'bpf_task_pt_regs',
  'bpf_trace_printk',
  'bpf_trace_vprintk',
]);

/** What an object file has in place of a call that a CO-RE relocation could not fill in (libbpf's poison). */
const POISON = 0xbad2310;

export const HELPERS: readonly Rule[] = [
  {
    class: 'use-after-release',
    pattern: /R(\d+) (?:type=(?:scalar|inv) expected=|invalid mem access '(?:scalar|inv)')/,
    when: (it) => it.loss(registerOf(it)) !== undefined,
    explain: (it) => {
      const register = registerOf(it);
      const { step, value } = it.loss(register)!;
      return {
        cause: `${register} was ${describeValue(value)}, and ${calledBy(step) ?? 'the subprogram that was called'} gave that back: it is only a number now`,
        repair: 'use it before it is given back, and give it back once',
        registers: [register],
      };
    },
  },
  {
    class: 'lock',
    pattern: /R(\d+) type=(\w+) expected=map_value(?:, ptr_)?$/,
    when: ({ step }) => /^bpf_spin_(?:un)?lock$/.test(calledBy(step) ?? ''),
    explain: (it) => ({
      cause: `${registerOf(it)} is ${describeType(it.match[2]!)}, and locks are in the values of maps`,
      repair: 'put a struct bpf_spin_lock into the value of a map, and look that up',
    }),
  },
  {
    class: 'helper-argument',
    pattern: /R(\d+) type=(\w+) expected=(.+)/,
    explain: wrongArgument,
  },
  {
    class: 'helper-argument',
    pattern: /helper access to the packet is not allowed/,
    explain: (it) => {
      const argument = ['r1', 'r2', 'r3', 'r4', 'r5'].find((register) =>
        parseValue(it.held(register) ?? '').type.startsWith('pkt'),
      );
      return {
        cause: `${argument === undefined ? 'an argument' : `${argument}, ${argumentOf(it, argument)},`} is a pointer into the packet, and this helper takes none`,
        repair: it.isC
          ? 'pass the context where the context belongs; copy bytes of the packet to the stack first'
          : 'pass the context where the context belongs; load bytes of the packet and store them on the stack first',
        registers: argument === undefined ? [] : [argument],
      };
    },
  },
  {
    class: 'helper-argument',
    pattern: /R(\d+) is not a known constant/,
    explain: (it) => ({
      cause: `${registerOf(it)}, ${argumentOf(it, registerOf(it))}, must be a constant`,
      repair: 'pass a number that is known when the program is loaded',
    }),
  },
  {
    class: 'helper-argument',
    pattern: /R(\d+) must have zero offset when passed to release func/,
    explain: (it) => ({
      cause: `${registerOf(it)} does not point to the start of what is given back`,
      repair: 'keep the pointer that you got, and pass that',
    }),
  },
  {
    class: 'helper-argument',
    pattern: /(\w+) pointer in R(\d+) map_uid=\d+ doesn't match map pointer in R(\d+)/,
    explain: ({ match }) => ({
      cause: `the ${match[1]} is in the value of another map than the one that is passed`,
      repair: `pass the map that the ${match[1]} is in`,
      registers: [`r${match[2]}`, `r${match[3]}`],
    }),
  },
  {
    class: 'wrong-map',
    pattern: /cannot pass map_type (\d+) into func (\w+)#\d+/,
    explain: ({ match }) => ({
      cause: `${match[2]} does not take maps of this type`,
      repair: 'use the helpers of this type of map, or another type of map',
      registers: ['r1', 'r2'],
    }),
  },
  {
    class: 'wrong-map',
    pattern: /(?<!R\d )invalid zero-sized read/,
    when: ({ step }) => /^bpf_map_/.test(calledBy(step) ?? ''),
    explain: ({ step }) => ({
      cause: `${calledBy(step) ?? 'the helper'} takes a key, and maps of this type have none`,
      repair: 'use the helpers of this type of map: ringbuf_reserve, map_push_elem, map_pop_elem',
      registers: ['r1'],
    }),
  },
  {
    class: 'wrong-map',
    pattern: /callback function not allowed for map/,
    explain: ({ step }) => ({
      cause: `${calledBy(step) ?? 'this helper'} does not go through maps of this type`,
      repair: 'use it on a hash table or an array',
      registers: ['r1'],
    }),
  },
  {
    class: 'wrong-map',
    pattern: /kernel subsystem misconfigured verifier/,
    explain: ({ step }) => ({
      cause: `${calledBy(step) ?? 'this helper'} does not take maps of this type`,
      repair: 'use the helpers of this type of map, or another type of map',
      registers: ['r1', 'r2'],
    }),
  },
  {
    class: 'wrong-map',
    pattern: /expected prog array map for tail call/,
    explain: () => ({
      cause: 'bpf_tail_call takes a program array',
      repair: 'pass a map made by progArray()',
      registers: ['r2'],
    }),
  },
  {
    class: 'capability',
    pattern: /(?:program of this type cannot use helper|unknown func) (\w+)#\d+/,
    when: ({ match }) => NEEDS_PERFMON.has(match[1]!),
    explain: ({ match }) => ({
      cause: `${match[1]} is for those who have CAP_PERFMON, or the kernel is locked down`,
      repair: 'run as root, or grant CAP_PERFMON beside CAP_BPF',
      registers: [],
    }),
  },
  {
    class: 'helper-argument',
    pattern: /release helper (\w+) expects referenced PTR_TO_BTF_ID passed to (?:R|arg#)(\d+)/,
    explain: ({ match }) => ({
      cause: `r${match[2]}, which ${match[1]} gives back, was not acquired by this program`,
      repair:
        'give back what a look-up or a reservation gave, once; what the context has stays there',
      registers: [`r${match[2]}`],
    }),
  },
  {
    class: 'helper-argument',
    pattern: /pointer in R(\d+) isn't map pointer/,
    explain: (it) => ({
      cause: `${registerOf(it)} is no map`,
      repair: 'pass the map itself',
    }),
  },
  {
    class: 'forbidden-helper',
    pattern: /func (\w+)#\d+ (?:supported only for (\S+) programs|not supported for program type)/,
    explain: ({ match }) => ({
      cause: `${match[1]} is ${match[2] === undefined ? 'not for programs of this type' : `for programs of ${match[2].replaceAll('/', ', ')} only`}`,
      repair: 'use a helper that this type has, or another type of program',
      registers: [],
    }),
  },
  {
    class: 'forbidden-helper',
    pattern: /(?:program of this type cannot use helper|unknown func) (\w+)#\d+/,
    explain: ({ match }) => ({
      cause: `programs of this type may not call ${match[1]} on this kernel`,
      repair:
        'use a helper that this type has, or another type of program; a newer kernel may allow it',
      registers: [],
    }),
  },
  {
    class: 'unknown-helper',
    pattern: /invalid func unknown#(\d+)/,
    explain: ({ match, isC }) =>
      Number(match[1]) === POISON
        ? {
            cause: 'this reads a field or type that this kernel does not have',
            repair: isC
              ? 'ask first: if (bpf_core_field_exists(...))'
              : 'ask first: either(fieldExists(...), [...], [...])',
            registers: [],
          }
        : {
            cause: `this kernel has no helper ${match[1]}`,
            repair: 'it needs a newer kernel, or either(helperExists(...), [...], [...])',
            registers: [],
          },
  },
  {
    class: 'licence',
    pattern: /cannot call GPL-restricted function from non-GPL compatible program/,
    explain: ({ step, isC }) => ({
      cause: `${calledBy(step) ?? 'this helper'} is for programs under the GPL`,
      repair: isC
        ? 'char LICENSE[] SEC("license") = "Dual MIT/GPL";'
        : "object({ license: 'Dual MIT/GPL', ... })",
      registers: [],
    }),
  },
  {
    class: 'licence',
    pattern: /cannot call kernel function from non-GPL compatible program/,
    explain: ({ program }) => ({
      cause: 'functions of the kernel are for programs under the GPL',
      repair: "give the object a licence that is compatible with it: 'Dual MIT/GPL'",
      slot: slotWhere(program, isKernelCall),
      registers: [],
    }),
  },
  {
    class: 'sleepable',
    pattern:
      /helper call might sleep in a non-sleepable prog|program must be sleepable to call sleepable/,
    explain: ({ step, isC }) => ({
      cause: `${calledBy(step) ?? 'this call'} may sleep, and this program may not`,
      repair: isC
        ? 'use a sleepable section, as fentry.s/, or a helper that does not sleep'
        : 'use a hook that may sleep, as fentry.s, or a helper that does not: userRead() in place of copy_from_user',
      registers: [],
    }),
  },
  {
    class: 'sleepable',
    pattern: /sleepable helper (\w+)#\d+ (?:in|within) (\w+)/,
    explain: ({ match }) => ({
      cause: `${match[1]} may sleep, and nothing may within ${match[2] === 'rcu_read_lock' ? 'a region of RCU' : match[2]}`,
      repair: 'call it before the region, or after',
      registers: [],
    }),
  },
  {
    class: 'sleepable',
    pattern:
      /Only .* programs can be sleepable|Sleepable program cannot attach to non-faultable|Program of this type cannot be sleepable/,
    explain: () => ({
      cause: 'programs of this type may not sleep',
      repair:
        'leave out the .s of the section, or use fentry, fexit, fmod_ret, lsm, iter or uprobe',
      registers: [],
    }),
  },
];
