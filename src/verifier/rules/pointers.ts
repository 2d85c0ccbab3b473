/**
 * @module
 * Pointers that may be 0, and numbers that are used as pointers.
 */
import { type Case, calledBy, ownRegister, type Rule, registerOf } from '../rule.ts';
import { describeValue, parseValue } from '../value.ts';

/** Why something may be 0, by the call or load that gave it. */
const REASONS: Readonly<Record<string, string>> = {
  map_value: 'a look-up gives 0 when there is no such entry',
  map_ptr: 'a look-up gives 0 when there is no such entry',
  ringbuf_mem: 'a reservation gives 0 when the ring buffer is full',
  sock: 'it is 0 when there is no such socket',
  sock_common: 'it is 0 when the packet belongs to no socket',
  tcp_sock: 'it is 0 when it is no TCP socket',
  mem: 'a slice is 0 when the memory is shorter',
};

const compareWithZero = (register: string, isC: boolean): string =>
  isC
    ? 'compare it with 0 first: if (!pointer) return 0;'
    : `compare it with 0 first: jeq(${register}, 0, out)`;

const mayBeNull = (it: Case) => {
  const register = registerOf(it);
  const type = parseValue(it.held(register) ?? it.match[2] ?? '').type;
  const reason = REASONS[type];
  return {
    cause: `${register} may be 0 here${reason === undefined ? '' : `: ${reason}`}`,
    repair: compareWithZero(ownRegister(it, register), it.isC),
    registers: [register],
  };
};

/** Whether a register holds the 0 of a pointer that was compared with 0. */
const isTheZero = (it: Case): boolean => {
  const register = registerOf(it);
  const origin = it.provenance(register).at(-1);
  return (
    parseValue(it.held(register) ?? '').number === 0n && origin?.text.startsWith('call ') === true
  );
};

/** What numbers that look like pointers come from. */
const READS_KERNEL = new Set(['bpf_get_current_task']);

export const POINTERS: readonly Rule[] = [
  {
    class: 'null-check',
    pattern: /R(\d+) invalid mem access '(\w*_or_null\w*)'/,
    explain: mayBeNull,
  },
  {
    class: 'null-check',
    pattern: /R(\d+) type=(\w*_or_null\w*) expected=/,
    explain: mayBeNull,
  },
  {
    class: 'null-check',
    pattern: /R(\d+) pointer arithmetic on (\w*_or_null\w*) prohibited/,
    explain: mayBeNull,
  },
  {
    class: 'null-check',
    pattern:
      /Possibly NULL pointer passed to (?:\w+ )?(?:arg(\d+)|R(\d+))|R(\d+) is expected to be non-NULL/,
    explain: (it) => {
      const register = `r${it.match[2] ?? it.match[3] ?? Number(it.match[1]) + 1}`;
      return {
        cause: `${register} may be 0 here`,
        repair: compareWithZero(ownRegister(it, register), it.isC),
        registers: [register],
      };
    },
  },
  {
    class: 'null-check',
    pattern: /R(\d+) invalid mem access '(?:scalar|inv)'/,
    when: isTheZero,
    explain: (it) => ({
      cause: `${registerOf(it)} is 0 on this way: it was compared with 0, and this is the way for 0`,
      repair: it.isC
        ? 'turn the comparison round: if (!pointer) return 0;'
        : `turn the comparison round: jeq(${registerOf(it)}, 0, out) leaves, and what follows has the pointer`,
    }),
  },
  {
    class: 'pointer-arithmetic',
    pattern: /R(\d+) invalid mem access '(?:scalar|inv)'/,
    when: (it) => cutBy(it) !== undefined,
    explain: (it) => {
      const text = cutBy(it)!;
      return {
        cause: `${registerOf(it)} was a pointer until ${text} made a number of it`,
        repair: text.startsWith('w')
          ? 'move all 64 bits of a pointer: r registers, not w'
          : 'only add to pointers and subtract from them',
      };
    },
  },
  {
    class: 'subprogram',
    pattern: /R(\d+) invalid mem access '(?:scalar|inv)'/,
    when: (it) => isArgumentOfGlobal(it),
    explain: (it) => ({
      cause: `${registerOf(it)} is an argument of a global function, which the verifier checks by itself: it may be any number`,
      repair: it.isC
        ? 'make the function static, or its argument a pointer to a struct'
        : 'leave out { global: true }, so that it is checked at each call, with what it is given there',
    }),
  },
  {
    class: 'not-a-pointer',
    pattern: /R(\d+) invalid mem access '(?:scalar|inv)'/,
    when: (it) => it.loss(registerOf(it)) === undefined,
    explain: (it) => {
      const register = registerOf(it);
      const held = it.held(register);
      const origin = it.provenance(register).at(-1);
      const called = calledBy(origin);
      const what = held === undefined ? 'a number' : describeValue(held);
      const cause = `${register} is ${what}, and only what the verifier knows as a pointer can be followed`;
      if (called !== undefined && READS_KERNEL.has(called))
        return {
          cause,
          repair: it.isC
            ? 'read through it with BPF_CORE_READ(), or take bpf_get_current_task_btf()'
            : 'read through it with coreRead(), or take helper.get_current_task_btf, whose fields can be loaded',
        };
      if (origin?.text.includes('*(') === true)
        return {
          cause: `${cause}; a pointer that was loaded from memory is a number to it`,
          repair: it.isC
            ? 'read through it with bpf_probe_read_kernel(), or bpf_probe_read_user() if it is of a user program'
            : 'read through it with coreRead(), or userRead() if it is of a user program',
        };
      return {
        cause,
        repair: it.isC
          ? 'follow a pointer that a map, a helper or the context gave'
          : 'follow a pointer that a look-up, a helper or the context gave; coreRead() reads kernel memory at any address',
      };
    },
  },
  {
    class: 'not-a-pointer',
    pattern: /invalid size of register fill/,
    explain: () => ({
      cause: 'a pointer that is kept on the stack is loaded only in part',
      repair: 'load all of its 8 bytes: into an r register, with a u64 or a pointer as its layout',
      registers: [],
    }),
  },
  {
    class: 'pointer-leak',
    pattern: /invalid size of register spill/,
    explain: () => ({
      cause: 'only a part of a pointer is stored',
      repair: 'store all of its 8 bytes, from an r register',
      registers: [],
    }),
  },
];

/** The instruction that made a number of a pointer: `r6 = -r6`, `w6 = w6`. */
const cutBy = (it: Case): string | undefined =>
  it.provenance(registerOf(it)).find(({ text, before }) => {
    const source = /^(?:r\d+ = -|w\d+ = )[rw](\d+)$/.exec(text)?.[1];
    const held = source === undefined ? undefined : before[`r${source}`];
    return held !== undefined && parseValue(held).type !== 'scalar';
  })?.text;

const isArgumentOfGlobal = (it: Case): boolean => {
  const { step, program } = it;
  if (!program || step?.frame !== 0 || it.provenance(registerOf(it)).length > 0) return false;
  const of = program.functions.findLast(({ start }) => start <= step.slot);
  return of?.subprogram?.global === true;
};
