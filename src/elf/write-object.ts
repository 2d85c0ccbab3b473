/**
 * From an ObjectSpec to an object file that libbpf, bpftool and cilium/ebpf load, as clang would have written it:
 * programs in the sections of their hooks, maps in `.maps`, variables in `.bss`, `.data` and `.rodata`, types, lines
 * and CO-RE relocations in `.BTF` and `.BTF.ext`. Pure: the same object gives the same bytes on every machine.
 *
 * What our own loader decides can be left to libbpf in part only: docs/decisions.md says what becomes of the rest.
 * @example
 * writeFileSync('exitsnoop.bpf.o', writeObject(exitsnoop.object({ failed: true }), { sourceOf }));
 *
 * @module
 */
import type { Frame } from '../asm/index.ts';
import { encodeBtfExt } from '../btf/index.ts';
import { type ObjectSpec, TypeInfo } from '../object/index.ts';
import { EM, SHF, STT } from './constants.ts';
import { type ElfSectionInput, type ElfSymbolInput, writeElf } from './write.ts';
import { codeSections, functionSymbol } from './write-code.ts';
import { declareFunctions, externsOf } from './write-externs.ts';
import { type FunctionOptions, functionsOf, TEXT } from './write-functions.ts';
import { addEvents, mapsOf } from './write-maps.ts';
import { structOpsOf } from './write-struct-ops.ts';
import { variablesOf } from './write-variables.ts';

export interface WriteObjectOptions extends FunctionOptions {
  /** Where a frame is in the source, and the text of its line. Without it lines have no text. */
  readonly sourceOf?: ((frame: Frame) => Frame) | undefined;
}

/**
 * The bytes of the file. Throws ElfError or AssemblerError for what a file cannot hold, and BtfError for types that
 * cannot be described.
 */
export const writeObject = (spec: ObjectSpec, options: WriteObjectOptions = {}): Uint8Array => {
  const { sourceOf = (frame: Frame) => frame } = options;
  const littleEndian = !spec.bigEndian;
  const externs = externsOf(spec);
  const types = new TypeInfo(externs.types);
  addEvents(spec.maps, types);
  const variables = variablesOf(spec, types);
  const functions = functionsOf(spec, types, options);
  const functionSymbols = new Map(functions.map((each) => [each, functionSymbol(each)]));
  const programs = new Map(
    [...functionSymbols].flatMap(([{ name, section }, symbol]) =>
      section === TEXT ? [] : [[name, symbol] as const],
    ),
  );
  const program = (name: string): ElfSymbolInput | undefined => programs.get(name);
  const maps = mapsOf(spec, types, program);
  const structOps = structOpsOf(spec, types, program);
  declareFunctions(spec, types);
  for (const { instructions } of functions)
    for (const { relocation } of instructions) if (relocation) types.idOf(relocation.root);

  const text: ElfSymbolInput = { name: '', section: TEXT, type: STT.SECTION };
  const code = codeSections(functions, {
    types,
    functions: functionSymbols,
    text,
    maps: maps.symbols,
    variables: variables.places,
    externs: externs.symbols,
    config: spec.config ?? [],
    sourceOf,
    littleEndian,
  });
  const ext = {
    funcInfos: code.map(({ functions }) => functions),
    lineInfos: code.map(({ lines }) => lines),
    coreRelos: code.map(({ relocations }) => relocations),
  };
  return writeElf({
    machine: EM.BPF,
    littleEndian,
    sections: [
      ...code.map(({ section }) => section),
      licenseOf(spec),
      ...maps.sections,
      ...structOps.sections,
      ...variables.sections,
      { name: '.BTF', align: 4, data: types.builder.encode({ littleEndian }) },
      ...(code.length > 0
        ? [{ name: '.BTF.ext', align: 4, data: encodeBtfExt(ext, littleEndian) }]
        : []),
    ],
    symbols: [
      ...(functions.some(({ section }) => section === TEXT) ? [text] : []),
      ...functionSymbols.values(),
      ...maps.symbols.values(),
      ...structOps.symbols.values(),
      ...variables.symbols,
      ...externs.symbols.values(),
    ],
  });
};

const licenseOf = ({ license }: ObjectSpec): ElfSectionInput => ({
  name: 'license',
  flags: SHF.ALLOC | SHF.WRITE,
  data: new TextEncoder().encode(`${license}\0`),
});
