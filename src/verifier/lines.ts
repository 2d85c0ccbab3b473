/**
 * @module
 * The lines of the verifier's log, each for itself (kernel/bpf/log.c and verifier.c, Linux 5.4 to 6.18). What is none
 * of its forms is a sentence: the verifier says why, or remarks on something.
 * @example
 * lineOf('6: (79) r1 = *(u64 *)(r0 +0)');   // { kind: 'instruction', slot: 6, text: 'r1 = *(u64 *)(r0 +0)', ... }
 */

/** A line of the log. */
export type LogLine =
  | {
      readonly kind: 'instruction';
      readonly slot: number;
      /** As the kernel prints it. */
      readonly text: string;
      /** What it changed; with `whole`, all that is known on the way that a jump takes. */
      readonly state: string | undefined;
      readonly whole: boolean;
    }
  | {
      /** All of a frame. */
      readonly kind: 'state';
      /** The slot before which it holds; undefined beside a call or a return. */
      readonly slot: number | undefined;
      /** The slot of the jump that led there. */
      readonly from: number | undefined;
      readonly state: string;
    }
  | {
      readonly kind: 'source';
      readonly text: string;
      readonly file: string | undefined;
      readonly line: number | undefined;
    }
  /** Statistics, marks, headings: nothing about a refusal. */
  | { readonly kind: 'note' }
  | { readonly kind: 'sentence'; readonly text: string };

/** `6: (79) r1 = *(u64 *)(r0 +0)`, with what it changed behind a semicolon, or the state on its way behind a slot. */
const INSTRUCTION =
  /^(\d+): (?:\([0-9a-f]{2}\) (.*?)|(BUG_\w+))\s*(?:; ?(.*)|\d+: ((?:frame\d+: )?R\d.*))?$/;
const STATE = /^(?:from (\d+) to (\d+)(?: \([^)]*\))?: |(\d+): | )((?:frame\d+:|R\d+).*)$/;
const SOURCE = /^; (.*?)(?: @ (.+):(\d+))?$/;

/** The line of an instruction that jumps back, on kernels that take no such jump. */
const NUMBERED_SOURCE = /^\d+: (.*)$/;

const NOTES = [
  // statistics
  /^processed \d+ insns/,
  /^(?:, )?(?:verification time|stack depth|insns processed|max_states)/,
  // ways and frames
  /^from \d+ to \d+.*: safe$/,
  /^\d+: safe$/,
  /^(?:caller|callee|returning from callee|to caller at \d+|from callback):/,
  /^(?:cur|old) state: ?/,
  /^(?:func#\d+ @|Func#\d+ |Validating .* func#|Live regs before insn)/,
  /^ *\d+: [.\d]{10} \(/,
  // marks of precision
  /^(?:mark_precise|last_idx|regs=|parent |propagating |frame\d+: |stack=|reg_mask)/,
  // remarks on types
  /^func '.*' arg\d+ (?:has btf_id|type)/,
  /^arg#\d+ (?:reference type|type is not a struct)/,
  /^Unrecognized arg#\d+ type/,
  /^; ?$/,
  /^$/,
];

export const lineOf = (line: string): LogLine => {
  const instruction = INSTRUCTION.exec(line);
  if (instruction) {
    const [, slot, text, bug, changed, way] = instruction;
    return {
      kind: 'instruction',
      slot: Number(slot),
      text: text ?? bug!,
      state: way ?? changed,
      whole: way !== undefined,
    };
  }
  const state = STATE.exec(line);
  if (state) {
    const [, from, to, slot] = state;
    return { kind: 'state', slot: numberOf(to ?? slot), from: numberOf(from), state: state[4]! };
  }
  if (NOTES.some((note) => note.test(line))) return { kind: 'note' };
  const source = SOURCE.exec(line) ?? NUMBERED_SOURCE.exec(line);
  if (source)
    return { kind: 'source', text: source[1]!, file: source[2], line: numberOf(source[3]) };
  return { kind: 'sentence', text: line };
};

/** The lines of a log. Some kernels forget to end a sentence, and the statistics follow in its line. */
export const linesOf = (log: string): LogLine[] =>
  log
    .replace(/(?<=.)(?=processed \d+ insns \(limit)/g, '\n')
    .split('\n')
    .map(lineOf);

const numberOf = (digits: string | undefined): number | undefined =>
  digits === undefined ? undefined : Number(digits);
