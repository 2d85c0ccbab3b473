/**
 * The programs of an object file: every function of a section that is not `.text`, with the functions of `.text` that
 * it calls (libbpf's bpf_object__add_programs and bpf_program__record_reloc, tools/lib/bpf/libbpf.c).
 *
 * @module
 */
import {
  BPF_CALL,
  BPF_EXIT,
  BPF_JA,
  BPF_JMP,
  BPF_JMP32,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
  type Code,
  type Instruction,
  isJumpClass,
  type Label,
  LDDW,
  make,
  type Site,
  type Subprogram,
  subprogramsOf,
} from '../asm/index.ts';
import { type Hook, type ProgramSpec, parseSection } from '../object/index.ts';
import { SHN, STT } from './constants.ts';
import { ElfError } from './error.ts';
import type { ElfFile } from './file.ts';
import { type FileFunction, readAnnotations, readFunctions, SLOT } from './read-functions.ts';
import type { FileMaps } from './read-maps.ts';
import type { FileTypes } from './read-types.ts';
import type { ElfRelocation } from './relocations.ts';

/** The programs of a file, by the names of their functions. Throws ElfError. */
export const readPrograms = (
  file: ElfFile,
  types: FileTypes | undefined,
  maps: FileMaps,
): Record<string, ProgramSpec> => new Reader(file, types, maps).programs();

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

class Reader {
  readonly #file: ElfFile;
  readonly #types: FileTypes | undefined;
  readonly #maps: FileMaps;
  readonly #functions: ReadonlyMap<number, readonly FileFunction[]>;
  readonly #annotations: ReturnType<typeof readAnnotations>;
  readonly #text: number;
  readonly #subprograms = new Map<FileFunction, Mutable<Subprogram>>();
  /** Subprograms that were called, and whose bodies are not read yet. */
  readonly #waiting: FileFunction[] = [];

  constructor(file: ElfFile, types: FileTypes | undefined, maps: FileMaps) {
    this.#file = file;
    this.#types = types;
    this.#maps = maps;
    this.#functions = readFunctions(file);
    this.#annotations = readAnnotations(types);
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
    const typeId = this.#annotations(section.name).functionTypes.get(start);
    return {
      kind: 'program',
      hook: parseSection(name) ?? unknownHook(name),
      body,
      subprograms: reachable(body),
      site: this.#annotations(section.name).lines.get(start),
      ...(asked && { autoload: false }),
      ...(typeId !== undefined && { typeId }),
    };
  }

  /** The function of `.text` that a slot belongs to. */
  #subprogram(slot: number, caller: string): Subprogram {
    const offset = slot * SLOT;
    const found = this.#functions
      .get(this.#text)
      ?.find(({ start, end }) => offset >= start && offset < end);
    if (!found)
      throw new ElfError(`${caller} calls instruction ${slot} of .text, where no function is`);
    const known = this.#subprograms.get(found);
    if (known) return known;
    const typeId = this.#annotations('.text').functionTypes.get(found.start);
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
    const { section, start, end } = within;
    const { relocations, lines } = this.#annotations(section.name);
    const symbols = new Map(
      this.#file
        .relocations(section)
        .filter(({ offset }) => offset >= start && offset < end)
        .map((relocation) => [relocation.offset, relocation]),
    );
    const placed = new Map<number, Instruction>();
    let site: Site | undefined;
    for (const { offset, instruction } of slots(this.#file, within)) {
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
  #linked(
    instruction: Instruction,
    { symbol, offset }: ElfRelocation,
    { name, section, start }: FileFunction,
  ): Instruction {
    const { opcode, imm, imm64 = 0n } = instruction;
    const at = `instruction ${(offset - start) / SLOT} of ${name}`;
    const isCall = opcode === (BPF_JMP | BPF_CALL);
    if (!isCall && opcode !== LDDW)
      throw new ElfError(
        `${at} (opcode 0x${opcode.toString(16)}) refers to ${symbol.name || 'a section'}, but only calls and 64-bit loads can`,
        section.offset + offset,
      );
    if (symbol.section === SHN.UNDEF) {
      const extern = this.#types?.externs.symbols.get(symbol.name);
      if (extern)
        return {
          ...instruction,
          src: 0,
          imm: 0,
          reference: { kind: 'extern', extern },
          ...(!isCall && { imm64: 0n }),
        };
      return this.#configuration(instruction, symbol.name, at);
    }
    const low = Number(BigInt.asIntN(32, imm64));
    if (
      symbol.section === this.#text &&
      (symbol.type === STT.FUNC || symbol.type === STT.SECTION)
    ) {
      const slot = symbol.value / SLOT + (isCall ? imm + 1 : low / SLOT);
      const callee = this.#subprogram(slot, name);
      return isCall
        ? { ...instruction, src: BPF_PSEUDO_CALL, imm: 0, target: callee }
        : {
            ...instruction,
            src: BPF_PSEUDO_FUNC,
            imm64: 0n,
            reference: { kind: 'function', function: callee },
          };
    }
    if (isCall) {
      const where = this.#file.sections[symbol.section]?.name ?? 'nowhere';
      throw new ElfError(
        `${at} calls ${symbol.name || 'a function'} of ${where}, but only functions of .text can be called`,
      );
    }
    const variables = this.#maps.ofSection.get(symbol.section);
    if (variables) {
      const reference = { kind: 'value', map: variables, offset: symbol.value + low } as const;
      return { ...instruction, src: BPF_PSEUDO_MAP_VALUE, imm64: 0n, reference };
    }
    const inMaps = this.#file.sections[symbol.section]?.name === '.maps';
    const map = inMaps ? this.#maps.defined.get(symbol.value) : undefined;
    if (map)
      return { ...instruction, src: BPF_PSEUDO_MAP_FD, imm64: 0n, reference: { kind: 'map', map } };
    const where = this.#file.sections[symbol.section]?.name ?? `section ${symbol.section}`;
    throw new ElfError(
      `${at} refers to ${symbol.name || `byte ${symbol.value}`} of ${where}, which holds neither maps nor variables that are known`,
    );
  }

  /** The address of a variable of `.kconfig`. */
  #configuration(instruction: Instruction, name: string, at: string): Instruction {
    const variable = this.#types?.externs.config.find((each) => each.name === name);
    const map = this.#maps.byName['.kconfig'];
    if (!variable || !map || instruction.opcode !== LDDW)
      throw new ElfError(
        `${at} refers to ${name}, which the file does not define: it belongs in .kconfig or .ksyms, or another object has it`,
      );
    const reference = { kind: 'value', map, offset: variable.offset } as const;
    return { ...instruction, src: BPF_PSEUDO_MAP_VALUE, imm64: 0n, reference };
  }
}

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

/** The instructions of a function with their byte offsets in its section. */
function* slots(file: ElfFile, { section, start, end, name }: FileFunction) {
  const { data } = section;
  const { littleEndian } = file;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  for (let offset = start; offset < end; offset += SLOT) {
    const opcode = view.getUint8(offset);
    const registers = view.getUint8(offset + 1);
    const [low, high] = [registers & 15, registers >> 4];
    const fields = {
      opcode,
      dst: littleEndian ? low : high,
      src: littleEndian ? high : low,
      offset: view.getInt16(offset + 2, littleEndian),
    };
    if (opcode !== LDDW) {
      yield {
        offset,
        instruction: make({ ...fields, imm: view.getInt32(offset + 4, littleEndian) }),
      };
      continue;
    }
    if (offset + 2 * SLOT > end)
      throw new ElfError(`${name} ends within a 64-bit load`, section.offset + offset);
    const imm64 =
      BigInt(view.getUint32(offset + 4, littleEndian)) |
      (BigInt(view.getUint32(offset + 12, littleEndian)) << 32n);
    yield { offset, instruction: make({ ...fields, imm64 }) };
    offset += SLOT;
  }
}

const GOTOL = BPF_JMP32 | BPF_JA;

/** How many slots a jump goes on after its own; undefined for all else. */
const distanceOf = ({ opcode, offset, imm }: Instruction): number | undefined => {
  const operation = opcode & 0xf0;
  if (!isJumpClass(opcode) || operation === BPF_CALL || operation === BPF_EXIT) return undefined;
  return opcode === GOTOL ? imm : offset;
};

/** The instructions in order, with a label wherever one of them jumps to. Jumps to elsewhere stay: the kernel refuses them. */
const withLabels = (instructions: ReadonlyMap<number, Instruction>): Code => {
  const labels = new Map<number, Label>();
  const first = instructions.keys().next().value ?? 0;
  const labelAt = (offset: number): Label | undefined => {
    if (!instructions.has(offset)) return undefined;
    const known = labels.get(offset);
    if (known) return known;
    const label: Label = { kind: 'label', name: `L${(offset - first) / SLOT}` };
    labels.set(offset, label);
    return label;
  };
  const jumps = [...instructions].map(([offset, instruction]) => {
    const distance = distanceOf(instruction);
    const target = distance === undefined ? undefined : labelAt(offset + (distance + 1) * SLOT);
    return [offset, target ? { ...instruction, target } : instruction] as const;
  });
  return jumps.flatMap(([offset, instruction]): (Instruction | Label)[] => {
    const label = labels.get(offset);
    return label ? [label, instruction] : [instruction];
  });
};
