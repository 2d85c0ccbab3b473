/**
 * @module
 * `beespoke load FILE...`: verifies each program of object files, alone, and says what the kernel's verifier makes of
 * it. What is loaded is unloaded at once, and nothing is attached.
 */
import { encode, exit, mov, r0 } from '../asm/index.ts';
import type { Btf } from '../btf/index.ts';
import { type LoadOptions, loadObject, VerifierError } from '../kernel/index.ts';
import { type Hook, type MapType, type ObjectSpec, variantsOf } from '../object/index.ts';
import type { Column, OptionTable } from '../programs/tool.ts';
import { BPF_PROG_TYPE, closeFd, progLoad, syscallNumbers } from '../syscall/index.ts';
import { parseStatistics, type Statistics } from '../verifier/index.ts';
import { openBtf } from './btf.ts';
import { DONE, FAILED, statusOf, UNSUPPORTED, UsageError } from './errors.ts';
import { openObject } from './object-file.ts';
import { helpOf, parseWithRest } from './options.ts';
import { printable } from './printable.ts';
import { headerOf, jsonLine, now, rowOf, say } from './printer.ts';

const OPTIONS = {
  json: { type: 'boolean', help: 'one JSON object a line, for each program' },
  btf: {
    type: 'text',
    placeholder: 'FILE',
    help: 'BTF, or a vmlinux with BTF, to resolve CO-RE against in place of the running kernel',
  },
  verbose: { type: 'boolean', short: 'v', help: 'print what the verifier wrote' },
  help: { type: 'boolean', short: 'h', help: 'this text' },
} as const satisfies OptionTable;

const HELP = [
  'beespoke load FILE... [options]',
  '',
  'Verifies the programs of object files on the running kernel, each alone, and says of each:',
  '',
  '  VERDICT  accepted; refused by the verifier; unsupported by this kernel; failed before the kernel saw it',
  '  INSNS    instructions that the verifier walked through',
  '  STATES   states that it kept, and the most at one time (PEAK)',
  '  XLATED   8-byte slots of the program in the kernel; JITED: bytes of machine code',
  '  MS       milliseconds that the verifier took',
  '',
  'Nothing is attached, and nothing stays loaded. The status is 0 when all are accepted, 3 when all that are not are',
  'unsupported, else 1.',
  '',
  ...helpOf(OPTIONS),
];

/** Statistics at the end of the log; with --verbose every instruction and state as well, also those of ways that were accepted. */
const STATISTICS = 4;
const STATES = 2;

interface Given {
  readonly json: boolean;
  readonly btf: string | undefined;
  readonly verbose: boolean;
  readonly help: boolean;
}

export const run = async (args: readonly string[]): Promise<number> => {
  const { given, rest: files } = parseWithRest(args, OPTIONS);
  const { json, btf: btfFile, verbose, help } = given as unknown as Given;
  if (help) {
    process.stdout.write(`${HELP.join('\n')}\n`);
    return DONE;
  }
  if (files.length === 0) throw new UsageError('load takes object files: beespoke load FILE...');
  checkPrivileges();
  const btf = btfFile === undefined ? undefined : openBtf(btfFile);
  const objects = files.map((file) => ({ file, spec: opened(file) }));
  const print = json ? printJson : tableOf(objects, verbose);
  const statuses = objects.flatMap(({ file, spec }) => {
    if (!spec) return [FAILED];
    const names = Object.keys(spec.programs);
    if (names.length === 0) say(printable(`${file} holds no programs`));
    return names.map((name) => {
      const report = verify(file, spec, name, { btf, verbose });
      print(report);
      return STATUSES[report.verdict];
    });
  });
  if (statuses.includes(FAILED)) return FAILED;
  return statuses.includes(UNSUPPORTED) ? UNSUPPORTED : DONE;
};

/** On another system, or without privileges, that is what is wrong with all programs: it is said once. */
const checkPrivileges = (): void => {
  syscallNumbers();
  const insns = encode([mov(r0, 0), exit()]);
  const type = BPF_PROG_TYPE.BPF_PROG_TYPE_SOCKET_FILTER;
  closeFd(progLoad({ type, insns, license: 'GPL' }).fd);
};

/** The object in a file; undefined after a word on what is wrong with it. */
const opened = (file: string): ObjectSpec | undefined => {
  try {
    return openObject(file);
  } catch (error) {
    say(`beespoke: ${printable((error as Error).message)}`);
    return undefined;
  }
};

// ----------
// Verifying
// ----------

const STATUSES = {
  accepted: DONE,
  refused: FAILED,
  failed: FAILED,
  unsupported: UNSUPPORTED,
} as const;

/** What became of one program. */
interface Report extends Partial<Statistics> {
  readonly file: string;
  readonly program: string;
  readonly section: string;
  readonly type: Hook['type'];
  readonly verdict: keyof typeof STATUSES;
  /** Slots of the program as the kernel runs it. */
  readonly xlatedInstructions?: number;
  readonly jitedBytes?: number;
  /** Why it was not accepted. */
  readonly explanation?: string;
  readonly source?: VerifierError['source'];
  readonly log?: string | undefined;
}

interface VerifyOptions {
  readonly btf: Btf | undefined;
  readonly verbose: boolean;
}

/** Programs that leave a size to user space are verified with the smallest. */
const smallestSizes = ({ maps }: ObjectSpec): LoadOptions['sizes'] =>
  Object.fromEntries(
    Object.entries(maps)
      .filter(([, { type, maxEntries }]) => maxEntries === 0 && TAKES_ENTRIES.has(type))
      .map(([name]) => [name, { maxEntries: 1 }]),
  );

const TAKES_ENTRIES: ReadonlySet<MapType> = new Set([
  'hash',
  'array',
  'percpu_hash',
  'percpu_array',
  'lru_hash',
  'lru_percpu_hash',
  'lpm_trie',
  'stack_trace',
  'queue',
  'stack',
  'prog_array',
  'array_of_maps',
  'hash_of_maps',
]);

const verify = (
  file: string,
  spec: ObjectSpec,
  program: string,
  { btf, verbose }: VerifyOptions,
): Report => {
  const { section, type } = variantsOf(spec.programs[program]!)[0]!.hook;
  const subject = { file, program, section, type };
  const logLevel = STATISTICS | (verbose ? STATES : 0);
  const logOf = (log: string) => ({ ...parseStatistics(log), ...(verbose && { log }) });
  try {
    using loaded = loadObject(spec, {
      programs: [program],
      btf,
      lines: true,
      logLevel,
      pinPath: '',
      sizes: smallestSizes(spec),
    });
    const live = loaded.programs[program]!;
    const { xlatedLength, jitedLength } = live.info();
    return {
      ...subject,
      verdict: 'accepted',
      ...logOf(live.log),
      xlatedInstructions: xlatedLength / 8,
      jitedBytes: jitedLength,
    };
  } catch (error) {
    const unsupported = statusOf(error) === UNSUPPORTED && ('unsupported' as const);
    if (error instanceof VerifierError) {
      const { explanation, source, log } = error;
      return { ...subject, verdict: unsupported || 'refused', ...logOf(log), explanation, source };
    }
    const explanation = (error as Error).message;
    return { ...subject, verdict: unsupported || 'failed', explanation };
  }
};

// ----------
// Printing
// ----------

const printJson = ({ timeUs, ...report }: Report): void => {
  const timeMs = timeUs === undefined ? undefined : timeUs / 1000;
  process.stdout.write(`${jsonLine({ ...report, timeMs })}\n`);
};

const tableOf = (
  objects: readonly { readonly file: string; readonly spec: ObjectSpec | undefined }[],
  verbose: boolean,
): ((report: Report) => void) => {
  const columns = columnsOf(objects);
  process.stdout.write(`${headerOf(columns)}\n`);
  const moment = now();
  return (report) => {
    const { explanation, log } = report;
    const lines = [rowOf(columns, report, moment)];
    if (explanation !== undefined) lines.push(...indented(explanation));
    if (verbose && log) lines.push(...indented(log.trimEnd()));
    process.stdout.write(`${lines.join('\n')}\n`);
  };
};

const indented = (text: string): string[] =>
  text.split('\n').map((line) => `    ${printable(line)}`);

const columnsOf = (
  objects: readonly { readonly file: string; readonly spec: ObjectSpec | undefined }[],
): readonly Column<Report>[] => {
  const programs = objects.flatMap(({ spec }) => Object.entries(spec?.programs ?? {}));
  const text = (title: string, texts: readonly string[], get: (report: Report) => string) => ({
    title,
    width: Math.max(title.length, ...texts.map((each) => printable(each).length)),
    text: get,
  });
  const number = (title: string, width: number, get: (r: Report) => number | undefined) =>
    ({
      title,
      width,
      align: 'right',
      text: (report: Report) => String(get(report) ?? '-'),
    }) as const;
  return [
    text(
      'FILE',
      objects.map(({ file }) => file),
      ({ file }) => file,
    ),
    text(
      'PROGRAM',
      programs.map(([name]) => name),
      ({ program }) => program,
    ),
    text(
      'SECTION',
      programs.map(([, entry]) => variantsOf(entry)[0]!.hook.section),
      ({ section }) => section,
    ),
    text('VERDICT', ['unsupported'], ({ verdict }) => verdict),
    number('INSNS', 7, ({ instructions }) => instructions),
    number('STATES', 6, ({ totalStates }) => totalStates),
    number('PEAK', 6, ({ peakStates }) => peakStates),
    number('XLATED', 6, ({ xlatedInstructions }) => xlatedInstructions),
    number('JITED', 7, ({ jitedBytes }) => jitedBytes),
    {
      title: 'MS',
      width: 8,
      align: 'right',
      text: ({ timeUs }) => (timeUs === undefined ? '-' : (timeUs / 1000).toFixed(3)),
    },
  ];
};
