/**
 * @module
 * The way through a program: loops, jumps, ends and results; subprograms.
 */
import { BPF_PSEUDO_FUNC, LDDW, slotsOf } from '../../asm/index.ts';
import {
  calleeOf,
  isSubprogramCall,
  jumpTarget,
  type Slotted,
  slotted,
  slotWhere,
} from '../program.ts';
import { type Case, type Rule, registerOf } from '../rule.ts';
import type { Step } from '../steps.ts';

/** The last jump back on the way, by preference to `target`: the end of the loop that the verifier is in. */
const jumpBack = (steps: readonly Step[], target?: number): number | undefined => {
  let next: Step | undefined;
  let found: number | undefined;
  for (let at = steps.length - 1; at >= 0 && at > steps.length - FAR; at--) {
    const step = steps[at]!;
    const isBack = / goto pc-\d+$|^(?:goto|gotol|may_goto) pc-\d+$/.test(step.text);
    const leads = step.slot + 1 + Number(/pc([-+]\d+)$/.exec(step.text)?.[1] ?? 0);
    if (isBack && (target === undefined || leads === target)) return step.slot;
    if (isBack) found ??= step.slot;
    next = step;
  }
  return found ?? next?.slot;
};

/** Steps to look at: a turn of a loop is seldom longer. */
const FAR = 5000;

/** What wrote the result last. */
const resultSlot = (it: Case): number | undefined => it.provenance('r0')[0]?.slot;

const wrongResult = (it: Case, allowed: string, least = '0') => ({
  cause: `the result is not ${allowed}`,
  repair: it.isC
    ? `return a number that it may be, as ${least}`
    : `mov(r0, ${least}) before exit()`,
  slot: resultSlot(it),
  registers: ['r0'],
});

/** The first jump to the second half of a 16-byte load. */
const intoTheMiddle = ({ program }: Case): number | undefined => {
  const all = slotted(program);
  const starts = new Set(all.map(({ slot }) => slot));
  const end = lengthOf(all);
  return all.find((each) => {
    const to = jumpTarget(each);
    return to !== undefined && to >= 0 && to < end && !starts.has(to);
  })?.slot;
};

const lengthOf = (all: readonly Slotted[]): number => {
  const last = all.at(-1);
  return last ? last.slot + slotsOf(last.instruction) : 0;
};

export const CONTROL: readonly Rule[] = [
  {
    class: 'endless-loop',
    pattern: /infinite loop detected at insn (\d+)/,
    explain: ({ match, steps, isC }) => ({
      cause: 'this jumps back to where nothing has changed since: the loop never ends',
      repair: isC
        ? 'let a counter grow in each turn, and leave at a constant: for (i = 0; i < 100; i++)'
        : 'let a counter grow in each turn, and leave at a constant: times(r6, 100, [...]); or loop([...]), which the kernel ends',
      slot: jumpBack(steps, Number(match[1])),
      registers: [],
    }),
  },
  {
    class: 'subprogram',
    pattern: /back-edge from insn (\d+) to (\d+)/,
    when: ({ match, program }) =>
      slotted(program).some(
        ({ slot, instruction }) => slot === Number(match[1]) && isSubprogramCall(instruction),
      ),
    explain: ({ match }) => ({
      cause: 'functions call each other in a circle',
      repair: 'write a loop',
      slot: Number(match[1]),
      registers: [],
    }),
  },
  {
    class: 'endless-loop',
    pattern: /back-edge from insn (\d+) to (\d+)/,
    explain: ({ match }) => ({
      cause: 'this jumps back, and this kernel, or one without these privileges, takes no loops',
      repair: 'write out the turns; loops need Linux 5.3 and CAP_BPF',
      slot: Number(match[1]),
      registers: [],
    }),
  },
  {
    class: 'complexity',
    pattern:
      /BPF program is too large\. Processed (\d+) insn|The sequence of (\d+) jumps is too complex/,
    explain: ({ match, steps, isC }) => ({
      cause:
        match[1] === undefined
          ? `the verifier gave up: ${match[2]} branches of this loop were open at once`
          : `the verifier gave up after ${match[1]} instructions: it walks through each turn of this loop`,
      repair: isC
        ? 'make fewer turns or fewer branches in one; bpf_loop() and bpf_for() are verified once for all turns'
        : 'make fewer turns or fewer branches in one; loop([...]) and call(helper.loop, ...) are verified once for all turns',
      slot: jumpBack(steps),
      registers: [],
    }),
  },
  {
    class: 'jump-range',
    pattern: /unreachable insn (\d+)/,
    when: (it) => intoTheMiddle(it) !== undefined,
    explain: (it) => ({
      cause: 'this jumps into the middle of a 16-byte load',
      repair: 'jump to a label, before it or behind it',
      slot: intoTheMiddle(it),
      registers: [],
    }),
  },
  {
    class: 'unreachable',
    pattern: /unreachable insn (\d+)/,
    explain: ({ match }) => ({
      cause: 'no way leads to this instruction',
      repair: 'leave it out, or jump to it',
      slot: Number(match[1]),
      registers: [],
    }),
  },
  {
    class: 'jump-range',
    pattern: /jump out of range from insn (\d+) to (-?\d+)|jump into the middle of ldimm64 insn/,
    explain: ({ match }) => ({
      cause: `this jumps to instruction ${match[2]}, which is not in the same function`,
      repair: 'jump to a label of the same function',
      slot: Number(match[1]),
      registers: [],
    }),
  },
  {
    class: 'jump-range',
    pattern: /call to invalid destination/,
    explain: ({ program }) => ({
      cause: 'this calls what is no start of a function of this program',
      repair: 'call a function made by fn()',
      slot: slotted(program).find((each) => {
        const callee = calleeOf(each);
        return callee !== undefined && !program!.functions.some(({ start }) => start === callee);
      })?.slot,
      registers: [],
    }),
  },
  {
    class: 'jump-range',
    pattern: /last insn is not an exit or jmp|subprog(?:ram)? doesn't end|no jump or exit/,
    explain: (it) => ({
      cause: 'control runs off the end of a function',
      repair: it.isC ? 'return from it' : 'end it with exit(), or a jump',
      slot: it.program && lengthOf(slotted(it.program)) - 1,
      registers: [],
    }),
  },
  {
    class: 'return-value',
    pattern:
      /At (?:program exit|callback return|async callback return) the register R(\d+) (?:has .*|is not a known value \(\w+\)) ?(?:should have been in (.*))?/,
    explain: (it) => {
      const allowed = /should have been in \[(-?\d+), (-?\d+)\]/.exec(it.refusal.message);
      return wrongResult(
        it,
        allowed ? `one that this hook takes, ${allowed[1]} to ${allowed[2]}` : 'a number',
        allowed?.[1],
      );
    },
  },
  {
    class: 'subprogram',
    pattern: /At subprogram exit the register R0 is not a scalar value \((\w+)\)/,
    explain: (it) => ({
      cause: 'a global function returns a pointer, and may return only a number',
      repair: 'return a number, or leave out { global: true }',
      slot: resultSlot(it),
      registers: ['r0'],
    }),
  },
  {
    class: 'subprogram',
    pattern: /cannot return stack pointer to the caller/,
    explain: (it) => ({
      cause: 'a function returns a pointer to its own frame, which is gone then',
      repair: 'let the caller pass the address of a stack slot of its own',
      slot: resultSlot(it),
      registers: ['r0'],
    }),
  },
  {
    class: 'subprogram',
    pattern: /cannot spill pointers to stack into stack frame of the caller/,
    explain: ({ step }) => ({
      cause:
        "a function keeps a pointer to its own frame in its caller's, where it outlives the frame",
      repair: 'let the caller make the slot, and pass its address',
      registers: [/= (r\d+)$/.exec(step?.text ?? '')?.[1]].flatMap((each) => each ?? []),
    }),
  },
  {
    class: 'subprogram',
    pattern:
      /(?:R(\d+) is not a (?:scalar|pointer)|arg#\d+ .*); Caller passes invalid args into func#\d+ \('(.*)'\)/,
    explain: (it) => ({
      cause: `the global function ${it.match[2]} takes numbers, unless its types say otherwise, and ${registerOf(it)} is none`,
      repair: it.isC
        ? 'give the argument a type that is a pointer to a struct, or make the function static'
        : 'leave out { global: true }, so that it is checked with what it is given',
    }),
  },
  {
    class: 'subprogram',
    pattern:
      /Caller passes invalid args into func#\d+|R\d+ is not a (?:scalar|pointer)|reg type unsupported for arg#\d+ function/,
    explain: () => ({
      cause: 'a global function is given what its types do not allow',
      repair: 'pass what its prototype says',
    }),
  },
  {
    class: 'subprogram',
    pattern: /number of funcs in func_info doesn't match number of subprogs/,
    explain: ({ program }) => ({
      cause: 'this kernel does not know how a function is called or passed here',
      repair: 'callbacks need Linux 5.13',
      slot: slotWhere(program, ({ opcode, src }) => opcode === LDDW && src === BPF_PSEUDO_FUNC),
      registers: [],
    }),
  },
];
