/**
 * @module
 * The kernel verifier's log, read from its end: which instruction was refused, why, and what its registers held.
 *
 * The log is text for people (kernel/bpf/log.c) and changes between kernels, so what is not understood is passed over.
 * @example
 * parseRefusal(log)?.message;   // "R0 invalid mem access 'map_value_or_null'"
 */
import { type LogLine, linesOf } from './lines.ts';
import { areReported, type Report, reportsOf } from './report.ts';
import { type Step, stepsOf } from './steps.ts';

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
  /** What the kernel says of it in whole sentences. Linux 7.3. */
  readonly report: Report | undefined;
}

/** A refusal, and the way that led to it. */
export interface ReadLog {
  readonly refusal: Refusal;
  readonly lines: readonly LogLine[];
  readonly steps: readonly Step[];
}

/** The whole of a log; undefined when it says nothing of a refusal. */
export const readLog = (log: string): ReadLog | undefined => {
  const lines = linesOf(log);
  const steps = stepsOf(lines);
  const last = lines.findLastIndex(({ kind }) => kind === 'instruction');
  const reasons = lines
    .slice(last + 1)
    .flatMap((line) => (line.kind === 'sentence' ? [line.text] : []));
  const [report] = reportsOf(lines.flatMap((line) => (line.kind === 'report' ? [line.text] : [])));
  if (last < 0 && reasons.length === 0 && !report) return undefined;
  const message = reasons.join('; ') || report?.reason || '';
  const step = steps.at(-1);
  // Before it follows a program, the verifier names instructions in its sentences only.
  const named = /\binsn (\d+)/.exec(message)?.[1];
  const origin = /\balloc_insn=(\d+)/.exec(message)?.[1];
  const refusal = {
    message: message || 'the log gives no reason',
    instruction: step?.slot ?? numberOf(named) ?? report?.at?.slot,
    text: step?.text,
    origin: numberOf(origin),
    registers: Object.fromEntries(
      Object.entries(step?.before ?? {}).filter(([name]) => name.startsWith('r')),
    ),
    report,
  };
  return { refusal, lines, steps };
};

/** The refusal at the end of a log; undefined when the log says nothing. */
export const parseRefusal = (log: string): Refusal | undefined => readLog(log)?.refusal;

const numberOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : Number(text);

/** The register that a sentence of the verifier is about: `R0 invalid mem access ...` gives `r0`. */
export const blamedRegister = (message: string): string | undefined => {
  const found = /\bR(\d+)\b/.exec(message);
  return found ? `r${found[1]}` : undefined;
};

/** The end of a log, for messages: at most `count` lines, reports left out, which would be all of it. */
export const tailOf = (log: string, count: number): string[] => {
  const lines = log.split('\n');
  const reported = areReported(lines);
  return lines.filter((line, index) => line !== '' && !reported[index]).slice(-count);
};
