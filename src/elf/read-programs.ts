/**
 * The programs of an object file: every function of a section that is not `.text`, with the functions of `.text` that
 * it calls (libbpf's bpf_object__add_programs and bpf_program__record_reloc, tools/lib/bpf/libbpf.c).
 *
 * @module
 */
import {
  BPF_CALL,
  BPF_JMP,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
  type Code,
  type Instruction,
  type Label,
  LDDW,
  type Site,
  type Subprogram,
  subprogramsOf,
} from '../asm/index.ts';
import { type Hook, type ProgramSpec, parseSection } from '../object/index.ts';
import { SHN, STT } from './constants.ts';
import { ElfError } from './error.ts';
import type { ElfFile } from './file.ts';
import {
  type FileAnnotations,
  type FileFunction,
  functionAt,
  readFunctions,
  SLOT,
} from './read-functions.ts';
import { instructionsOf, withLabels } from './read-instructions.ts';
import type { FileMaps } from './read-maps.ts';
import type { FileTypes } from './read-types.ts';
import type { ElfRelocation } from './relocations.ts';
import type { ElfSection } from './sections.ts';
import type { ElfSymbol } from './symbols.ts';

/** The programs of a file, by the names of their functions. Throws ElfError. */
export const readPrograms = (
  file: ElfFile,
  types: FileTypes | undefined,
  annotations: FileAnnotations,
  maps: FileMaps,
): Record<string, ProgramSpec> => new Reader(file, types, annotations, maps).programs();

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

class Reader {
  readonly #file: ElfFile;
  readonly #types: FileTypes | undefined;
  readonly #maps: FileMaps;
  readonly #functions: ReadonlyMap<number, readonly FileFunction[]>;
  readonly #annotations: FileAnnotations;
  readonly #text: number;
  /** By section, then by byte offset. */
  readonly #relocations = new Map<number, ReadonlyMap<number, ElfRelocation>>();
  readonly #subprograms = new Map<FileFunction, Mutable<Subprogram>>();
  /** Subprograms that were called, and whose bodies are not read yet. */
  readonly #waiting: FileFunction[] = [];

  constructor(
    file: ElfFile,
    types: FileTypes | undefined,
    annotations: FileAnnotations,
    maps: FileMaps,
  ) {
    this.#file = file;
    this.#types = types;
    this.#maps = maps;
    this.#functions = readFunctions(file);
    this.#annotations = annotations;
    this.#text = file.section('.text')?.index ?? -1;
  }

  programs(): Record<string, ProgramSpec> {
    const functions = [...this.#functions]
      .filter(([index]) => index !== this.#text)
      .flatMap(([, functions]) => functions);
    const bodies = functions.map((each) => [each, this.#body(each)] as const);
    for (let next = this.#waiting.pop(); next; next = this.#waiting.pop())
      this.#subprograms.get(next)!.body = this.#body(next);
    return Object.fromEntries(
      bodies.map(([each, body]) => {
        if (each.local)
          throw new ElfError(`program ${each.name} is static, but libbpf loads global functions`);
        return [each.name, this.#program(each, body)];
      }),
    );
  }

  #program({ section, start }: FileFunction, body: Code): ProgramSpec {
    const asked = section.name.startsWith('?');
    const name = asked ? section.name.slice(1) : section.name;
    const typeId = this.#annotations.of(section.name).functionTypes.get(start);
    return {
      kind: 'program',
      hook: parseSection(name) ?? unknownHook(name),
      body,
      subprograms: reachable(body),
      site: this.#annotations.of(section.name).lines.get(start),
      ...(asked && { autoload: false }),
      ...(typeId !== undefined && { typeId }),
    };
  }

  /** The function of `.text` that a slot belongs to. */
  #subprogram(slot: number, caller: string): Subprogram {
    const found = functionAt(this.#functions.get(this.#text) ?? [], slot * SLOT);
    if (!found)
      throw new ElfError(`${caller} calls instruction ${slot} of .text, where no function is`);
    const known = this.#subprograms.get(found);
    if (known) return known;
    const typeId = this.#annotations.of('.text').functionTypes.get(found.start);
    const func = typeId === undefined ? undefined : this.#types!.btf.type(typeId);
    const proto = func?.kind === 'func' ? this.#types!.btf.type(func.type) : undefined;
    const made: Mutable<Subprogram> = {
      kind: 'function',
      name: found.name,
      arity: Math.min(5, proto?.kind === 'func_proto' ? proto.params.length : 0),
      global: func?.kind === 'func' ? func.linkage === 'global' : !found.local,
      body: [],
      ...(typeId !== undefined && { typeId }),
    };
    this.#subprograms.set(found, made);
    this.#waiting.push(found);
    return made;
  }

  #body(within: FileFunction): Code {
    const { section } = within;
    const { relocations, lines } = this.#annotations.of(section.name);
    const symbols = this.#relocationsOf(section);
    const placed = new Map<number, Instruction>();
    let site: Site | undefined;
    for (const { offset, instruction } of instructionsOf(this.#file, within)) {
      site = lines.get(offset) ?? site;
      const symbol = symbols.get(offset);
      const linked = symbol
        ? this.#linked(instruction, symbol, within)
        : this.#called(instruction, offset, within);
      const relocation = relocations.get(offset);
      placed.set(offset, {
        ...linked,
        ...(relocation && { relocation }),
        ...(site && { site }),
      });
    }
    return withLabels(placed);
  }

  /** A call within `.text`, which needs no symbol. */
  #called(instruction: Instruction, offset: number, { name, section }: FileFunction): Instruction {
    const { opcode, src, imm } = instruction;
    if (opcode !== (BPF_JMP | BPF_CALL) || src !== BPF_PSEUDO_CALL) return instruction;
    if (section.index !== this.#text)
      throw new ElfError(
        `${name} calls a function of ${section.name}, but only those of .text can be called`,
      );
    return { ...instruction, imm: 0, target: this.#subprogram(offset / SLOT + imm + 1, name) };
  }

  /** The instruction with what its symbol stands for. */
  #linked(instruction: Instruction, { symbol, offset }: ElfRelocation, within: FileFunction) {
    const { opcode } = instruction;
    const at = `instruction ${(offset - within.start) / SLOT} of ${within.name}`;
    const isCall = opcode === (BPF_JMP | BPF_CALL);
    if (!isCall && opcode !== LDDW)
      throw new ElfError(
        `${at} (opcode 0x${opcode.toString(16)}) refers to ${symbol.name || 'a section'}, but only calls and 64-bit loads can`,
        within.section.offset + offset,
      );
    if (symbol.section === SHN.UNDEF) return this.#declared(instruction, symbol.name, at);
    const isFunction = symbol.type === STT.FUNC || symbol.type === STT.SECTION;
    if (symbol.section === this.#text && isFunction)
      return this.#function(instruction, symbol.value, within.name);
    if (!isCall) return this.#address(instruction, symbol, at);
    throw new ElfError(
      `${at} calls ${symbol.name || 'a function'} of ${this.#sectionName(symbol)}, but only functions of .text can be called`,
    );
  }

  /** A call of a function of `.text`, or its address; `base` is what the addend in the instruction counts from. */
  #function(instruction: Instruction, base: number, caller: string): Instruction {
    const { imm, imm64 } = instruction;
    if (imm64 === undefined) {
      const target = this.#subprogram(base / SLOT + imm + 1, caller);
      return { ...instruction, src: BPF_PSEUDO_CALL, imm: 0, target };
    }
    const callee = this.#subprogram((base + low32(imm64)) / SLOT, caller);
    const reference = { kind: 'function', function: callee } as const;
    return { ...instruction, src: BPF_PSEUDO_FUNC, imm64: 0n, reference };
  }

  /** The address of a variable or a map. */
  #address(instruction: Instruction, symbol: ElfSymbol, at: string): Instruction {
    const variables = this.#maps.ofSection.get(symbol.section);
    if (variables) {
      const offset = symbol.value + low32(instruction.imm64!);
      const reference = { kind: 'value', map: variables, offset } as const;
      return { ...instruction, src: BPF_PSEUDO_MAP_VALUE, imm64: 0n, reference };
    }
    const section = this.#sectionName(symbol);
    const map = section === '.maps' ? this.#maps.defined.get(symbol.value) : undefined;
    if (map)
      return { ...instruction, src: BPF_PSEUDO_MAP_FD, imm64: 0n, reference: { kind: 'map', map } };
    throw new ElfError(
      `${at} refers to ${symbol.name || `byte ${symbol.value}`} of ${section}, which holds neither maps nor variables that are known`,
    );
  }

  /** What is declared here and defined by the kernel: its symbols and its configuration. */
  #declared(instruction: Instruction, name: string, at: string): Instruction {
    const extern = this.#types?.externs.symbols.get(name);
    const { imm64 } = instruction;
    if (extern) {
      const reference = { kind: 'extern', extern } as const;
      return imm64 === undefined
        ? { ...instruction, src: 0, imm: 0, reference }
        : { ...instruction, src: 0, imm64: 0n, reference };
    }
    const variable = this.#types?.externs.config.find((each) => each.name === name);
    const map = this.#maps.byName['.kconfig'];
    if (!variable || !map || imm64 === undefined)
      throw new ElfError(
        `${at} refers to ${name}, which the file does not define: it belongs in .kconfig or .ksyms, or another object has it`,
      );
    const reference = { kind: 'value', map, offset: variable.offset } as const;
    return { ...instruction, src: BPF_PSEUDO_MAP_VALUE, imm64: 0n, reference };
  }

  #sectionName({ section }: ElfSymbol): string {
    return this.#file.sections[section]?.name ?? `section ${section}`;
  }

  #relocationsOf(section: ElfSection): ReadonlyMap<number, ElfRelocation> {
    const known = this.#relocations.get(section.index);
    if (known) return known;
    const found = new Map(this.#file.relocations(section).map((each) => [each.offset, each]));
    this.#relocations.set(section.index, found);
    return found;
  }
}

/** The addend that a 64-bit load holds. */
const low32 = (imm64: bigint): number => Number(BigInt.asIntN(32, imm64));

const unknownHook = (section: string): Hook => ({ type: 'unspec', section, name: '' });

/** All that a body calls, directly or not, in the order in which it is met. */
const reachable = (body: Code): Subprogram[] => {
  const found = new Set<Subprogram>();
  const visit = (code: Code): void => {
    for (const item of code as readonly (Instruction | Label)[]) {
      if (item.kind !== 'instruction') continue;
      for (const callee of subprogramsOf(item)) found.add(callee);
    }
  };
  visit(body);
  // A set takes what is added while it is walked.
  for (const subprogram of found) visit(subprogram.body);
  return [...found];
};
