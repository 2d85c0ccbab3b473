/**
 * @module
 * Structure that expands to plain jumps, as a listing shows: `when`, counted loops, unbounded loops, choices that the
 * loader makes, and subprograms.
 */

import type { Width } from '../layout/index.ts';
import type { Choice, Code, Condition, Instruction, Label, Subprogram } from './code.ts';
import { type Comparison, compareAndJump } from './jump.ts';
import { fitsSigned32, make, writable } from './make.ts';
import {
  BPF_ADD,
  BPF_ALU,
  BPF_ALU64,
  BPF_EXIT,
  BPF_JA,
  BPF_JCOND,
  BPF_JMP,
  BPF_JMP32,
  BPF_K,
  BPF_MOV,
  BPF_X,
} from './opcodes.ts';
import { isRegister, nameOf, type Register } from './register.ts';
import { AssemblerError, callSite } from './site.ts';

const OPPOSITES: Readonly<Record<Exclude<Comparison, '&'>, Comparison>> = {
  '==': '!=',
  '!=': '==',
  '>': '<=',
  '>=': '<',
  '<': '>=',
  '<=': '>',
  's>': 's<=',
  's>=': 's<',
  's<': 's>=',
  's<=': 's>',
};

/**
 * Runs `yes` when the comparison holds, else `otherwise`.
 * @example when(w0, '==', 0, [mov(r0, 1), exit()])
 */
export const when = <B extends Width>(
  d: Register<B>,
  comparison: Comparison,
  s: Register<NoInfer<B>> | number | bigint,
  yes: Code,
  otherwise?: Code,
): Code => {
  const site = callSite(when);
  const no: Label = { kind: 'label', name: 'else', site };
  const end: Label = { kind: 'label', name: 'end', site };
  const go = (target: Label) => make({ opcode: BPF_JMP | BPF_JA, target, site });
  const enter: Code[] = [];
  if (comparison === '&') {
    // There is no "if none of these bits".
    const body: Label = { kind: 'label', name: 'then', site };
    enter.push(compareAndJump('&', d, s, body, site), go(no), body);
  } else {
    enter.push(compareAndJump(OPPOSITES[comparison] ?? comparison, d, s, no, site));
  }
  if (!otherwise) return [enter, yes, no];
  return fallsThrough(yes)
    ? [enter, yes, go(end), no, otherwise, end]
    : [enter, yes, no, otherwise];
};

/** Whether control can reach what follows `code`. */
export const fallsThrough = (code: Code): boolean => {
  if (!code) return true;
  if (Array.isArray(code)) {
    const last = (code as readonly Code[]).findLast((item) => item && !isEmpty(item));
    return fallsThrough(last);
  }
  const item = code as Instruction | Label | Choice;
  if (item.kind === 'choice') return fallsThrough(item.yes) || fallsThrough(item.no);
  return item.kind === 'label' || !endsFlow(item.opcode);
};

const isEmpty = (code: Code): boolean =>
  !code || (Array.isArray(code) && (code as readonly Code[]).every(isEmpty));

/** Whether an opcode never goes on to the next instruction. */
export const endsFlow = (opcode: number): boolean =>
  opcode === (BPF_JMP | BPF_EXIT) ||
  opcode === (BPF_JMP | BPF_JA) ||
  opcode === (BPF_JMP32 | BPF_JA) ||
  opcode === (BPF_JMP | BPF_JA | BPF_X);

/**
 * Runs `body` with `counter` = 0, 1, ... up to `count` exclusive. The body keeps the counter and leaves by a jump to a
 * label of its own, if it wants to. Linux 5.3, which verifies such loops turn by turn.
 */
export const times = <B extends Width>(
  counter: Register<B>,
  count: Register<NoInfer<B>> | number,
  body: Code,
): Code => {
  const site = callSite(times);
  const top: Label = { kind: 'label', name: 'loop', site };
  const end: Label = { kind: 'label', name: 'end', site };
  const alu = counter.width === 64 ? BPF_ALU64 : BPF_ALU;
  const dst = writable('times', counter, site);
  const clear = make({ opcode: alu | BPF_MOV | BPF_K, dst, site });
  const step = make({ opcode: alu | BPF_ADD | BPF_K, dst, imm: 1, site });
  if (!isRegister(count) && (!fitsSigned32(count) || count < 1)) {
    throw new AssemblerError(`times: a loop runs from 1 time on, got ${count}`, site);
  }
  const again = compareAndJump('<', counter, count, top, site);
  if (isRegister(count)) {
    if (count.index === dst) {
      throw new AssemblerError(
        `times: ${nameOf(counter)} cannot hold both the counter and the count`,
        site,
      );
    }
    const none = compareAndJump('>=', counter, count, end, site);
    return [clear, none, top, body, step, again, end];
  }
  return [clear, top, body, step, again];
};

/**
 * Runs `body` again and again until it jumps out to a label of its own. The kernel ends the loop by itself after 8
 * million turns (`may_goto`). Linux 6.9.
 */
export const loop = (body: Code): Code => {
  const site = callSite(loop);
  const top: Label = { kind: 'label', name: 'loop', site };
  const end: Label = { kind: 'label', name: 'end', site };
  const mayGoto = make({ opcode: BPF_JMP | BPF_JCOND, target: end, site });
  const back = make({ opcode: BPF_JMP | BPF_JA, target: top, site });
  return [top, mayGoto, body, fallsThrough(body) && back, end];
};

/**
 * One of two ways, chosen when the object is loaded: the other leaves no trace in the program.
 * @example either(fieldExists(task.__state), read(w1, task.__state), read(w1, old.state))
 */
export const either = (condition: Condition, yes: Code, no: Code = []): Choice => ({
  kind: 'choice',
  condition,
  yes,
  no,
});

/** Holds where the kernel has a helper of this name. */
export const helperExists = (helper: {
  readonly name: string;
  readonly id: number;
}): Condition => ({
  test: 'helper',
  helper: helper.name,
  id: helper.id,
});

/** Holds where a hook exists: `tp_btf/sched_switch`, `raw_tp/sys_enter`, `tracepoint/syscalls/sys_enter_open`. */
export const hookExists = (hook: string): Condition => ({ test: 'hook', hook });

/** Holds where the kernel has a map type: `ringbuf`. */
export const mapExists = (map: string): Condition => ({ test: 'map', map });

/**
 * A function of the object, called with `call(it, ...)` or handed to a helper as a callback. Its arguments arrive in
 * r1 to r5, its result leaves in r0, and r6 to r9 are its own. Linux 4.16; callbacks 5.13.
 */
export const fn = (
  name: string,
  arity: number,
  body: Code,
  { global = false } = {},
): Subprogram => {
  const site = callSite(fn);
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,126}$/.test(name)) {
    throw new AssemblerError(
      `fn: a function needs a C identifier of at most 127 characters for a name, got ${JSON.stringify(name)}`,
      site,
    );
  }
  if (!Number.isInteger(arity) || arity < 0 || arity > 5) {
    throw new AssemblerError(`fn ${name}: a function takes 0 to 5 arguments, got ${arity}`, site);
  }
  return { kind: 'function', name, arity, global, body, site };
};
