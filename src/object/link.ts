/**
 * @module
 * From an object to what the kernel takes: variants and choices decided, programs assembled, relocations filled in.
 * What remains open are the descriptors of maps.
 */
import {
  type AnyExtern,
  AssemblerError,
  type Assembly,
  assemble,
  BPF_ALU,
  BPF_CALL,
  BPF_JMP,
  BPF_MEMSX,
  type Choice,
  type Condition,
  classOf,
  type Instruction,
  make,
  mapOf,
  modeOf,
  type Relocation,
  slotsOf,
} from '../asm/index.ts';
import { isLoadSize, KernelNumbers, type Resolved, resized } from './core.ts';
import type { ConfigVariable, ExternSpec } from './extern-spec.ts';
import type { ForeignFunction } from './foreign-function.ts';
import { isDeclared } from './kfunc.ts';
import type { AnyMapSpec } from './map-spec.ts';
import { isMapType, MAP_TYPES } from './map-types.ts';
import type { ObjectSpec } from './object-spec.ts';
import { type ProgramEntry, type ProgramSpec, variantsOf } from './program-spec.ts';
import { HOOKS, type Hook, parseSection } from './sections.ts';
import { type KernelSymbol, KernelSymbols, linkSymbol } from './symbols.ts';
import { TypeInfo } from './type-info.ts';
import { externOf, relocationOf, visit, visitProgram } from './visit.ts';
import { RequirementError, type World } from './world.ts';

/** A program that is ready but for the descriptors of its maps. */
export interface LinkedProgram {
  readonly name: string;
  readonly spec: ProgramSpec;
  readonly assembly: Assembly;
  /** The function ids of `assembly.functions`, in the object's BTF. */
  readonly functionIds: readonly number[];
  /** By slot: what the instructions lack that no value could be found for. */
  readonly poisoned: ReadonlyMap<number, string>;
}

export interface LinkedObject {
  readonly license: string;
  readonly types: TypeInfo;
  /** The maps to create, by name. */
  readonly maps: Readonly<Record<string, AnyMapSpec>>;
  /** Those that user space does not see: counters, under `counterName`. */
  readonly hidden: Readonly<Record<string, AnyMapSpec>>;
  readonly programs: readonly LinkedProgram[];
  /** What was left out: optional programs, and maps that this kernel does not know and no program needs. */
  readonly missing: readonly string[];
  /** The variables of the map `.kconfig`, to be filled in. */
  readonly config: readonly ConfigVariable[];
}

export interface LinkOptions {
  /** The programs to link; without it all but those that load only when they are asked for. A TypeError for a name that is not there. */
  readonly programs?: readonly string[] | undefined;
  /** By the names of freplace programs: the functions whose place they take. */
  readonly replaced?: ReadonlyMap<string, ForeignFunction> | undefined;
}

/** Decides and fills in all that the world knows. Throws a RequirementError when it lacks something. */
export const link = (
  spec: ObjectSpec,
  world: World,
  { programs: wanted, replaced = new Map() }: LinkOptions = {},
): LinkedObject => {
  if (spec.bigEndian)
    throw new RequirementError(
      'the object is for big-endian machines, and can only be looked at here',
    );
  const unknown = wanted?.find((name) => !Object.hasOwn(spec.programs, name));
  if (unknown !== undefined) {
    const known = Object.keys(spec.programs).join(', ') || 'none';
    throw new TypeError(`there is no program ${JSON.stringify(unknown)} to link: ${known}`);
  }
  const chosen = Object.entries(spec.programs)
    .filter(([name, entry]) => wanted?.includes(name) ?? loadsByItself(entry))
    .filter(([, entry]) => isNeeded(entry, world))
    .map(([name, entry]) => [name, choose(name, entry, world)] as const);
  const types = new TypeInfo(spec.types);
  for (const [, program] of chosen) if (program) addRoots(types, program);
  const numbers = new KernelNumbers(types, world);
  resolveInOrder(spec, new Map(chosen), numbers);
  const linker: Linker = { types, numbers, world, replaced, symbols: undefined };
  const programs = chosen.flatMap(([name, program]) =>
    program ? linkProgram(name, program, linker) : [],
  );
  const maps = chooseMaps(spec.maps, programs, world);
  const missing = [
    ...chosen.flatMap(([name, program]) => (program ? [] : name)),
    ...Object.keys(spec.maps).filter((name) => !Object.hasOwn(maps, name)),
  ];
  const { license, hidden, config = [] } = spec;
  return { license, types, maps, hidden, programs, missing, config };
};

/** What all programs of an object are linked with. */
interface Linker {
  readonly types: TypeInfo;
  readonly numbers: KernelNumbers;
  readonly world: World;
  readonly replaced: ReadonlyMap<string, ForeignFunction>;
  /** Made for the first program that names one. */
  symbols: KernelSymbols | undefined;
}

const loadsByItself = (entry: ProgramEntry): boolean =>
  variantsOf(entry).every(({ autoload }) => autoload !== false);

/** Whether the kernel has none of the hooks that make an optional program needless. */
const isNeeded = (entry: ProgramEntry, world: World): boolean =>
  entry.kind !== 'optional' ||
  !entry.unless?.some((section) => world.hasHook(parseHook(section), { thorough: true }));

/** The first variant that the kernel can run; undefined when an optional program has none. */
const choose = (name: string, entry: ProgramEntry, world: World): ProgramSpec | undefined => {
  const variants = variantsOf(entry);
  for (const { hook } of variants)
    if (hook.type === 'unspec')
      throw new RequirementError(
        `${name}: no hook is known for the section ${JSON.stringify(hook.section)}; libbpf's names are such as tracepoint/CATEGORY/NAME, kprobe/FUNCTION or xdp`,
      );
  // With nothing to choose from, attaching will tell; only what is named at load must be there.
  const [only] = variants;
  if (entry.kind === 'program' && !HOOKS[entry.hook.type].target) return only;
  // Without type information a variant that needs none; where there is none, linking says what is missing.
  // A program that stands alone is tried all the same, for the kernel's own reason.
  const thorough = entry.kind !== 'program';
  const isThere = ({ hook }: ProgramSpec): boolean => world.hasHook(hook, { thorough });
  // What comes after the first is not asked about: an answer can take a mount, or a program of the kernel's.
  const found =
    variants.find((each) => (!needsTypes(each) || world.btf) && isThere(each)) ??
    variants.find(isThere);
  if (found || entry.kind === 'optional') return found;
  const hooks = variants.map(({ hook }) => hook.section).join(' nor ');
  throw new RequirementError(`${name}: this kernel does not have ${hooks}`);
};

/** The type that CO-RE starts from. */
const rootOf = (item: Instruction | Choice): Relocation['root'] | undefined => {
  const root = relocationOf(item)?.root;
  return root && (root.kind !== 'struct' || root.origin === 'kernel') ? root : undefined;
};

const needsTypes = (program: ProgramSpec): boolean => {
  let found = false;
  visitProgram(program, (item) => {
    found ||= rootOf(item) !== undefined;
  });
  return found;
};

/** CO-RE and symbols start from types of our own, which are all to be there before the first is resolved. */
const addRoots = (types: TypeInfo, program: ProgramSpec): void => {
  visitProgram(program, (item) => {
    const root = rootOf(item);
    if (root) types.idOf(root);
    const extern = externOf(item);
    if (extern && isDeclared(extern)) types.extern(extern);
  });
};

/**
 * Among several types of one name, what is found first decides for the rest of an object: so all is resolved in the
 * order of the file, functions that no program calls included, as libbpf does it. Only the bodies of programs that are
 * not linked are left out.
 */
const resolveInOrder = (
  { relocations = [], programs }: ObjectSpec,
  chosen: ReadonlyMap<string, unknown>,
  numbers: KernelNumbers,
): void => {
  if (relocations.length === 0) return;
  const others = new Set<Relocation>();
  for (const [name, entry] of Object.entries(programs))
    if (!chosen.has(name))
      for (const { body } of variantsOf(entry))
        visit(body, (item) => {
          const relocation = relocationOf(item);
          if (relocation) others.add(relocation);
        });
  for (const relocation of relocations) if (!others.has(relocation)) numbers.core(relocation);
};

/** The maps that this kernel has, or their substitutes. One that it lacks is left out, unless a program needs it. */
const chooseMaps = (
  maps: Readonly<Record<string, AnyMapSpec>>,
  programs: readonly LinkedProgram[],
  world: World,
): Record<string, AnyMapSpec> => {
  const chosen: Record<string, AnyMapSpec> = {};
  for (const [name, map] of Object.entries(maps)) {
    if (world.hasMap(map.type)) chosen[name] = map;
    else if (map.otherwise) chosen[name] = map.otherwise;
    else {
      const user = programs.find((program) => uses(program, map));
      if (!user) continue;
      throw new RequirementError(
        `${user.name} needs the map ${name}: a ${map.type}, which this kernel does not have (Linux ${MAP_TYPES[map.type].since})`,
      );
    }
  }
  return chosen;
};

const uses = ({ assembly }: LinkedProgram, map: AnyMapSpec): boolean =>
  assembly.instructions.some((instruction) => mapOf(instruction) === map);

const linkProgram = (name: string, spec: ProgramSpec, linker: Linker): LinkedProgram => {
  const { types, replaced } = linker;
  const { hook } = spec;
  const assembly = assemble(spec.body, (condition) => holds(condition, hook, linker));
  const poisoned = new Map<number, string>();
  let slot = 0;
  const instructions: Instruction[] = [];
  for (const instruction of assembly.instructions) {
    const here = slot;
    slot += slotsOf(instruction);
    const done = fillIn(instruction, hook, linker);
    if (typeof done !== 'string') {
      instructions.push(done);
      continue;
    }
    poisoned.set(here, done);
    // Refused by the verifier if it is reached; code behind a check of existence is not.
    const { site } = instruction;
    const poison = make({ opcode: BPF_JMP | BPF_CALL, imm: POISON, site });
    for (let count = slotsOf(instruction); count > 0; count--) instructions.push(poison);
  }
  const functionIds = assembly.functions.map(({ subprogram }) =>
    subprogram
      ? types.subprogram(subprogram)
      : types.program(name, spec.typeId, replaced.get(name)),
  );
  return { name, spec, assembly: { ...assembly, instructions }, functionIds, poisoned };
};

/** The instruction with what the kernel says; a string says why it must not be reached. */
const fillIn = (instruction: Instruction, hook: Hook, linker: Linker): Instruction | string => {
  const { relocation, reference } = instruction;
  if (relocation)
    return relocate(instruction, relocation, linker.numbers.resolve(relocation, hook));
  if (reference?.kind !== 'extern') return instruction;
  return linkSymbol(instruction, symbolOf(reference.extern, linker, false));
};

/** Where a symbol is. Throws a RequirementError when one is missing that `mayLack` and its file do not excuse. */
const symbolOf = (extern: AnyExtern, linker: Linker, mayLack: boolean): KernelSymbol => {
  const { types, world } = linker;
  linker.symbols ??= new KernelSymbols(types.local, world);
  const typed = isDeclared(extern) ? types.extern(extern) : (extern as ExternSpec);
  return linker.symbols.resolve(typed, mayLack);
};

const holds = (condition: Condition, hook: Hook, linker: Linker): boolean => {
  const { numbers, world } = linker;
  switch (condition.test) {
    case 'core':
      return numbers.reaches(condition.relocation, condition.least, hook);
    case 'helper':
      return world.hasHelper(condition.id, hook);
    case 'hook':
      return world.hasHook(parseHook(condition.hook), { thorough: true });
    case 'map':
      return isMapType(condition.map) && world.hasMap(condition.map);
    case 'function':
      return hasKfuncs(world) && symbolOf(condition.extern, linker, true).kind !== 'missing';
    case 'isa':
      return world.isaV4;
    case 'trusted':
      return HOOKS[hook.type].trusted;
  }
};

/** Linux 5.13, as KERNEL_VERSION has it. Before that the types of the kernel have its functions, to be traced only. */
const FIRST_KFUNCS = (5 << 16) | (13 << 8);

const hasKfuncs = (world: World): boolean =>
  Number(world.configuration('LINUX_KERNEL_VERSION') ?? FIRST_KFUNCS) >= FIRST_KFUNCS;

/** The hook of a section name. Throws an AssemblerError when there is none. */
export const parseHook = (section: string): Hook => {
  const hook = parseSection(section);
  if (hook && isWhole(hook)) return hook;
  throw new AssemblerError(
    `hookExists: a section name as libbpf has it, 'tracepoint/CATEGORY/NAME' or 'fentry/FUNCTION', got ${JSON.stringify(section)}`,
  );
};

/** Whether it names one place: programs can be loaded for less. */
const isWhole = (hook: Hook): boolean => {
  if (!HOOKS[hook.type].named) return true;
  if ('category' in hook && hook.category === '') return false;
  return hook.name !== '' && (HOOKS[hook.type].program === KPROBE || !hook.name.includes('/'));
};

/** BPF_PROG_TYPE_KPROBE: the names of uprobes have paths in them. */
const KPROBE = 2;

/**
 * Puts a number where the class of the instruction has it, as libbpf does (bpf_core_patch_insn). A string says why the
 * instruction must not be reached.
 */
const relocate = (
  instruction: Instruction,
  { root, path }: Relocation,
  { value, size, declared, missing, badLoad, expected }: Resolved,
): Instruction | string => {
  const { opcode } = instruction;
  if (missing !== undefined) return missing;
  if (expected !== undefined) checkWritten(instruction, expected, root.name);
  if (instruction.imm64 !== undefined) return { ...instruction, imm64: value };
  const what = [root.name, ...path].join('.');
  if (classOf(opcode) >= BPF_ALU) {
    const imm = BigInt.asIntN(32, value);
    if (imm === BigInt.asIntN(64, value) || BigInt.asUintN(32, imm) === value)
      return { ...instruction, imm: Number(imm) };
    throw new RequirementError(
      `${what} is ${BigInt.asIntN(64, value)} in this kernel, too large for 32 bits; use a 64-bit register`,
    );
  }
  if (value > 32767n) {
    throw new RequirementError(
      `${what} is ${value} bytes into it in this kernel, too far for one load; use coreRead`,
    );
  }
  const offset = Number(value);
  if (badLoad !== undefined) return badLoad;
  if (size === undefined) return { ...instruction, offset };
  if (declared !== undefined && opcode !== resized(opcode, declared))
    throw new RequirementError(
      `${what} has ${size} bytes in this kernel and ${declared} in the program, where an instruction takes another number of bytes: it cannot be resized`,
    );
  if (!isLoadSize(size))
    throw new RequirementError(
      `${what} has ${size} bytes in this kernel, and one instruction takes 1, 2, 4 or 8`,
    );
  if (modeOf(opcode) === BPF_MEMSX)
    return `${what} has ${size} bytes in this kernel, so that loadSigned takes the wrong sign; use read`;
  return { ...instruction, offset, opcode: resized(opcode, size) };
};

/** What the compiler wrote must be what the relocation says of it, or they do not belong together. */
const checkWritten = (instruction: Instruction, expected: bigint, what: string): void => {
  const { opcode, imm, imm64, offset } = instruction;
  const written = imm64 ?? BigInt(classOf(opcode) >= BPF_ALU ? imm : offset);
  if (BigInt.asUintN(64, written) === BigInt.asUintN(64, expected)) return;
  throw new RequirementError(
    `a relocation of ${what} expects ${expected} in its instruction, which has ${written}: the file is damaged`,
  );
};

/** libbpf's number for instructions that must not be reached: `call 0xbad2310`. */
export const POISON = 195896080;
