/**
 * @module
 * The states in the verifier's log: what registers hold, frame by frame (print_verifier_state in kernel/bpf/log.c).
 *
 * Behind an instruction stands what it changed; a line of its own, or the way that a jump takes, tells all of a frame.
 */

/** Registers and their values, in the kernel's words. */
export type Registers = Readonly<Record<string, string>>;

/** Everything of a frame: `5: frame1: R1=7 R10=fp0`, `from 4 to 12: R0=...`, ` frame1: R1=...` after `callee:`. */
const WHOLE = /^(?:from \d+ to \d+(?: \([^)]*\))?:|\d+:)? (?=(?:frame\d+:|R\d+))/;
/** The way that a jump takes, behind it: `5: (55) if r0 != 0x0 goto pc+5 11: R0=...`. */
const TAKEN = /^\d+: \([0-9a-f]{2}\) .*?\s\d+: (?=(?:frame\d+:|R\d+))/;
/** What an instruction changed, behind it. */
const CHANGED = /^\d+: \([0-9a-f]{2}\) .*?; (?=(?:frame\d+:|R\d+))/;

/** What the registers of the current function hold after these lines. */
export const registersAt = (lines: readonly string[]): Registers => {
  const frames = new Map<number, Record<string, string>>();
  let current = 0;
  for (const line of lines) {
    const whole = WHOLE.exec(line) ?? TAKEN.exec(line);
    const found = whole ?? CHANGED.exec(line);
    if (!found) continue;
    const state = line.slice(found[0].length);
    current = Number(/^frame(\d+):/.exec(state)?.[1] ?? 0);
    const before = whole ? {} : frames.get(current);
    frames.set(current, { ...before, ...Object.fromEntries(valuesOf(state)) });
  }
  return frames.get(current) ?? {};
};

/** The `R1=...`, or `R1_w=...` before Linux 6.8, of a state. Values have no blanks but in parentheses. */
function* valuesOf(state: string): Generator<readonly [string, string]> {
  for (const start of state.matchAll(/\bR(\d+)(?:_[rwP]+)?=/g)) {
    let depth = 0;
    const from = start.index + start[0].length;
    let at = from;
    for (; at < state.length; at++) {
      const character = state[at];
      if (character === '(') depth++;
      else if (character === ')') depth--;
      else if (character === ' ' && depth === 0) break;
    }
    yield [`r${start[1]}`, state.slice(from, at)];
  }
}
