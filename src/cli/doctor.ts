/**
 * @module
 * `beespoke doctor`: what this kernel and these privileges allow, and what to do about the rest. It only looks: what it
 * loads to find out is unloaded at once.
 */
import type { OptionTable } from '../programs/tool.ts';
import { syscallNumbers } from '../syscall/index.ts';
import { featureFindings } from './doctor-features.ts';
import type { Finding, Topic } from './doctor-finding.ts';
import { kernelFindings } from './doctor-kernel.ts';
import { processFindings } from './doctor-process.ts';
import { DONE, UNSUPPORTED } from './errors.ts';
import { helpOf, parseOptions } from './options.ts';
import { printable } from './printable.ts';
import { jsonLine } from './printer.ts';

const OPTIONS = {
  json: { type: 'boolean', help: 'one JSON object a line, for each finding' },
  verbose: {
    type: 'boolean',
    short: 'v',
    help: 'also what is there, and for each helper the types of programs that may call it',
  },
  help: { type: 'boolean', short: 'h', help: 'this text' },
} as const satisfies OptionTable;

const HELP = [
  'beespoke doctor [options]',
  '',
  'What this kernel and these privileges allow, and what to do about the rest: a line for each topic, and one for each',
  'thing that is missing. A question mark says that this process cannot find out.',
  '',
  'Programs and maps are loaded to find out, and unloaded at once. Nothing is attached but, for a moment, to a function',
  'that the kernel has for tests. The status is 0 when any tool can run, else 3.',
  '',
  ...helpOf(OPTIONS),
];

export const run = async (args: readonly string[]): Promise<number> => {
  const { json, verbose, help } = parseOptions(args, OPTIONS);
  if (help) {
    process.stdout.write(`${HELP.join('\n')}\n`);
    return DONE;
  }
  // On another system this is what is wrong with all of it.
  syscallNumbers();
  const findings = [
    ...kernelFindings(),
    ...processFindings(),
    ...featureFindings(verbose === true),
  ].map(settled);
  const lines = json ? findings.map(inJson) : [...summary(findings), ...wrong(findings)];
  if (!json && verbose) lines.push(...everything(findings));
  process.stdout.write(`${lines.map(printable).join('\n')}\n`);
  return findings.some(({ topic, state }) => topic === 'tools' && state === 'yes')
    ? DONE
    : UNSUPPORTED;
};

/** Advice is for what is wrong. */
const settled = (finding: Finding): Finding =>
  finding.state === 'yes' ? { ...finding, advice: undefined } : finding;

const inJson = ({ brief: _, ...finding }: Finding): string => jsonLine(finding);

// ----------
// Text
// ----------

const TITLES: Readonly<Record<Topic, string>> = {
  kernel: 'kernel',
  configuration: 'configuration',
  types: 'types (BTF)',
  jit: 'JIT',
  privileges: 'privileges',
  settings: 'settings',
  'file systems': 'file systems',
  container: 'container',
  'program types': 'program types',
  'map types': 'map types',
  helpers: 'helpers',
  attaching: 'attaching',
  tools: 'tools',
};

const TOPICS = Object.keys(TITLES) as Topic[];
const INDENT = 15;

/** A line for each topic: what its findings say in brief, or how many of them are there. */
const summary = (findings: readonly Finding[]): string[] =>
  TOPICS.flatMap((topic) => {
    const own = findings.filter((each) => each.topic === topic);
    const briefs = own.flatMap(({ brief }) => brief ?? []);
    const count = own.filter(({ state }) => state === 'yes').length;
    const text = briefs.length > 0 ? briefs.join(', ') : `${count} of ${own.length}`;
    return wrapped(TITLES[topic].padEnd(INDENT), text);
  });

/** What is wrong, with what to do: all that has the same advice together. */
const wrong = (findings: readonly Finding[]): string[] => {
  const groups = new Map<string, Finding[]>();
  for (const finding of findings) {
    if (finding.state === 'yes') continue;
    const key = `${finding.state} ${reasonOf(finding)}`;
    groups.set(key, [...(groups.get(key) ?? []), finding]);
  }
  if (groups.size === 0) return ['', 'Nothing is missing.'];
  const lines = [...groups.values()].flatMap((group) => {
    const mark = group[0]!.state === 'no' ? '-' : '?';
    return wrapped(`${mark} `, `${namesOf(group)}: ${reasonOf(group[0]!)}`, 4);
  });
  return ['', 'Missing (-), or not to be found out (?):', ...lines];
};

const LATER = /^of Linux [\d.]+ or later$/;

/** What later kernels have is one group, and not one for each of them. */
const reasonOf = ({ advice = '' }: Finding): string =>
  LATER.test(advice) ? 'of later kernels' : advice;

/** More names than these are counted, and --verbose has them. */
const MOST_NAMES = 12;

const namesOf = (group: readonly Finding[]): string => {
  const topics = TOPICS.flatMap((topic) => {
    const own = group.filter((each) => each.topic === topic);
    if (own.length === 0) return [];
    // The option stands in the advice.
    if (topic === 'configuration') return group.length > 1 ? [] : (own[0]!.brings ?? own[0]!.name);
    if (own.length > MOST_NAMES) return `${own.length} ${TITLES[topic]}`;
    return `${TITLES[topic]} ${own.map(({ name }) => name).join(', ')}`;
  });
  return topics.join('; ');
};

const everything = (findings: readonly Finding[]): string[] => {
  const most = Math.max(...findings.map(({ programTypes = [] }) => programTypes.length));
  const textOf = ({ value, advice, programTypes = [] }: Finding): string => {
    if (programTypes.length === most) return 'all types of programs';
    return programTypes.join(' ') || value?.toString() || advice || '';
  };
  return TOPICS.flatMap((topic) => [
    '',
    TITLES[topic],
    ...findings
      .filter((each) => each.topic === topic)
      .flatMap((each) =>
        wrapped(`  ${each.state.padEnd(8)}${each.name.padEnd(30)} `, textOf(each), 41),
      ),
  ]);
};

const WIDTH = 100;

/** A line that is broken between words; those that follow are indented as far as the text begins. */
const wrapped = (head: string, text: string, indent = head.length): string[] => {
  const lines: string[] = [];
  let line = head;
  for (const word of text.split(' ')) {
    const isFirst = line.length === head.length && lines.length === 0;
    if (!isFirst && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = ' '.repeat(indent) + word;
    } else line += isFirst || line.trim() === '' ? word : ` ${word}`;
  }
  return [...lines, line.trimEnd()];
};
