/**
 * @module
 * The lines of the verifier's log, each for itself (kernel/bpf/log.c and verifier.c, Linux 5.4 to 7.3). What is none of
 * its forms is a sentence: the verifier says why, or remarks on something.
 * @example
 * lineOf('6: (79) r1 = *(u64 *)(r0 +0)');   // { kind: 'instruction', slot: 6, text: 'r1 = *(u64 *)(r0 +0)', ... }
 */
import { areReported } from './report.ts';

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
  /** Of a report (report.ts). */
  | { readonly kind: 'report'; readonly text: string }
  | { readonly kind: 'sentence'; readonly text: string };

/** `6: (79) r1 = *(u64 *)(r0 +0)`, and what stands behind it. */
const INSTRUCTION = /^(\d+): (?:\([0-9a-f]{2}\) |(?=BUG_\w+\s*(?:;|$)))(.*)$/;
/** What it changed stands behind a semicolon, or the state on its way behind a slot. */
const STATE_BEHIND = /; ?|(?<!\d)\d+: (?=(?:frame\d+: )?R\d)/;
const STATE =
  /^(?:from (\d+) to (\d+)(?: \([^)]*\))?: |(\d+): | )((?:frame\d+:|R\d+(?:_[rwP]+)?=).*)$/;
const SOURCE = /^; (.*)$/;
/** `count.c:12`, where a line of the source comes from. */
const ORIGIN = /^(.+):(\d+)$/;
const BEFORE_ORIGIN = ' @ ';

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
  /^frame\d+ bpf_loop iteration limit reached/,
  // marks of precision
  /^(?:mark_precise|force_precise|last_idx|regs=|parent |propagating |frame\d+: |stack=|reg_mask)/,
  // remarks on types
  /^func '.*' arg\d+ (?:has btf_id|type)/,
  /^arg#\d+ (?:reference type|type is not a struct)/,
  /^Unrecognized arg#\d+ type/,
  /^; ?$/,
  /^$/,
];

export const lineOf = (line: string): LogLine => {
  const [, slot, rest = ''] = INSTRUCTION.exec(line) ?? [];
  if (slot !== undefined) return instructionOf(Number(slot), rest);
  const state = STATE.exec(line);
  if (state) {
    const [, from, to, before, values] = state;
    return { kind: 'state', slot: numberOf(to ?? before), from: numberOf(from), state: values! };
  }
  if (NOTES.some((note) => note.test(line))) return { kind: 'note' };
  const source = SOURCE.exec(line) ?? NUMBERED_SOURCE.exec(line);
  return source ? sourceOf(source[1]!) : { kind: 'sentence', text: line };
};

const instructionOf = (slot: number, rest: string): LogLine => {
  const behind = STATE_BEHIND.exec(rest);
  return {
    kind: 'instruction',
    slot,
    text: rest.slice(0, behind?.index).trimEnd(),
    state: behind ? rest.slice(behind.index + behind[0].length) : undefined,
    whole: behind !== null && !behind[0].startsWith(';'),
  };
};

const sourceOf = (text: string): LogLine => {
  const at = text.lastIndexOf(BEFORE_ORIGIN);
  const [, file, line] =
    (at < 0 ? undefined : ORIGIN.exec(text.slice(at + BEFORE_ORIGIN.length))) ?? [];
  const isPlaced = file !== undefined;
  return { kind: 'source', text: isPlaced ? text.slice(0, at) : text, file, line: numberOf(line) };
};

/** What may stand in the line of an instruction or sentence that the kernel has not ended. */
const WITHOUT_LINE_OF_ITS_OWN =
  /(?<=.)(?=processed \d+ insns \(limit|BPF program is too large|The sequence of \d+ jumps)/g;

/** The lines of a log. */
export const linesOf = (log: string): LogLine[] => {
  const lines = log.replace(WITHOUT_LINE_OF_ITS_OWN, '\n').split('\n');
  const reported = areReported(lines);
  return lines.map((text, index) => (reported[index] ? { kind: 'report', text } : lineOf(text)));
};

const numberOf = (digits: string | undefined): number | undefined =>
  digits === undefined ? undefined : Number(digits);
