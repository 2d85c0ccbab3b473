/**
 * @module
 * `beespoke btf [c|ts|raw|json] [TYPE...]`: the types of the running kernel or of a file, as C, as layouts of our
 * language, or as bpftool lists them.
 *
 * It reads files and nothing else: it needs no privileges, and for a file no Linux.
 */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import {
  Btf,
  hasTypeScript,
  printAllJson,
  printAllRaw,
  printC,
  printRaw,
  printTypeScript,
} from '../btf/index.ts';
import { ElfFile } from '../elf/index.ts';
import { RequirementError } from '../object/index.ts';
import type { OptionTable } from '../programs/tool.ts';
import { selectTypes } from './btf-select.ts';
import { helpOf, parseWithRest } from './options.ts';
import { printable } from './printable.ts';

const KERNEL = '/sys/kernel/btf/vmlinux';

const OPTIONS = {
  file: {
    type: 'text',
    placeholder: 'FILE',
    help: `BTF, or an ELF file with BTF (default ${KERNEL})`,
  },
  base: { type: 'text', placeholder: 'FILE', help: 'what the BTF of a kernel module continues' },
  json: { type: 'boolean', help: 'the same as the form json' },
  help: { type: 'boolean', short: 'h', help: 'this text' },
} as const satisfies OptionTable;

/** How types are printed: those that were asked for, or all. */
type Form = (btf: Btf, ids: readonly number[] | undefined) => string;

const FORMS: Readonly<Record<string, Form>> = {
  // A whole header is for clang, which shall relocate what it accesses; a few types are for readers.
  c: (btf, ids) => printC(btf, ids, { header: ids === undefined }),
  ts: (btf, ids) => {
    if (ids !== undefined && !ids.some((id) => hasTypeScript(btf, id))) {
      const found = ids.map((id) => `${btf.name(id)} is a ${btf.type(id).kind}`).slice(0, 3);
      throw new Error(`ts prints structs, unions and enums of 32 bits; ${found.join(', ')}`);
    }
    return printTypeScript(btf, ids);
  },
  raw: (btf, ids) =>
    ids === undefined ? printAllRaw(btf) : ids.map((id) => `${printRaw(btf, id)}\n`).join(''),
  json: (btf, ids) => `${printAllJson(btf, ids)}\n`,
};

const HELP = [
  'beespoke btf [c|ts|raw|json] [TYPE...] [options]',
  '',
  'The types of the running kernel, or of a file. A TYPE is a name, or a pattern with * and ?; `struct NAME` takes',
  'only structs (so do union, enum, typedef, func and var).',
  '',
  '  c     C with all that it needs to compile; of all types a vmlinux.h (the default)',
  '  ts    layouts for programs in TypeScript',
  '  raw   a line for each type and member, as bpftool btf dump prints them',
  '  json  the same as JSON, in the shape of bpftool -j',
  '',
  ...helpOf(OPTIONS),
  '',
  'Examples:',
  '  beespoke btf task_struct            the struct as C',
  '  beespoke btf > vmlinux.h            all of the kernel',
  "  beespoke btf ts 'struct nf_conn*'   layouts to paste into a program",
  '  beespoke btf func vfs_read          the prototype of a function',
];

export const run = async (args: readonly string[]): Promise<number> => {
  const { given, rest } = parseWithRest(args, OPTIONS);
  if (given.help) {
    process.stdout.write(`${HELP.join('\n')}\n`);
    return 0;
  }
  const named = rest[0] !== undefined && Object.hasOwn(FORMS, rest[0]);
  const form = FORMS[given.json ? 'json' : named ? rest[0]! : 'c']!;
  const btf = openBtf(given.file as string | undefined, given.base as string | undefined);
  const words = named ? rest.slice(1) : rest;
  const text = form(btf, words.length === 0 ? undefined : selectTypes(btf, words));
  process.stdout.write(process.stdout.isTTY ? safe(text) : text);
  return 0;
};

/** A file can hold any names, also such that move the cursor. */
const safe = (text: string): string =>
  text.replace(/(?![\n\t])\p{Cc}/gu, (character) => printable(character));

/** The BTF of a file, on that of its base. */
export const openBtf = (file = KERNEL, base?: string): Btf => {
  if (file === KERNEL && !existsSync(file)) {
    throw new RequirementError(
      `this kernel has no type information: there is no ${KERNEL} (CONFIG_DEBUG_INFO_BTF); --file takes another`,
    );
  }
  const { btf, ownBase } = sectionsOf(file);
  return new Btf(btf, { label: basename(file), base: baseOf(file, base, ownBase) });
};

const baseOf = (file: string, base: string | undefined, own: Uint8Array | undefined) => {
  if (base !== undefined) return new Btf(sectionsOf(base).btf, { label: basename(base) });
  if (own !== undefined) return new Btf(own, { label: 'the base in the file' });
  // The kernel shows a module's types beside its own, which they continue.
  const isModule = dirname(realpathSync(file)) === dirname(KERNEL) && basename(file) !== 'vmlinux';
  return isModule ? new Btf(read(KERNEL), { label: 'vmlinux' }) : undefined;
};

/** The BTF of a file. Modules for any kernel bring the part of its types that they need, in .BTF.base (Linux 6.11). */
const sectionsOf = (
  file: string,
): { readonly btf: Uint8Array; readonly ownBase?: Uint8Array | undefined } => {
  const bytes = read(file);
  const magic = bytes.toString('latin1', 0, 4);
  if (magic.startsWith('\x9f\xeb') || magic.startsWith('\xeb\x9f')) return { btf: bytes };
  if (magic !== '\x7fELF') throw new Error(`${file}: expected BTF or an ELF file, found neither`);
  const elf = new ElfFile(bytes, { label: file });
  const section = elf.section('.BTF');
  if (section === undefined) {
    throw new Error(`${file} has no section .BTF: it was built without -g, or stripped`);
  }
  return { btf: section.data, ownBase: elf.section('.BTF.base')?.data };
};

const read = (file: string): Buffer => {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Error(`there is no file ${file}`);
  }
};
