/**
 * @module
 * Explains a refusal: what kind of mistake it is, which instruction is at fault, what its registers held and where that
 * came from, and what is likely to help.
 * @example
 * explain(log, linked.assembly)?.repair;   // 'compare it with 0 first: jeq(r0, 0, out)'
 */
import { blamedRegister, readLog } from './log.ts';
import type { VerifiedProgram } from './program.ts';
import { lossOf, provenanceOf } from './provenance.ts';
import type { Report } from './report.ts';
import type { Case, Meaning, RefusalClass, Rule } from './rule.ts';
import { CONTROL } from './rules/control.ts';
import { HELPERS } from './rules/helpers.ts';
import { INSTRUCTIONS } from './rules/instructions.ts';
import { KERNEL_FUNCTIONS } from './rules/kernel-functions.ts';
import { LIMITS } from './rules/limits.ts';
import { MEMORY } from './rules/memory.ts';
import { PACKETS } from './rules/packets.ts';
import { POINTERS } from './rules/pointers.ts';
import { REFERENCES } from './rules/references.ts';
import { REGISTERS } from './rules/registers.ts';
import { STACK } from './rules/stack.ts';
import { STACK_OBJECTS } from './rules/stack-objects.ts';
import { describeValue } from './value.ts';

/** An instruction by its slot, as the kernel prints it. */
export interface Place {
  readonly slot: number;
  readonly text: string;
}

/** A register that matters. */
export interface Held {
  readonly register: string;
  /** In the kernel's words. */
  readonly value: string;
  /** In ours. */
  readonly meaning: string;
  /** The instructions that made it so, the last first. */
  readonly provenance: readonly Place[];
}

export interface Explanation {
  /** undefined for a sentence that no rule knows: the kernel's own words are then all there is, in the cause too. */
  readonly class: RefusalClass | undefined;
  /** The kernel's sentence. */
  readonly message: string;
  /** What is wrong, in our words. */
  readonly cause: string | undefined;
  /** What is likely to help. */
  readonly repair: string | undefined;
  /** The slot of the instruction at fault; undefined when it is the whole program. */
  readonly slot: number | undefined;
  /** The instruction that the verifier refused, which may come later than the one at fault. */
  readonly refused: Place | undefined;
  readonly held: readonly Held[];
}

export interface ExplainOptions {
  readonly program?: VerifiedProgram | undefined;
  /** Whether the program was written in C: repairs are then spelled in C. */
  readonly isC?: boolean | undefined;
}

/** Those that look closer come first. */
const RULES: readonly Rule[] = [
  ...POINTERS,
  ...PACKETS,
  ...STACK_OBJECTS,
  ...HELPERS,
  ...KERNEL_FUNCTIONS,
  ...REFERENCES,
  ...STACK,
  ...MEMORY,
  ...REGISTERS,
  ...CONTROL,
  ...LIMITS,
  ...INSTRUCTIONS,
];

/** The explanation of the refusal at the end of a log; undefined when the log says nothing. */
export const explain = (
  log: string,
  { program, isC = false }: ExplainOptions = {},
): Explanation | undefined => {
  const read = readLog(log);
  if (!read) return undefined;
  const { refusal, steps } = read;
  const { message, registers } = refusal;
  const step = steps.at(-1);
  const provenance = (register: string) => provenanceOf(steps, steps.length - 1, register);
  const held = (register: string) => registers[register];
  const loss = (register: string) => lossOf(steps, steps.length - 1, register);
  const known = { refusal, steps, step, program, isC, held, provenance, loss };
  const found = meaningOf(message, known);
  const { report } = refusal;
  // Other sentences may name other registers.
  const blamed = blamedRegister(found?.matched ?? '') ?? blamedRegister(message);
  const names = found?.meaning.registers ?? (blamed === undefined ? [] : [blamed]);
  return {
    class: found?.class,
    message,
    cause: found?.meaning.cause ?? sentence(report?.reason),
    repair: found?.meaning.repair ?? sentence(report?.suggestion),
    slot: found?.meaning.slot ?? refusal.instruction,
    refused: step && { slot: step.slot, text: step.text },
    held: names.flatMap((register): Held[] => {
      const value = held(register);
      if (value === undefined) return [];
      const places = provenance(register).map(({ slot, text }) => ({ slot, text }));
      return [
        {
          register,
          value,
          meaning: describeValue(value),
          provenance: places.length > 0 ? places : reportedPlaces(report, register),
        },
      ];
    }),
  };
};

/** Without the full stop, as our own sentences are. */
const sentence = (text: string | undefined): string | undefined =>
  text === undefined || text === '' ? undefined : text.replace(/\.$/, '');

/** Where a register was changed, the last first: the kernel remembers more than a log whose beginning was cut. */
const reportedPlaces = (report: Report | undefined, register: string): readonly Place[] => {
  const isAbout = new RegExp(`^${register.replace('r', 'R')}(?:$|[ :])`);
  return (report?.path ?? [])
    .flatMap(({ text, slot, instruction }) =>
      slot === undefined || instruction === undefined || !isAbout.test(text)
        ? []
        : [{ slot, text: instruction }],
    )
    .reverse();
};

/** More than the kernel ever says at once; in longer texts, the patterns of the rules would search for minutes. */
const LONGEST = 2048;

const meaningOf = (
  message: string,
  known: Omit<Case, 'match'>,
):
  | { readonly class: RefusalClass; readonly meaning: Meaning; readonly matched: string }
  | undefined => {
  const end = message.slice(-LONGEST);
  for (const rule of RULES) {
    const match = rule.pattern.exec(end);
    if (!match) continue;
    const it = { ...known, match };
    if (rule.when?.(it) ?? true)
      return { class: rule.class, meaning: rule.explain(it), matched: match[0] };
  }
  return undefined;
};

/** Sentences that only go on where another one began. */
const COMPANIONS = [
  /^R\d+ m(?:in|ax) value is outside of the allowed memory range/,
  /^R\d+ offset is outside of the packet/,
  /^func '.*' (?:doesn't have|size \d+ must be)/,
  / would lead to reference leak$/,
];

/** The lines of a log that nothing here knows what to make of; the first of a log that was cut is no whole line. */
export const unknownLines = (log: string): string[] => {
  const { lines, steps } = readLog(log) ?? { lines: [], steps: [] };
  return lines.flatMap((line, index) => {
    if (line.kind !== 'sentence' || (index === 0 && steps.length > 0)) return [];
    const text = line.text.slice(0, LONGEST);
    const known =
      COMPANIONS.some((companion) => companion.test(text)) ||
      RULES.some(({ pattern }) => pattern.test(text));
    return known ? [] : [line.text];
  });
};
