/**
 * Sections of code: the bytes of their functions, the symbols that these refer to, and what `.BTF.ext` says of them
 * (Documentation/bpf/llvm_reloc.rst, and bpf_program__record_reloc of tools/lib/bpf/libbpf.c).
 *
 * @module
 */
import {
  AssemblerError,
  BPF_ALU,
  BPF_PSEUDO_CALL,
  classOf,
  encode,
  type Frame,
  type Instruction,
  LDDW,
  type Relocation,
  SLOT_SIZE,
  slotsOf,
} from '../asm/index.ts';
import {
  BtfBuilder,
  CORE_KINDS,
  type CoreRelo,
  CoreResolver,
  type ExtRecords,
  type FuncInfo,
  type LineInfo,
} from '../btf/index.ts';
import {
  type AnyMapSpec,
  accessOf,
  type ConfigVariable,
  lineRecords,
  type TypeInfo,
} from '../object/index.ts';
import { R_BPF, SHF, STB, STT } from './constants.ts';
import { ElfError } from './error.ts';
import type { ElfRelocationInput, ElfSectionInput, ElfSymbolInput } from './write.ts';
import type { FileFunction } from './write-functions.ts';
import type { FileMaps } from './write-maps.ts';
import type { FileVariables } from './write-variables.ts';

/** What code refers to. */
export interface References {
  /** All types that relocations start from are there already; names and texts are added. */
  readonly types: TypeInfo;
  readonly functions: ReadonlyMap<FileFunction, ElfSymbolInput>;
  /** The symbol of `.text`, through which static functions are called. */
  readonly text: ElfSymbolInput;
  readonly maps: FileMaps['symbols'];
  readonly variables: FileVariables['places'];
  /** Symbols of the kernel and of its configuration, by their names. */
  readonly externs: ReadonlyMap<string, ElfSymbolInput>;
  /** The variables of the map `.kconfig`, each of which has a symbol of its own. */
  readonly config: readonly ConfigVariable[];
  readonly sourceOf: (frame: Frame) => Frame;
  readonly littleEndian: boolean;
}

export interface CodeSection {
  readonly section: ElfSectionInput;
  readonly functions: ExtRecords<FuncInfo>;
  readonly lines: ExtRecords<LineInfo>;
  readonly relocations: ExtRecords<CoreRelo>;
}

export const functionSymbol = ({ name, section, start, size, global }: FileFunction) =>
  ({
    name,
    section,
    value: start,
    size,
    type: STT.FUNC,
    binding: global ? STB.GLOBAL : STB.LOCAL,
  }) satisfies ElfSymbolInput;

/** The sections of these functions, in the order of their first ones. */
export const codeSections = (
  functions: readonly FileFunction[],
  references: References,
): readonly CodeSection[] => {
  const bySection = new Map<string, FileFunction[]>();
  for (const each of functions) {
    const others = bySection.get(each.section) ?? [];
    bySection.set(each.section, others);
    others.push(each);
  }
  const code = new Code(references);
  return [...bySection].map(([name, members]) => code.section(name, members));
};

/** What is put into an instruction when the file is loaded. */
type Link = Omit<ElfRelocationInput, 'offset'>;

class Code {
  readonly #references: References;
  readonly #local: CoreResolver;

  constructor(references: References) {
    this.#references = references;
    const own = references.types.builder.build({ label: 'the object' });
    // No kernel: only what the types themselves say is asked for.
    this.#local = new CoreResolver(own, new BtfBuilder().build());
  }

  section(name: string, functions: readonly FileFunction[]): CodeSection {
    const { types, sourceOf, littleEndian } = this.#references;
    const string = (text: string): number => types.string(text);
    const instructions: Instruction[] = [];
    const relocations: ElfRelocationInput[] = [];
    const records: CoreRelo[] = [];
    const lines: LineInfo[] = [];
    let offset = 0;
    for (const each of functions) {
      for (const { insnOffset, ...line } of lineRecords(each.instructions, {
        program: each.site,
        starts: new Set(),
        string,
        sourceOf,
      }))
        lines.push({ insnOffset: each.start + insnOffset * SLOT_SIZE, ...line });
      for (const instruction of each.instructions) {
        const { relocation } = instruction;
        if (relocation) records.push({ insnOffset: offset, ...this.#record(relocation) });
        const [linked, link] = this.#link(each, this.#withLocalValue(instruction));
        if (link) relocations.push({ offset, ...link });
        instructions.push(linked);
        offset += slotsOf(instruction) * SLOT_SIZE;
      }
    }
    const section = string(name);
    return {
      section: {
        name,
        flags: SHF.ALLOC | SHF.EXECINSTR,
        align: SLOT_SIZE,
        data: littleEndian ? encode(instructions) : bigEndian(encode(instructions)),
        relocations,
      },
      functions: {
        section,
        records: functions.map(({ start, typeId }) => ({ insnOffset: start, typeId })),
      },
      lines: { section, records: lines },
      relocations: { section, records },
    };
  }

  #record({ kind, root, path }: Relocation): Omit<CoreRelo, 'insnOffset'> {
    const { types } = this.#references;
    return {
      typeId: types.idOf(root),
      accessOffset: types.builder.string(accessOf(root, path)),
      kind: CORE_KINDS.indexOf(kind),
    };
  }

  /** CO-RE replaces what the types of the file say, and libbpf checks that this is there. */
  #withLocalValue(instruction: Instruction): Instruction {
    const { relocation, opcode } = instruction;
    // What starts from a type of a file holds the value already.
    if (!relocation || relocation.root.kind === 'type') return instruction;
    const { kind, root, path } = relocation;
    const typeId = this.#references.types.idOf(root);
    const { localValue } = this.#local.resolve({ kind, typeId, access: accessOf(root, path) });
    if (opcode === LDDW) return { ...instruction, imm64: localValue };
    const number = Number(BigInt.asIntN(64, localValue));
    return classOf(opcode) >= BPF_ALU
      ? { ...instruction, imm: number | 0 }
      : { ...instruction, offset: number };
  }

  /** The instruction as it is before linking, and the symbol that it is linked to. */
  #link(from: FileFunction, instruction: Instruction): readonly [Instruction, Link?] {
    const { reference, target } = instruction;
    if (target?.kind === 'function') {
      const [symbol, start] = this.#function(from.callees.get(target)!);
      const imm = start / SLOT_SIZE - 1;
      const call = { ...instruction, src: BPF_PSEUDO_CALL, imm };
      return [call, { type: R_BPF['64_32'], symbol }];
    }
    switch (reference?.kind) {
      case undefined:
        return [instruction];
      case 'map':
        return address(instruction, this.#references.maps.get(reference.map), 0);
      case 'value': {
        if ((reference.map as AnyMapSpec).section === 'kconfig')
          return address(instruction, this.#configuration(reference.offset), 0);
        const place = this.#references.variables.get(reference.map);
        return address(instruction, place?.symbol, (place?.offset ?? 0) + reference.offset);
      }
      case 'function':
        return address(instruction, ...this.#function(from.callees.get(reference.function)!));
      case 'extern': {
        const symbol = this.#references.externs.get(reference.extern.name);
        if (instruction.opcode === LDDW) return address(instruction, symbol, 0);
        const call = { ...instruction, src: BPF_PSEUDO_CALL, imm: -1 };
        return symbol ? [call, { type: R_BPF['64_32'], symbol }] : unknown(instruction);
      }
      case 'module':
        throw new ElfError(
          `${from.name} refers to a type of the module ${reference.module} by its number, which differs between kernels`,
        );
    }
  }

  #configuration(offset: number): ElfSymbolInput | undefined {
    const { config, externs } = this.#references;
    const variable = config.find((each) => each.offset === offset);
    return variable && externs.get(variable.name);
  }

  /** Static functions have no symbol for others to use: they are so many bytes into `.text`. */
  #function(callee: FileFunction): [ElfSymbolInput, number] {
    const { functions, text } = this.#references;
    return callee.global ? [functions.get(callee)!, 0] : [text, callee.start];
  }
}

/** A 64-bit load of an address: REL relocations have their addend in the instruction. */
const address = (
  instruction: Instruction,
  symbol: ElfSymbolInput | undefined,
  offset: number,
): readonly [Instruction, Link] =>
  symbol
    ? [
        { ...instruction, src: 0, imm64: BigInt.asUintN(32, BigInt(offset)) },
        { type: R_BPF['64_64'], symbol },
      ]
    : unknown(instruction);

const unknown = ({ reference, site }: Instruction): never => {
  const what = reference?.kind === 'extern' ? `symbol ${reference.extern.name}` : 'map';
  throw new AssemblerError(`this refers to a ${what} that is not written to the file`, site);
};

/** The same instructions for the other byte order: the registers change places, the numbers their bytes. */
const bigEndian = (code: Uint8Array): Uint8Array => {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  for (let at = 0; at < code.length; at += SLOT_SIZE) {
    const registers = code[at + 1]!;
    view.setUint8(at + 1, ((registers & 0xf) << 4) | (registers >> 4));
    view.setInt16(at + 2, view.getInt16(at + 2, true));
    view.setInt32(at + 4, view.getInt32(at + 4, true));
  }
  return code;
};
