/**
 * @module
 * What registers and the stack hold, in the kernel's words (print_verifier_state in kernel/bpf/log.c).
 * @example
 * stateOf('frame1: R0=7 R10=fp0 fp-8=????0');   // { frame: 1, values: { r0: '7', r10: 'fp0', 'fp-8': '????0' } }
 */

/** Values by what holds them: `r6`, `fp-8`. */
export type Values = Readonly<Record<string, string>>;

export interface State {
  /** 0 for the program, 1 for what it calls, and so on. */
  readonly frame: number;
  readonly values: Values;
}

/** The registers and slots of a state. Before Linux 6.8 they have marks: `R1_w=...`, `fp-8_r=...`. */
export const stateOf = (text: string): State => ({
  frame: Number(/^frame(\d+):/.exec(text)?.[1] ?? 0),
  values: Object.fromEntries(valuesOf(text)),
});

/** Values have no blanks but in parentheses. */
function* valuesOf(state: string): Generator<readonly [string, string]> {
  for (const start of state.matchAll(/(?:^|\s)(R\d{1,2}|fp-\d{1,3})(?:_[rwP]+)?=/g)) {
    let depth = 0;
    const from = start.index + start[0].length;
    let at = from;
    for (; at < state.length; at++) {
      const character = state[at];
      if (character === '(') depth++;
      else if (character === ')') depth--;
      else if (character === ' ' && depth === 0) break;
    }
    yield [start[1]!.replace('R', 'r'), state.slice(from, at)];
  }
}
