/**
 * @module
 * The kernel verifier's log, read from its end: which instruction was refused, why, and what its registers held.
 *
 * The log is text for people (kernel/bpf/log.c) and changes between kernels, so what is not understood is passed over.
 * @example
 * parseRefusal(log)?.message;   // "R0 invalid mem access 'map_value_or_null'"
 */
import { registersAt } from './state.ts';

/** What the verifier says of the instruction that it refused. */
export interface Refusal {
  /** The sentence in the kernel's words: `R0 invalid mem access 'map_value_or_null'`. */
  readonly message: string;
  /** The slot of the instruction; undefined when the log names none. */
  readonly instruction: number | undefined;
  /** The instruction as the kernel prints it. */
  readonly text: string | undefined;
  /** The slot where what is not released was made: a record of a ring buffer, a socket. */
  readonly origin: number | undefined;
  /** What each register of the function held before it, in the kernel's words, as far as the log says. */
  readonly registers: Readonly<Record<string, string>>;
}

/** `6: (79) r1 = *(u64 *)(r0 +0)`, with the state after it behind a semicolon, or that of the way taken behind a slot. */
const INSTRUCTION = /^(\d+): \([0-9a-f]{2}\) (.*?)\s*(?:;.*|\d+: (?:frame\d+: )?R\d.*)?$/;

/** Lines that are no reason: statistics, states, marks of precision, source lines, what BTF does not say. */
const NOISE =
  /^(?:processed \d+ insns|verification time|stack depth|insns processed|max_states|(?:from )?\d+ (?:to \d+)?|\d+: (?:frame|R)|mark_precise|last_idx|regs=|parent |propagating |(?:cur|old) state:|(?:caller|callee|returning from callee|to caller at \d+):| |func#\d+ @|Func#\d+ |Validating |Live regs|arg#\d+ reference type|;|$)/;

/** The refusal at the end of a log; undefined when the log says nothing. */
export const parseRefusal = (log: string): Refusal | undefined => {
  const lines = log.split('\n');
  const last = lines.findLastIndex((line) => INSTRUCTION.test(line));
  const reasons = lines.slice(last + 1).filter((line) => !NOISE.test(line));
  if (last < 0 && reasons.length === 0) return undefined;
  const message = reasons.join('; ');
  const found = last < 0 ? null : INSTRUCTION.exec(lines[last]!);
  // Before it follows a program, the verifier names instructions in its sentences only.
  const named = /\binsn (\d+)/.exec(message)?.[1];
  const origin = /\balloc_insn=(\d+)/.exec(message)?.[1];
  return {
    message: message || 'the log gives no reason',
    instruction: numberOf(found?.[1] ?? named),
    text: found?.[2],
    origin: numberOf(origin),
    registers: registersAt(lines.slice(0, Math.max(0, last))),
  };
};

const numberOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : Number(text);

/** The register that a sentence of the verifier is about: `R0 invalid mem access ...` gives `r0`. */
export const blamedRegister = (message: string): string | undefined => {
  const found = /\bR(\d+)\b/.exec(message);
  return found ? `r${found[1]}` : undefined;
};

/** The end of a log, for messages: at most `count` lines. */
export const tailOf = (log: string, count: number): string[] =>
  log
    .split('\n')
    .filter((line) => line !== '')
    .slice(-count);
