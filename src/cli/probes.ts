/**
 * @module
 * `beespoke probes [PATTERN] [-v]`: what programs can be attached to, spelled as sections of programs, and with `-v`
 * what programs can read there.
 */
import { closeNames } from '../asm/close-names.ts';
import {
  isProbeKind,
  type ListProbesOptions,
  listProbes,
  PROBE_KINDS,
  type Probe,
  type ProbeArgument,
  probeArguments,
} from '../kernel/index.ts';
import { parseSection } from '../object/index.ts';
import type { OptionTable } from '../programs/tool.ts';
import { UsageError } from './errors.ts';
import { helpOf, parseOptions } from './options.ts';
import { printable } from './printable.ts';
import { jsonLine, Printer, say } from './printer.ts';

const OPTIONS = {
  pattern: {
    type: 'text',
    placeholder: 'PATTERN',
    help: 'which ones (default: all of the kernel)',
  },
  verbose: { type: 'boolean', short: 'v', help: 'with arguments and their types' },
  json: { type: 'boolean', help: 'one JSON object a line' },
  pid: { type: 'pid', short: 'p', help: 'files as this process sees them, its libraries by name' },
  help: { type: 'boolean', short: 'h', help: 'this text' },
} as const satisfies OptionTable;

const HELP = [
  'beespoke probes [PATTERN] [options]',
  '',
  'What programs can be attached to: kprobe, fentry, tracepoint, raw_tp, tp_btf, iter, lsm and perf_event of the',
  'kernel; uprobe and usdt of a file. A PATTERN is a kind and a name with * and ?, or a name alone, of any kind.',
  '',
  ...helpOf(OPTIONS, ['pattern']),
  '',
  'Examples (quote patterns, or the shell takes them for files):',
  "  beespoke probes 'tracepoint:sched:*'            tracepoints of the scheduler",
  "  beespoke probes '*unlink*'                      whatever has unlink in its name",
  '  beespoke probes -v fexit/vfs_read               arguments of a function, and what it returns',
  "  beespoke probes 'fentry/nf_tables:*'            functions of a module",
  "  beespoke probes 'uprobe:/bin/bash:*readline*'   functions of a program",
  '  beespoke probes -v usdt:libstdc++.so.6          static probes of a library',
];

/** So many lines are written at once: a reader that goes away spares the rest. */
const LINES = 1000;

export const run = async (args: readonly string[]): Promise<number> => {
  const { pattern, verbose, json, pid, help } = parseOptions(args, OPTIONS, ['pattern']);
  if (help) {
    process.stdout.write(`${HELP.join('\n')}\n`);
    return 0;
  }
  const given = { pattern: pattern as string | undefined, pid: pid as number | undefined };
  const { probes, missing, doubts } = listed(given);
  for (const sentence of missing) say(sentence);
  if (probes.length === 0) throw nothingLike(given);
  for (const sentence of doubts) say(sentence);
  const argumentsOf = verbose ? probeArguments() : () => undefined;
  const textOf = json ? jsonOf : linesOf;
  let gone = false;
  const printer = new Printer(() => {
    gone = true;
  });
  for (let at = 0; at < probes.length && !gone; at += LINES) {
    const some = probes.slice(at, at + LINES);
    await printer.lines(some.map((probe) => textOf(probe, argumentsOf(probe))));
  }
  return 0;
};

/** A pattern that can mean nothing is wrong usage. */
const listed = (given: ListProbesOptions) => {
  try {
    return listProbes(given);
  } catch (error) {
    throw error instanceof TypeError ? new UsageError(error.message) : error;
  }
};

type Arguments = readonly ProbeArgument[] | undefined;

const jsonOf = (probe: Probe, args: Arguments): string =>
  jsonLine(args ? { ...probe, arguments: args } : probe);

const linesOf = (probe: Probe, args: Arguments = []): string =>
  [labelOf(probe), ...args.map(argumentLine)].map(printable).join('\n');

const argumentLine = ({ declaration, place }: ProbeArgument): string =>
  place === undefined ? `    ${declaration}` : `    ${declaration} at ${place}`;

const labelOf = ({ kind, section, name, module }: Probe): string => {
  const label = kind === 'perf_event' ? `${section}/${name}` : section;
  return module === undefined ? label : `${label} [${module}]`;
};

const nothingLike = ({ pattern = '', pid }: ListProbesOptions): Error => {
  const hook = parseSection(pattern.replace(':', '/'));
  if (hook && !isProbeKind(hook.type))
    return new Error(
      `where programs of type ${hook.type} can be attached is not listed; ${PROBE_KINDS.join(', ')} are`,
    );
  return new Error(`no probe is like ${JSON.stringify(pattern)}${hintFor({ pattern, pid })}`);
};

/** Names that are like the one that was given, of the same kinds. */
const hintFor = ({ pattern = '', pid }: ListProbesOptions): string => {
  // Of a file alone, nothing is misspelt: it has none.
  if (/[*?]/.test(pattern) || /^(uprobe|uretprobe|usdt)[:/][^:]*$/.test(pattern)) return '';
  const at = Math.max(pattern.lastIndexOf(':'), pattern.lastIndexOf('/')) + 1;
  const { probes } = listProbes({ pattern: `${pattern.slice(0, at)}*`, pid });
  const names = probes.map(({ name }) => /[^/:]*$/.exec(name)![0]);
  const close = closeNames(pattern.slice(at), names);
  return close.length === 0 ? '' : `; similar names: ${close.join(', ')}`;
};
