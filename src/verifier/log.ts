/**
 * @module
 * The kernel verifier's log, read from its end: which instruction was refused, why, and what its registers held.
 *
 * The log is text for people (kernel/bpf/log.c) and changes between kernels, so what is not understood is passed over.
 */

/** What the verifier says of the instruction that it refused. */
export interface Refusal {
  /** The sentence in the kernel's words: `R0 invalid mem access 'map_value_or_null'`. */
  readonly message: string;
  /** The slot of the instruction; undefined when the log names none. */
  readonly instruction: number | undefined;
  /** The instruction as the kernel prints it. */
  readonly text: string | undefined;
  /** What each register held before it, in the kernel's words, as far as the log says. */
  readonly registers: Readonly<Record<string, string>>;
}

const INSTRUCTION = /^(\d+): \([0-9a-f]{2}\) ([^;]*?)\s*(?:;.*)?$/;
/** Lines that are no reason: statistics, states, marks of precision, source lines. */
const NOISE =
  /^(?:processed \d+ insns|verification time|stack depth|insns processed|max_states|from \d+ to \d+|\d+: R|mark_precise|last_idx|regs=|parent |func#\d+ @|Live regs|;|$)/;

/** The refusal at the end of a log; undefined when the log is empty. */
export const parseRefusal = (log: string): Refusal | undefined => {
  const lines = log.split('\n');
  const last = lines.findLastIndex((line) => INSTRUCTION.test(line));
  const reasons = lines.slice(last + 1).filter((line) => !NOISE.test(line));
  if (last < 0 && reasons.length === 0) return undefined;
  const found = last < 0 ? null : INSTRUCTION.exec(lines[last]!);
  return {
    message: reasons.join('; ') || 'the log gives no reason',
    instruction: found ? Number(found[1]) : undefined,
    text: found?.[2],
    registers: registersBefore(lines, last),
  };
};

/** The newest value of each register in the lines up to `end`, exclusive of what that instruction made of them. */
const registersBefore = (lines: readonly string[], end: number): Record<string, string> => {
  const registers: Record<string, string> = {};
  for (const [index, line] of lines.slice(0, end + 1).entries()) {
    // The refused instruction's own line has no state behind it, or the state of its operands.
    if (!line.includes('R') || (index === end && !line.includes(';'))) continue;
    for (const [name, value] of stateOf(line)) registers[name] = value;
  }
  return registers;
};

/** The `R1=...` and `R1_w=...` of a line. Values hold no blanks but in brackets. */
function* stateOf(line: string): Generator<readonly [string, string]> {
  for (const start of line.matchAll(/\bR(\d+)(?:_[rwP]+)?=/g)) {
    let depth = 0;
    let at = start.index + start[0].length;
    const from = at;
    for (; at < line.length; at++) {
      const character = line[at];
      if (character === '(') depth++;
      else if (character === ')') depth--;
      else if (character === ' ' && depth === 0) break;
    }
    yield [`r${start[1]}`, line.slice(from, at)];
  }
}

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
