/**
 * @module
 * Dynamic pointers, iterators and flags of interrupts: they have a place on the stack that only their functions touch.
 */
import type { Case, Rule } from '../rule.ts';

/** `a dynptr`, `an iter_num`. */
const one = (name: string): string => `${name.startsWith('i') ? 'an' : 'a'} ${name}`;

/** Arguments count from 0, registers from 1; some kernels say the one, some the other. */
const registerOf = (argument: string | undefined, register: string | undefined) =>
  register === undefined && argument === undefined ? [] : [`r${register ?? Number(argument) + 1}`];

const subject = (registers: readonly string[]): string => registers[0] ?? 'an argument';

export const STACK_OBJECTS: readonly Rule[] = [
  {
    class: 'helper-argument',
    pattern:
      /[Ee]xpected (?:an? )?(initialized|uninitialized) (dynptr|iter\w*|irq flag) as (?:arg ?#(\d+)|R(\d+))/,
    explain: ({ match }) => {
      const registers = registerOf(match[3], match[4]);
      const isNew = match[1] === 'uninitialized';
      const name = match[2]!;
      return {
        cause: `${subject(registers)} must point to ${isNew ? `a place for a new ${name}` : `${one(name)} that a helper has made`}`,
        repair: isNew
          ? 'pass a stack slot of its own, which holds nothing'
          : 'make it first, with a helper such as ringbuf_reserve_dynptr',
        registers,
      };
    },
  },
  {
    class: 'helper-argument',
    pattern:
      /Dynptr has to be an uninitialized dynptr|cannot overwrite referenced (dynptr|iter\w*)/,
    explain: ({ match, isC }) => ({
      cause:
        match[1] === undefined
          ? 'a new dynptr is made where there is one already'
          : `this writes over ${one(match[1])} that must be given back first`,
      repair: isC
        ? 'give back what is there first, or use a variable of its own'
        : 'give back what is there first, or use a stack slot of its own',
      registers: [],
    }),
  },
  {
    class: 'helper-argument',
    pattern:
      /cannot pass in (dynptr|iter\w*) at an offset|R(\d+) (?:has to be at a|doesn't have) constant offset(?!\. )/,
    explain: (it) => ({
      cause: 'this does not point to the start of what has its place on the stack',
      repair: 'pass the address of its slot, as it is',
      registers: registerOf(undefined, it.match[2]),
    }),
  },
  {
    class: 'helper-argument',
    pattern:
      /(?:arg#(\d+)|R(\d+)) (?:expected pointer to (?:stack or const struct bpf_dynptr|an? iterator on stack|stack or (?:const )?dynptr)|doesn't point to an irq flag on stack)|expected valid iter pointer as (?:arg ?#(\d+)|R(\d+))/,
    explain: ({ match, isC }) => {
      const registers = registerOf(match[1] ?? match[3], match[2] ?? match[4]);
      return {
        cause: `${subject(registers)} must point to a place on the stack`,
        repair: isC ? 'pass the address of a local variable' : 'pass the address of a stack slot',
        registers,
      };
    },
  },
  {
    class: 'helper-argument',
    pattern: /Expected a dynptr of type (\w+) as (?:arg ?#(\d+)|R(\d+))/,
    explain: ({ match }) => {
      const registers = registerOf(match[2], match[3]);
      return {
        cause: `${subject(registers)} must be a dynamic pointer of another kind: ${match[1]}`,
        repair: 'use the functions of the kind that was made',
        registers,
      };
    },
  },
  {
    class: 'helper-argument',
    pattern: /potential write to dynptr at off=(-?\d+) disallowed/,
    explain: ({ match }: Case) => ({
      cause: `this may write over the dynamic pointer at fp${match[1]}`,
      repair: 'keep to the bytes of other slots',
      registers: [],
    }),
  },
];
