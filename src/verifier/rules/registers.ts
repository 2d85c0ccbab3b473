/**
 * @module
 * Registers: read before they are written, arithmetic that pointers do not have, pointers that get out.
 */
import { baseOf, type Case, type Rule, registerOf } from '../rule.ts';
import { describeValue } from '../value.ts';

const ofPointer = (it: Case, register: string): string => {
  const held = it.held(register);
  return held === undefined ? `${register} is a pointer` : `${register} is ${describeValue(held)}`;
};

const ADDS = 'add a number to it, or subtract one: a pointer has no other arithmetic';

/** The call that destroyed r1 to r5 before the refused step. */
const destroyedBy = (it: Case, register: string): string | undefined => {
  if (!/^r[1-5]$/.test(register)) return undefined;
  const last = it.provenance(register).at(-1)?.text;
  return last?.startsWith('call ') === true ? last : undefined;
};

export const REGISTERS: readonly Rule[] = [
  {
    class: 'uninitialised-register',
    pattern: /R(\d+) !read_ok/,
    explain: (it) => {
      const register = registerOf(it);
      const call = destroyedBy(it, register);
      if (it.step?.text === 'exit')
        return {
          cause: 'the program ends without a result: nothing has written r0 on this way',
          repair: it.isC ? 'return a value' : 'mov(r0, 0) before exit()',
        };
      if (call !== undefined)
        return {
          cause: `${register} holds nothing since ${call}: calls destroy r1 to r5`,
          repair: `keep it in r6 to r9 before the call: mov(r6, ${register})`,
        };
      return {
        cause: `${register} is read, but nothing has written it on this way`,
        repair: `write it on every way that leads here`,
      };
    },
  },
  {
    class: 'pointer-leak',
    pattern: /R(\d+) leaks addr (as return value|into \w+)/,
    explain: (it) => ({
      cause: `${ofPointer(it, registerOf(it))}, and its address would be seen by those who may not see it (${it.match[2]})`,
      repair: 'give out a number instead; those who have CAP_PERFMON may give out addresses',
      slot: it.match[2] === 'as return value' ? it.provenance('r0')[0]?.slot : undefined,
    }),
  },
  {
    class: 'pointer-leak',
    pattern: /R(\d+) pointer (?:comparison|-= pointer) prohibited/,
    explain: (it) => ({
      cause: 'two pointers are compared or subtracted, which shows where they are',
      repair: 'compare a pointer with 0 only; those who have CAP_PERFMON may do more',
      registers: [...new Set(/r\d+/g[Symbol.matchAll](it.step?.text ?? ''))].map(([name]) => name),
    }),
  },
  {
    class: 'pointer-leak',
    pattern: /leaking pointer from stack off (-?\d+)|attempt to corrupt spilled pointer on stack/,
    explain: ({ match }) => ({
      cause:
        match[1] === undefined
          ? 'this writes over a part of a pointer that is kept on the stack'
          : `a pointer that is kept at fp${match[1]} would get out with the bytes around it`,
      repair: 'keep pointers and plain bytes in slots of their own',
      registers: [],
    }),
  },
  {
    class: 'pointer-arithmetic',
    pattern: /R(\d+) sign-extension part of pointer/,
    explain: (it) => ({
      cause: `${ofPointer(it, registerOf(it))}, of which only a part is moved`,
      repair: 'move all 64 bits of a pointer',
    }),
  },
  {
    class: 'pointer-arithmetic',
    pattern:
      /R(\d+) (?:pointer arithmetic with (\S+) operator|bitwise operator (\S+) on pointer) prohibited/,
    explain: (it) => ({
      cause: `${ofPointer(it, registerOf(it))}, which has no ${it.match[2] ?? it.match[3]}`,
      repair: ADDS,
    }),
  },
  {
    class: 'pointer-arithmetic',
    pattern: /R(\d+) 32-bit pointer arithmetic prohibited/,
    explain: (it) => ({
      cause: `${ofPointer(it, registerOf(it))}, and 32-bit arithmetic would cut it`,
      repair: `use all 64 bits: r${it.match[1]}, not w${it.match[1]}`,
    }),
  },
  {
    class: 'pointer-arithmetic',
    pattern: /R(\d+) pointer \+= pointer prohibited/,
    explain: (_it) => ({
      cause: 'a pointer is added to a pointer',
      repair: 'add a number: load the number that the other points to, if that is meant',
    }),
  },
  {
    class: 'pointer-arithmetic',
    pattern: /R(\d+) tried to subtract pointer from scalar/,
    explain: () => ({
      cause: 'a pointer is subtracted from a number',
      repair: ADDS,
    }),
  },
  {
    class: 'stack-bounds',
    pattern: /R(\d+) subtraction from stack pointer prohibited/,
    explain: (it) => ({
      cause: `${ofPointer(it, registerOf(it))}, from which nothing is subtracted`,
      repair: 'add a negative number: add(register, -16)',
    }),
  },
  {
    class: 'pointer-arithmetic',
    pattern: /R(\d+) pointer arithmetic on (\w+) prohibited/,
    explain: (it) => ({
      cause: `${ofPointer(it, registerOf(it))}, which cannot be moved`,
      repair: 'use it as it is',
    }),
  },
  {
    class: 'pointer-arithmetic',
    pattern: /dereference of modified (\w+) ptr R(\d+) off=(-?\d+)/,
    explain: ({ match, isC }) => ({
      cause: `r${match[2]} was moved by ${match[3]}, and ${match[1] === 'ctx' ? 'the context' : 'such a pointer'} is only accessed from its start`,
      repair: isC
        ? 'access its fields, and do not let the compiler keep their addresses'
        : 'give the offset in the load: load(w2, Context.at(r1).field)',
      registers: [`r${match[2]}`],
    }),
  },
  {
    class: 'pointer-arithmetic',
    pattern: /variable (\w+) access var_off=/,
    explain: ({ step }) => ({
      cause:
        'this pointer was moved by a number that is not constant, and may only be accessed at constant offsets',
      repair: 'compare the number and access each field by itself',
      registers: baseOf(step?.text),
    }),
  },
  {
    class: 'pointer-arithmetic',
    pattern: /math between (\w+) pointer and (-?\d+) is not allowed/,
    explain: ({ match, step }) => ({
      cause: `a pointer is moved by ${match[2]}, more than any memory has (2^29)`,
      repair: 'use a smaller number',
      registers: [/^r\d+/.exec(step?.text ?? '')?.[0]].flatMap((each) => each ?? []),
    }),
  },
  {
    class: 'pointer-arithmetic',
    pattern: /frame pointer is read only/,
    explain: () => ({
      cause: 'r10, the frame pointer, is written',
      repair: 'copy it to another register, and change that: mov(r2, r10)',
      registers: [],
    }),
  },
];
