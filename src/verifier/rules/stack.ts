/**
 * @module
 * The stack: read before it is written, left, or too deep.
 */
import { calleeOf, functionAt, slotted } from '../program.ts';
import type { Case, Rule } from '../rule.ts';

const describe = ({ step }: Case): string => {
  const called = /^call (\w+)#/.exec(step?.text ?? '')?.[1];
  return called === undefined ? 'this' : called;
};

const isUnwritten = (offset: number, size: number): boolean =>
  offset < 0 && offset + size <= 0 && offset >= -512;

interface Reach {
  readonly offset?: string | undefined;
  readonly size?: string | undefined;
  /** The bits of a number that was added, where that is not constant. */
  readonly bits?: string | undefined;
}

const outside = (it: Case, register: string, { offset, size, bits }: Reach = {}) => {
  const bytes = size === undefined ? 'what begins' : `${size} ${size === '1' ? 'byte' : 'bytes'}`;
  const further = bits === undefined ? '' : `, and up to ${Number(bits)} further`;
  const place =
    offset === undefined
      ? ''
      : `: ${bytes} at r10${Number(offset) < 0 ? '' : '+'}${offset}${further}`;
  return {
    cause: `this ${bits === undefined ? 'leaves' : 'may leave'} the frame, which is the 512 bytes below r10${place}`,
    repair: it.isC
      ? 'give the variable all the bytes that are needed; what is larger goes into a per-CPU array'
      : 'make a slot with stack() of all that is needed; what is larger goes into a per-CPU array',
    registers: [register],
  };
};

const unwritten = (it: Case, register: string, at: string) => ({
  cause: `${describe(it)} reads bytes of the stack at fp${at} that nothing has written on this way`,
  repair: it.isC
    ? 'set it first, with its padding: struct event event = {}; or __builtin_memset()'
    : 'write all of it first, padding as well: clear(slot) zeroes it',
  registers: [register],
});

interface FunctionCall {
  readonly slot: number;
  /** Indices of functions. */
  readonly from: number;
  readonly to: number;
}

/** The calls of subprograms, and the places where callbacks are passed, in order. */
const callsOf = ({ program }: Case): FunctionCall[] => {
  const starts = (program?.functions ?? []).map(({ start }) => start);
  return slotted(program).flatMap((each): FunctionCall[] => {
    const callee = calleeOf(each);
    if (callee === undefined) return [];
    return [{ slot: each.slot, from: functionAt(starts, each.slot), to: starts.indexOf(callee) }];
  });
};

/** The last call of the longest chain from the program on, by `weight` of the functions; or one that closes a circle. */
const deepestCall = (it: Case, weight: (frame: number) => number) => {
  const calls = callsOf(it);
  const frames = it.program?.functions.map(({ frame }) => frame) ?? [];
  let deepest: { readonly slot: number; readonly depth: number } | undefined;
  let circle: number | undefined;
  /** By function and number of frames: the most that was above it. Less was looked at with that. */
  const walked = new Map<string, number>();
  const walk = (index: number, above: number, around: readonly number[]): void => {
    const key = `${index} ${around.length}`;
    if ((walked.get(key) ?? -1) >= above) return;
    walked.set(key, above);
    const depth = above + weight(frames[index] ?? 0);
    for (const { slot, to } of calls.filter(({ from }) => from === index)) {
      if (around.includes(to)) {
        circle ??= slot;
        continue;
      }
      const reached = depth + weight(frames[to] ?? 0);
      if (!deepest || reached >= deepest.depth) deepest = { slot, depth: reached };
      if (around.length < MOST_FRAMES * 2) walk(to, depth, [...around, to]);
    }
  };
  walk(0, 0, [0]);
  return { slot: deepest?.slot, circle };
};

const MOST_FRAMES = 8;

export const STACK: readonly Rule[] = [
  {
    class: 'uninitialised-stack',
    pattern: /invalid (?:indirect )?read from stack (?:R(\d+) )?off (-?\d+)\+(-?\d+) size (\d+)/,
    explain: (it) =>
      unwritten(it, `r${it.match[1] ?? 10}`, String(Number(it.match[2]) + Number(it.match[3]))),
  },
  {
    class: 'uninitialised-stack',
    pattern: /invalid read from stack R(\d+) off=(-?\d+) size=(\d+)/,
    when: ({ match }) => isUnwritten(Number(match[2]), Number(match[3])),
    explain: (it) => unwritten(it, `r${it.match[1]}`, it.match[2]!),
  },
  {
    class: 'stack-bounds',
    pattern:
      /invalid (?:variable-offset )?(?:unbounded )?(?:indirect )?(?:read from|write to|access to) stack R(\d+) (?:var_off=\(\S+; (\S+)\) ?)?(?:off=(-?\d+)(?: size=(\d+))?|size=)/,
    explain: (it) => {
      const [, register, bits, offset, size] = it.match;
      return outside(it, `r${register}`, { bits, offset, size });
    },
  },
  {
    class: 'stack-bounds',
    pattern: /invalid stack (?:type )?R(\d+) off=(-?\d+)/,
    explain: (it) => outside(it, `r${it.match[1]}`, { offset: it.match[2] }),
  },
  {
    class: 'subprogram',
    pattern: /the call stack of \d+ frames is too deep|recursive call/,
    when: (it) => deepestCall(it, () => 1).circle !== undefined,
    explain: (it) => ({
      cause: 'functions call each other in a circle, and the verifier follows each call',
      repair: it.isC ? 'write a loop' : 'write a loop: times(), loop()',
      slot: deepestCall(it, () => 1).circle,
      registers: [],
    }),
  },
  {
    class: 'stack-depth',
    pattern: /combined stack size of (\d+) calls is (\d+)\. Too large/,
    explain: (it) => ({
      cause: `${it.match[1]} functions that call each other have ${it.match[2]} bytes of stack together, of 512`,
      repair:
        'make their stack slots smaller, or put what is large into a per-CPU array of one entry',
      slot: deepestCall(it, (frame) => frame).slot,
      registers: [],
    }),
  },
  {
    class: 'stack-depth',
    pattern: /the call stack of (\d+) frames is too deep/,
    explain: (it) => ({
      cause: `functions call each other ${it.match[1]} deep, of ${MOST_FRAMES}`,
      repair: 'put the body of one into its caller; or go on in another program, with a tail call',
      slot: deepestCall(it, () => 1).slot,
      registers: [],
    }),
  },
];
