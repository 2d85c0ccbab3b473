/** What is in a linked object, in a form that does not depend on the numbers that a linker gives to types and symbols. */
import {
  Btf,
  type BtfType,
  decodeBtfExt,
  type ExtRecords,
  printDeclaration,
} from '../../src/btf/index.ts';
import { ElfFile, type ElfSymbol, SHT, STT } from '../../src/elf/index.ts';

/** Sections, symbols, relocations, and what the BTF says of each place. */
export const describeLinked = (bytes: Uint8Array) => {
  const file = new ElfFile(bytes);
  const btf = new Btf(file.section('.BTF')!.data);
  const sections = file.sections.filter(
    ({ type, name }) => (type === SHT.PROGBITS || type === SHT.NOBITS) && !name.startsWith('.BTF'),
  );
  const place = ({ name, section, value, type }: ElfSymbol): string => {
    const where = file.sections[section]?.name ?? `${section}`;
    return type === STT.SECTION ? where : `${name} at ${where}+${value}`;
  };
  return {
    sections: Object.fromEntries(
      sections.map(({ name, type, flags, align, size, data }) => [
        name,
        { type, flags, align, size, data: Buffer.from(data).toString('hex') },
      ]),
    ),
    symbols: file.symbols
      .slice(1)
      .map((symbol) => {
        const { size, type, binding, visibility } = symbol;
        return `${place(symbol)}: ${size} bytes, type ${type}, binding ${binding}, visibility ${visibility}`;
      })
      .sort(),
    relocations: sections.flatMap((section) =>
      file
        .relocations(section)
        .map(({ offset, type, symbol }) => `${section.name}+${offset}: ${type}, ${place(symbol)}`),
    ),
    variables: variablesOf(btf),
    ...recordsOf(file, btf),
  };
};

/** The sections of variables, each with its size, and its variables by their offsets. */
export const variablesOf = (btf: Btf): Readonly<Record<string, readonly [number, string[]]>> =>
  Object.fromEntries(
    btf.idsOf('datasec').map((id) => {
      const { name, size, variables } = btf.type(id) as Extract<BtfType, { kind: 'datasec' }>;
      const list = variables.map(
        ({ type, offset, size }) => `${offset}: ${print(btf, type)}, ${size} bytes`,
      );
      return [name, [size, list.sort()]];
    }),
  );

/** What `.BTF.ext` says, by where its instructions are. */
const recordsOf = (file: ElfFile, btf: Btf) => {
  const ext = file.section('.BTF.ext');
  const { funcInfos = [], lineInfos = [], coreRelos = [] } = ext ? decodeBtfExt(ext.data) : {};
  const list = <T extends { readonly insnOffset: number }>(
    lists: readonly ExtRecords<T>[],
    text: (record: T) => string,
  ): string[] =>
    lists
      .flatMap(({ section, records }) =>
        records.map((each) => `${btf.string(section)}+${each.insnOffset}: ${text(each)}`),
      )
      .sort();
  return {
    functions: list(funcInfos, ({ typeId }) => print(btf, typeId)),
    lines: list(
      lineInfos,
      ({ fileNameOffset, lineOffset, line, column }) =>
        `${btf.string(fileNameOffset)}:${line}:${column} ${btf.string(lineOffset)}`,
    ),
    accesses: list(
      coreRelos,
      ({ typeId, accessOffset, kind }) =>
        `kind ${kind}, ${print(btf, typeId)}, ${btf.string(accessOffset)}`,
    ),
  };
};

/** A type in a line: C of what has a name of its own, without what is inside. */
const print = (btf: Btf, id: number): string => {
  const type = btf.type(id);
  if (type.kind === 'func' || type.kind === 'var')
    return `${type.linkage} ${printDeclaration(btf, type.type, type.name)}`;
  const members = 'members' in type ? ` of ${type.members.length} members` : '';
  return `${type.kind} ${type.name}${members}`;
};
