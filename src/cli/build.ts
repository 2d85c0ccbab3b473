/**
 * @module
 * `beespoke build MODULE|TOOL -o FILE`: writes a tool, or an object that a module exports, to an object file that
 * libbpf, bpftool and cilium/ebpf load; `beespoke build A.o B.o -o FILE`: links object files to one. It needs no kernel
 * and no compiler.
 */
import { relative } from 'node:path';
import type { Frame } from '../asm/index.ts';
import { ElfFile, linkObjects, SHF, STT, writeObject } from '../elf/index.ts';
import { sourceOf } from '../kernel/sources.ts';
import type { Architecture, ObjectSpec } from '../object/index.ts';
import type { OptionTable, Tool } from '../programs/tool.ts';
import { DONE, USAGE, UsageError } from './errors.ts';
import { readNamed } from './object-file.ts';
import { type Given, helpOf, parseOptions, parseSize, parseWithRest } from './options.ts';
import { STDOUT, writeWhole } from './output-file.ts';
import { printable } from './printable.ts';
import { jsonLine, say } from './printer.ts';
import { TOOL_OPTIONS } from './tool-options.ts';
import { toolNames, toolOf } from './tools.ts';
import { importObject } from './user-module.ts';

const LINK_OPTIONS = {
  output: { type: 'text', short: 'o', placeholder: 'FILE', help: 'where to write it; - is stdout' },
  json: { type: 'boolean', help: 'say what was written as one JSON object' },
  help: { type: 'boolean', short: 'h', help: 'this text' },
} as const satisfies OptionTable;

const OPTIONS = {
  output: LINK_OPTIONS.output,
  variants: {
    type: 'boolean',
    help: 'also what is for other kernels, in sections that begin with ?',
  },
  architecture: {
    type: 'text',
    placeholder: 'NAME',
    help: 'x86-64 or arm64, for programs that read registers (default: as here)',
  },
  json: LINK_OPTIONS.json,
  help: LINK_OPTIONS.help,
} as const satisfies OptionTable;

const MODULE_OPTIONS = {
  export: { type: 'text', placeholder: 'NAME', help: 'what the module exports (default: default)' },
} as const satisfies OptionTable;

const HELP = [
  'beespoke build TOOL -o FILE [options of the tool]',
  'beespoke build MODULE -o FILE [--export NAME]',
  'beespoke build A.o B.o... -o FILE',
  '',
  'Writes a tool, or the object() that a module exports or a function of it returns, to an object file that libbpf,',
  'bpftool and cilium/ebpf load. Of a program that has variants the first is written, which is for new kernels. With',
  '--variants the others are there as well, as NAME__2 and so on, and optional programs wait until a loader asks for',
  'them: the sections of both begin with ?. `bpftool prog loadall` does not take such files.',
  '',
  'Object files are linked to one, as `bpftool gen object` does: what one declares another one may define.',
  '',
  ...helpOf({ ...OPTIONS, ...MODULE_OPTIONS }),
  '',
  'Examples:',
  '  beespoke build exitsnoop --failed -o exitsnoop.bpf.o',
  '  beespoke build ./prog.ts --export filter -o filter.bpf.o',
  '  beespoke build main.bpf.o library.bpf.o -o app.bpf.o',
];

export const run = async ([name, ...args]: readonly string[]): Promise<number> => {
  if (name === undefined || name === '--help' || name === '-h') {
    const output = name === undefined ? process.stderr : process.stdout;
    output.write(`${HELP.join('\n')}\n`);
    return name === undefined ? USAGE : DONE;
  }
  if (name.startsWith('-'))
    throw new UsageError(`build takes a tool or a module first, got ${JSON.stringify(name)}`);
  if (isObject(name)) return linkFiles([name, ...args]);
  const tool = toolOf(name);
  if (!tool && !/\.[cm]?[jt]s$/.test(name))
    throw new UsageError(
      `there is no tool ${JSON.stringify(name)} (${toolNames().join(', ')}), a module ends in .ts, .js, .mts or .mjs, and an object file in .o`,
    );
  const table = tool
    ? { buffer: TOOL_OPTIONS.buffer, ...tool.options, ...OPTIONS }
    : { ...MODULE_OPTIONS, ...OPTIONS };
  const given = parseOptions(args, table, tool?.positionals);
  if (given.help) {
    process.stdout.write(`${HELP.join('\n')}\n`);
    return DONE;
  }
  const file = given.output as string | undefined;
  if (!file) throw new UsageError(`say where to write it: build ${name} -o FILE`);
  const spec = tool ? specOf(tool, given) : await importObject(name, given.export as string);
  const bytes = writeObject(spec, {
    sourceOf: placeOf,
    variants: given.variants ? 'all' : 'first',
    architecture: architectureOf(given.architecture as string | undefined),
  });
  writeWhole(file, bytes);
  report(file, bytes, Object.keys(spec.maps), given.json === true);
  return DONE;
};

const isObject = (name: string): boolean => name.endsWith('.o');

const linkFiles = (args: readonly string[]): number => {
  const { given, rest } = parseWithRest(args, LINK_OPTIONS);
  if (given.help) {
    process.stdout.write(`${HELP.join('\n')}\n`);
    return DONE;
  }
  const other = rest.find((name) => !isObject(name));
  if (other !== undefined)
    throw new UsageError(`only object files can be linked, got ${JSON.stringify(other)}`);
  const file = given.output as string | undefined;
  if (!file) throw new UsageError(`say where to write it: build ${rest.join(' ')} -o FILE`);
  const bytes = linkObjects(rest.map((label) => ({ bytes: readNamed(label), label })));
  writeWhole(file, bytes);
  report(file, bytes, definedIn(bytes, '.maps'), given.json === true);
  return DONE;
};

/** The variables of a section. */
const definedIn = (bytes: Uint8Array, section: string): readonly string[] => {
  const file = new ElfFile(bytes);
  const index = file.section(section)?.index;
  return file.symbols
    .filter((symbol) => symbol.section === index && symbol.type === STT.OBJECT)
    .map(({ name }) => name);
};

const specOf = (tool: Tool, given: Given): ObjectSpec => {
  const buffer =
    given.buffer === undefined ? undefined : parseSize('--buffer', String(given.buffer));
  const options = { ...given, buffer };
  const conflict = tool.conflict?.(options as never);
  if (conflict) throw new UsageError(conflict);
  return tool.object(options as never);
};

/** The one that programs at kprobes and uprobes are written for. */
const architectureOf = (given: string | undefined): Architecture => {
  if (given === undefined) return process.arch === 'arm64' ? 'arm64' : 'x86-64';
  if (given === 'x86-64' || given === 'arm64') return given;
  throw new UsageError(`--architecture is x86-64 or arm64, got ${JSON.stringify(given)}`);
};

/** Lines are found from where the command is run: what is below it is named so, on every machine the same. */
const placeOf = (frame: Frame): Frame => {
  const place = sourceOf(frame);
  const here = workingDirectory();
  const path = here === undefined ? '..' : relative(here, place.file);
  return path.startsWith('..') ? place : { ...place, file: path };
};

/** undefined when it has been deleted. */
const workingDirectory = (): string | undefined => {
  try {
    return process.cwd();
  } catch {
    return undefined;
  }
};

/** Says what is in the file, read from it: on stdout, unless that is the file. */
export const report = (
  file: string,
  bytes: Uint8Array,
  maps: readonly string[],
  json: boolean,
): void => {
  const elf = new ElfFile(bytes);
  const programs = elf.symbols.flatMap(({ name, type, section }) => {
    const within = elf.sections[section];
    const isProgram = type === STT.FUNC && within && within.name !== '.text';
    return isProgram ? [{ name, section: within.name }] : [];
  });
  const sections = elf.sections
    .filter(({ flags, name }) => (flags & SHF.ALLOC) !== 0 || name.startsWith('.BTF'))
    .map(({ name }) => name);
  if (json) {
    tell(file, jsonLine({ file, bytes: bytes.length, sections, programs, maps }));
    return;
  }
  const asked = programs.filter(({ section }) => section.startsWith('?')).length;
  const counts = [
    `${count(programs.length, 'program')}${asked > 0 ? ` (${asked} on demand)` : ''}`,
    count(maps.length, 'map'),
    count(sections.length, 'section'),
    `${bytes.length} bytes`,
  ];
  const name = file === STDOUT ? 'stdout' : printable(file);
  tell(file, `${name}: ${counts.join(', ')}`);
};

const tell = (file: string, line: string): void => {
  if (file === STDOUT) say(line);
  else process.stdout.write(`${line}\n`);
};

const count = (number: number, what: string): string =>
  `${number} ${what}${number === 1 ? '' : 's'}`;
