/** What is in a linked object, in a form that does not depend on the numbers that a linker gives to types and symbols. */
import { Btf, decodeBtfExt, type ExtRecords, printDeclaration } from '../../src/btf/index.ts';
import { ElfFile, type ElfSymbol, STT } from '../../src/elf/index.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** Sections, symbols, relocations, and what the BTF says of each place. */
export const describeLinked = (bytes: Uint8Array) => {
  const file = new ElfFile(bytes);
  const sectionName = (index: number): string => file.sections[index]?.name ?? `${index}`;
  const place = ({ name, section, value, type }: ElfSymbol): string =>
    type === STT.SECTION ? sectionName(section) : `${name} at ${sectionName(section)}+${value}`;
  const sections = file.sections.filter(({ type, name }) => (type === 1 || type === 8) && !name.startsWith('.BTF'));
  const btf = new Btf(file.section('.BTF')!.data);
  const ext = file.section('.BTF.ext');
  const { funcInfos = [], lineInfos = [], coreRelos = [] } = ext ? decodeBtfExt(ext.data) : {};
  const records = <T extends { readonly insnOffset: number }>(
    lists: readonly ExtRecords<T>[],
    print: (record: T) => string,
  ): string[] =>
    lists
      .flatMap(({ section, records }) =>
        records.map((each) => `${btf.string(section)}+${each.insnOffset}: ${print(each)}`),
      )
      .sort();
  return {
    sections: Object.fromEntries(
      sections.map(({ name, type, flags, align, size, data }) => [
        name,
        { type, flags, align, size, data: hex(data) },
      ]),
    ),
    symbols: file.symbols
      .slice(1)
      .map((each) => {
        const { size, type, binding, visibility } = each;
        return `${place(each)}: ${size} bytes, type ${type}, binding ${binding}, visibility ${visibility}`;
      })
      .sort(),
    relocations: sections.flatMap((section) =>
      file
        .relocations(section)
        .map(({ offset, type, symbol }) => `${section.name}+${offset}: ${type}, ${place(symbol)}`),
    ),
    variables: Object.fromEntries(
      btf.idsOf('datasec').map((id) => {
        const { name, size, variables } = btf.type(id) as Extract<
          ReturnType<Btf['type']>,
          { kind: 'datasec' }
        >;
        const list = variables.map(({ type, offset, size }) => {
          const { kind, linkage, name } = btf.type(type) as Extract<
            ReturnType<Btf['type']>,
            { kind: 'var' | 'func' }
          >;
          return `${offset}: ${linkage} ${kind} ${name}, ${size} bytes, ${typeOf(btf, type)}`;
        });
        return [name, { size, list: list.sort() }];
      }),
    ),
    functions: records(funcInfos, ({ typeId }) => typeOf(btf, typeId)),
    lines: records(
      lineInfos,
      ({ fileNameOffset, lineOffset, line, column }) =>
        `${btf.string(fileNameOffset)}:${line}:${column} ${btf.string(lineOffset)}`,
    ),
    accesses: records(
      coreRelos,
      ({ typeId, accessOffset, kind }) =>
        `${kind} of ${typeOf(btf, typeId)}, ${btf.string(accessOffset)}`,
    ),
  };
};

/** A type with its name and what it is made of, one level deep: C, where it can be said in C. */
const typeOf = (btf: Btf, id: number): string => {
  const type = btf.type(id);
  if (type.kind === 'func' || type.kind === 'var') {
    return `${type.kind} ${type.linkage} ${type.name}: ${printDeclaration(btf, type.type, type.name)}`;
  }
  return `${type.kind} ${type.name} ${'size' in type ? type.size : ''} ${'members' in type ? type.members.length : ''}`;
};
