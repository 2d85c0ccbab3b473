/**
 * @module
 * What the verifier says of its own work, in the last lines of its log (print_verification_stats in
 * kernel/bpf/verifier.c). Kernels differ, so each line is read for itself, and what a kernel does not say is undefined.
 * @example
 * parseStatistics('processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0')
 */

/** The work that a program was to the verifier. */
export interface Statistics {
  /** Instructions that it walked through, each as often as it came to it. */
  readonly instructions: number;
  /** How many it walks through at most. Linux 4.16. */
  readonly limit: number | undefined;
  /** The most states that it kept for one instruction. Linux 5.2. */
  readonly maxStatesPerInstruction: number | undefined;
  /** The states that it kept in all, and the most at one time. Linux 5.2. */
  readonly totalStates: number | undefined;
  readonly peakStates: number | undefined;
  /** How far it went back to mark what is read. Linux 5.2. */
  readonly markRead: number | undefined;
  /** Microseconds. Linux 5.2, and only at log level 4. */
  readonly timeUs: number | undefined;
  /** Bytes of the stack of the program, then of each subprogram; since Linux 5.2 only at log level 4. */
  readonly stackDepths: readonly number[] | undefined;
}

const PROCESSED = /^processed (\d+) insns(?: \(limit (\d+)\))?(.*)$/;
const STACK = /^(?:, )?stack depth (\d+(?:\+\d+)*)/;
const TIME = /^verification time (\d+) usec/;

/** The statistics at the end of a log; undefined when it ends before them. */
export const parseStatistics = (log: string): Statistics | undefined => {
  // Behind the line there is nothing, and before it two or three of them, one with a number for each function.
  const lines = log.slice(-END).trimEnd().split('\n');
  const at = lines.findLastIndex((line) => PROCESSED.test(line));
  if (at < 0) return undefined;
  const [, instructions, limit, rest = ''] = PROCESSED.exec(lines[at]!)!;
  const before = lines.slice(Math.max(0, at - 3), at);
  const named = (name: string): number | undefined =>
    numberOf(new RegExp(`\\b${name} (\\d+)`).exec(rest)?.[1]);
  return {
    instructions: Number(instructions),
    limit: numberOf(limit),
    maxStatesPerInstruction: named('max_states_per_insn'),
    totalStates: named('total_states'),
    peakStates: named('peak_states'),
    markRead: named('mark_read'),
    timeUs: numberOf(found(before, TIME)),
    stackDepths: found([...before, rest], STACK)
      ?.split('+')
      .map(Number),
  };
};

/** Characters that the statistics of 256 functions fit into. */
const END = 8192;

const found = (lines: readonly string[], pattern: RegExp): string | undefined =>
  lines.map((line) => pattern.exec(line)?.[1]).findLast((match) => match !== undefined);

const numberOf = (digits: string | undefined): number | undefined =>
  digits === undefined ? undefined : Number(digits);
