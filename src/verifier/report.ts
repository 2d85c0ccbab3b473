/**
 * @module
 * The report that Linux 7.3 writes behind the sentence of a refusal (kernel/bpf/diagnostics.c): what is wrong in whole
 * sentences, where, how it came to that, and what may help. Older kernels write none.
 *
 * It was modelled after that source and a log that others recorded; no such kernel was at hand.
 */

/** A place in the program that a report speaks of. */
export interface ReportedPlace {
  /** What it is: `error` where the program was refused; `update`, `branch`, `acquired` and so on before that. */
  readonly label: string;
  readonly text: string;
  /** The slot of the instruction. */
  readonly slot: number | undefined;
  /** The instruction as the kernel prints it. */
  readonly instruction: string | undefined;
  /** Its line, where the program was loaded with lines. */
  readonly source:
    | { readonly file: string; readonly line: number; readonly column: number }
    | undefined;
}

export interface Report {
  /** The kind of rule that is broken: `Register Type Safety`, `Memory Safety`. */
  readonly category: string;
  /** `Unreadable register`; empty where the category is all there is. */
  readonly problem: string;
  readonly reason: string;
  readonly at: ReportedPlace | undefined;
  /** How it came to that, in the order of the program; empty where the kernel knows nothing of it. */
  readonly path: readonly ReportedPlace[];
  readonly suggestion: string;
}

const BEGIN = /^Verification failed: (.*?)(?:: (.*))?$/;
const TITLE = /^([A-Z][A-Za-z ]*):$/;

/** Which lines of a log belong to reports. */
export const areReported = (lines: readonly string[]): boolean[] => {
  let within = false;
  return lines.map((line) => {
    within = BEGIN.test(line) || (within && (/^(?: {2}|$)/.test(line) || TITLE.test(line)));
    return within;
  });
};

/** The reports that are made of these lines, in their order. */
export const reportsOf = (lines: readonly string[]): Report[] => {
  const starts = lines.flatMap((line, index) => (BEGIN.test(line) ? [index] : []));
  return starts.map((start, index) => parseReport(lines.slice(start, starts[index + 1])));
};

const parseReport = ([first = '', ...rest]: readonly string[]): Report => {
  const [, category = '', problem = ''] = BEGIN.exec(first) ?? [];
  const sections = new Map<string, string[]>();
  let title = '';
  for (const line of rest) {
    title = TITLE.exec(line)?.[1] ?? title;
    const section = sections.get(title);
    if (section) section.push(line);
    else sections.set(title, []);
  }
  const linesOf = (title: string): readonly string[] => sections.get(title) ?? [];
  return {
    category,
    problem,
    reason: joined(linesOf('Reason')),
    at: placesOf(linesOf('At'))[0],
    path: placesOf(linesOf('Causal path')),
    suggestion: joined(linesOf('Suggestion')),
  };
};

/** The kernel breaks its sentences into lines of 100 characters. */
const joined = (lines: readonly string[]): string =>
  lines
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join(' ');

const BARE_PLACE = /^ {2}insn (\d+)$/;
const SOURCE_PLACE = /^ {2}(?!>>> )(?:\S+ @ )?(\S.*):(\d+):(\d+)$/;
const ANNOTATION = /^ +\| +\^-- (\w+): (.*)$/;
const MORE_ANNOTATION = /^ +\| +(\S.*)$/;
const MARKED_INSTRUCTION = />>> +(\d+) \| (\([0-9a-f]{2}\) .*)$/;

type Draft = { -readonly [K in keyof ReportedPlace]: ReportedPlace[K] };

const placesOf = (lines: readonly string[]): ReportedPlace[] => {
  const places: Draft[] = [];
  for (const line of lines) {
    const slot = BARE_PLACE.exec(line)?.[1];
    const source = SOURCE_PLACE.exec(line);
    if (slot !== undefined || source) {
      places.push({
        label: '',
        text: '',
        slot: slot === undefined ? undefined : Number(slot),
        instruction: undefined,
        source: source
          ? { file: source[1]!, line: Number(source[2]), column: Number(source[3]) }
          : undefined,
      });
      continue;
    }
    const place = places.at(-1);
    if (place) read(place, line);
  }
  return places;
};

const read = (place: Draft, line: string): void => {
  const [, label, text = ''] = ANNOTATION.exec(line) ?? [];
  if (label !== undefined) {
    place.label = label;
    place.text = text;
    return;
  }
  const more = MORE_ANNOTATION.exec(line)?.[1];
  if (more !== undefined) place.text = `${place.text} ${more}`.trim();
  const [, slot, instruction] = MARKED_INSTRUCTION.exec(line) ?? [];
  if (slot === undefined) return;
  place.slot = Number(slot);
  place.instruction = instruction!.replace(/^\(..\) /, '');
};
