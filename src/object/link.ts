/**
 * @module
 * From an object to what the kernel takes: variants and choices decided, programs assembled, relocations filled in.
 * What remains open are the descriptors of maps.
 */
import {
  AssemblerError,
  type Assembly,
  assemble,
  BPF_ALU,
  BPF_CALL,
  BPF_JMP,
  BPF_LDX,
  BPF_MEMSX,
  type Condition,
  classOf,
  type Instruction,
  make,
  type Relocation,
  slotsOf,
} from '../asm/index.ts';
import { KernelNumbers, type Resolved, resized } from './core.ts';
import { type AnyMapSpec, isMapType, MAP_TYPES } from './map-spec.ts';
import type { ObjectSpec } from './object-spec.ts';
import {
  type Hook,
  PROGRAM_TYPES,
  type ProgramEntry,
  type ProgramSpec,
  variantsOf,
} from './program-spec.ts';
import { TypeInfo } from './type-info.ts';
import { relocationOf, visitProgram } from './visit.ts';
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
}

/** Decides and fills in all that the world knows. Throws a RequirementError when it lacks something. */
export const link = (spec: ObjectSpec, world: World): LinkedObject => {
  const chosen = Object.entries(spec.programs).map(
    ([name, entry]) => [name, choose(name, entry, world)] as const,
  );
  const types = new TypeInfo();
  for (const [, program] of chosen) if (program) addRoots(types, program);
  const numbers = new KernelNumbers(types, world);
  const programs = chosen.flatMap(([name, program]) =>
    program ? linkProgram(name, program, types, numbers, world) : [],
  );
  const maps = chooseMaps(spec.maps, programs, world);
  const missing = [
    ...chosen.flatMap(([name, program]) => (program ? [] : name)),
    ...Object.keys(spec.maps).filter((name) => !Object.hasOwn(maps, name)),
  ];
  return { license: spec.license, types, maps, hidden: spec.hidden, programs, missing };
};

/** The first variant that the kernel can run; undefined when an optional program has none. */
const choose = (name: string, entry: ProgramEntry, world: World): ProgramSpec | undefined => {
  const variants = variantsOf(entry);
  // Without type information a variant that needs none; where there is none, linking says what is missing.
  const found =
    variants.find((each) => world.hasHook(each.hook) && (!needsTypes(each) || world.btf)) ??
    variants.find(({ hook }) => world.hasHook(hook));
  if (found || entry.kind === 'optional') return found;
  const hooks = variants.map(({ hook }) => hook.section).join(' nor ');
  throw new RequirementError(`${name}: this kernel does not have ${hooks}`);
};

/** Hands out the types that CO-RE starts from. */
const visitRoots = (program: ProgramSpec, visit: (root: Relocation['root']) => void): void =>
  visitProgram(program, (item) => {
    const root = relocationOf(item)?.root;
    if (root?.origin === 'kernel' || root?.kind === 'enum') visit(root);
  });

const needsTypes = (program: ProgramSpec): boolean => {
  let found = false;
  visitRoots(program, () => {
    found = true;
  });
  return found;
};

/** CO-RE starts from types of our own, which are all to be there before the first is resolved. */
const addRoots = (types: TypeInfo, program: ProgramSpec): void =>
  visitRoots(program, (root) => types.idOf(root));

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
  assembly.instructions.some(
    ({ reference }) => reference && reference.kind !== 'function' && reference.map === map,
  );

const linkProgram = (
  name: string,
  spec: ProgramSpec,
  types: TypeInfo,
  numbers: KernelNumbers,
  world: World,
): LinkedProgram => {
  const { hook } = spec;
  const assembly = assemble(spec.body, (condition) => holds(condition, hook, numbers, world));
  const poisoned = new Map<number, string>();
  let slot = 0;
  const instructions = assembly.instructions.flatMap((instruction) => {
    const here = slot;
    slot += slotsOf(instruction);
    const { relocation } = instruction;
    if (!relocation) return instruction;
    const done = relocate(instruction, relocation, numbers.resolve(relocation, hook));
    if (typeof done !== 'string') return done;
    poisoned.set(here, done);
    // Refused by the verifier if it is reached; code behind a check of existence is not.
    const { site } = instruction;
    const poison = make({ opcode: BPF_JMP | BPF_CALL, imm: POISON, site });
    return Array.from({ length: slotsOf(instruction) }, () => poison);
  });
  const functionIds = assembly.functions.map(({ subprogram }) =>
    subprogram ? types.subprogram(subprogram) : types.program(name),
  );
  return { name, spec, assembly: { ...assembly, instructions }, functionIds, poisoned };
};

const holds = (condition: Condition, hook: Hook, numbers: KernelNumbers, world: World): boolean => {
  switch (condition.test) {
    case 'core':
      return numbers.reaches(condition.relocation, condition.least, hook);
    case 'helper':
      return world.hasHelper(condition.id, hook);
    case 'hook':
      return world.hasHook(parseHook(condition.hook));
    case 'map':
      return isMapType(condition.map) && world.hasMap(condition.map);
    case 'isa':
      return world.isaV4;
    case 'trusted':
      return PROGRAM_TYPES[hook.type].trusted;
  }
};

/** The hook of a section name. */
export const parseHook = (section: string): Hook => {
  const [type, ...rest] = section.split('/');
  const [category, name] = rest;
  if ((type === 'tracepoint' || type === 'tp') && category && name)
    return { type: 'tracepoint', section, category, name };
  if ((type === 'raw_tp' || type === 'tp_btf') && category && !name)
    return { type, section, name: category };
  throw new AssemblerError(
    `hookExists: 'tracepoint/CATEGORY/NAME', 'raw_tp/NAME' or 'tp_btf/NAME', got ${JSON.stringify(section)}`,
  );
};

/**
 * Puts a number where the class of the instruction has it, as libbpf does (bpf_core_patch_insn). A string says why the
 * instruction must not be reached.
 */
const relocate = (
  instruction: Instruction,
  { root, path }: Relocation,
  { value, size, missing, badLoad }: Resolved,
): Instruction | string => {
  const { opcode } = instruction;
  if (missing !== undefined) return missing;
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
  if (classOf(opcode) !== BPF_LDX) return { ...instruction, offset };
  if (badLoad !== undefined) return badLoad;
  if (size === undefined) return { ...instruction, offset };
  if ((opcode & 0xe0) === BPF_MEMSX)
    return `${what} has ${size} bytes in this kernel, so that loadSigned takes the wrong sign; use read`;
  return { ...instruction, offset, opcode: resized(opcode, size) };
};

/** libbpf's number for instructions that must not be reached: `call 0xbad2310`. */
export const POISON = 195896080;
