/**
 * @module
 * From an object to what the kernel takes: variants and choices decided, programs assembled, relocations filled in.
 * What remains open are the descriptors of maps.
 */
import {
  AssemblerError,
  type Assembly,
  assemble,
  BPF_CALL,
  BPF_JMP,
  BPF_LDX,
  type Code,
  type Condition,
  classOf,
  type Instruction,
  make,
  type Relocation,
  slotsOf,
} from '../asm/index.ts';
import { KernelNumbers, resized } from './core.ts';
import type { AnyMapSpec, MapType } from './map-spec.ts';
import type { ObjectSpec } from './object-spec.ts';
import {
  type Hook,
  PROGRAM_TYPES,
  type ProgramEntry,
  type ProgramSpec,
  variantsOf,
} from './program-spec.ts';
import { TypeInfo } from './type-info.ts';
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
  /** All maps by name, hidden ones too. */
  readonly maps: Readonly<Record<string, AnyMapSpec>>;
  readonly programs: readonly LinkedProgram[];
  /** Optional programs that were left out. */
  readonly missing: readonly string[];
}

/** Decides and fills in all that the world knows. Throws a RequirementError when it lacks something. */
export const link = (spec: ObjectSpec, world: World): LinkedObject => {
  const chosen: { name: string; spec: ProgramSpec }[] = [];
  const missing: string[] = [];
  for (const [name, entry] of Object.entries(spec.programs)) {
    const program = choose(name, entry, world);
    if (program) chosen.push({ name, spec: program });
    else missing.push(name);
  }
  const types = new TypeInfo();
  for (const { spec: program } of chosen) addRoots(types, program);
  const numbers = new KernelNumbers(types, world);
  const programs = chosen.map((each) => linkProgram(each.name, each.spec, numbers, world));
  return {
    license: spec.license,
    types,
    maps: Object.fromEntries(
      Object.entries({ ...spec.maps, ...spec.hidden }).map(([name, map]) => [
        name,
        map.otherwise && !world.hasMap(map.type) ? map.otherwise : map,
      ]),
    ),
    programs: programs.map((program) => ({ ...program, functionIds: functionIds(types, program) })),
    missing,
  };
};

/** The first variant that the kernel can run; undefined when an optional program has none. */
const choose = (name: string, entry: ProgramEntry, world: World): ProgramSpec | undefined => {
  const variants = variantsOf(entry);
  const found = variants.find(({ hook }) => world.hasHook(hook));
  if (found || entry.kind === 'optional') return found;
  const hooks = variants.map(({ hook }) => hook.section).join(' nor ');
  throw new RequirementError(`${name}: this kernel does not have ${hooks}`);
};

/** CO-RE starts from types of our own, which are all to be there before the first is resolved. */
const addRoots = (types: TypeInfo, { body, subprograms }: ProgramSpec): void => {
  const add = ({ root }: Relocation) => {
    if (root.kind === 'enum' || root.origin === 'kernel') types.idOf(root);
  };
  const visit = (code: Code): void => {
    if (!code) return;
    if (Array.isArray(code)) {
      for (const item of code as readonly Code[]) visit(item);
      return;
    }
    const item = code as Exclude<Code, false | null | undefined | readonly Code[]>;
    if (item.kind === 'instruction' && item.relocation) add(item.relocation);
    if (item.kind !== 'choice') return;
    if (item.condition.test === 'core') add(item.condition.relocation);
    visit(item.yes);
    visit(item.no);
  };
  for (const code of [body, ...subprograms.map((each) => each.body)]) visit(code);
};

const functionIds = (
  types: TypeInfo,
  { name, assembly }: Pick<LinkedProgram, 'name' | 'assembly'>,
): number[] =>
  assembly.functions.map(({ subprogram }) =>
    subprogram ? types.subprogram(subprogram) : types.program(name),
  );

const linkProgram = (
  name: string,
  spec: ProgramSpec,
  numbers: KernelNumbers,
  world: World,
): Omit<LinkedProgram, 'functionIds'> => {
  const { hook } = spec;
  const assembly = assemble(spec.body, (condition) => holds(condition, hook, numbers, world));
  const poisoned = new Map<number, string>();
  let slot = 0;
  const instructions = assembly.instructions.flatMap((instruction) => {
    const here = slot;
    slot += slotsOf(instruction);
    return instruction.relocation
      ? relocate(instruction, instruction.relocation, hook, numbers, (why) =>
          poisoned.set(here, why),
        )
      : instruction;
  });
  return { name, spec, assembly: { ...assembly, instructions }, poisoned };
};

const holds = (condition: Condition, hook: Hook, numbers: KernelNumbers, world: World): boolean => {
  switch (condition.test) {
    case 'core':
      return numbers.reaches(condition.relocation, condition.least, hook);
    case 'helper':
      return world.hasHelper(condition.id, hook.type);
    case 'hook':
      return world.hasHook(parseHook(condition.hook));
    case 'map':
      return world.hasMap(condition.map as MapType);
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

/** Puts a number where the class of the instruction has it, as libbpf does (bpf_core_patch_insn). */
const relocate = (
  instruction: Instruction,
  relocation: Relocation,
  hook: Hook,
  numbers: KernelNumbers,
  poison: (why: string) => void,
): Instruction | Instruction[] => {
  const { value, size, missing, badLoad } = numbers.resolve(relocation, hook);
  const { opcode, site } = instruction;
  const lacks = missing ?? (classOf(opcode) === BPF_LDX ? badLoad : undefined);
  if (lacks !== undefined) {
    poison(lacks);
    // Refused by the verifier if it is reached; code behind a check of existence is not.
    return Array.from({ length: slotsOf(instruction) }, () =>
      make({ opcode: BPF_JMP | BPF_CALL, imm: POISON, site }),
    );
  }
  if (instruction.imm64 !== undefined) return { ...instruction, imm64: value };
  if (classOf(opcode) >= 4) return { ...instruction, imm: Number(BigInt.asIntN(32, value)) };
  if (value > 32767n) {
    throw new RequirementError(
      `${relocation.path.join('.')} of ${relocation.root.name} is ${value} bytes into it in this kernel, too far for one load; use coreRead`,
    );
  }
  const offset = Number(value);
  return size !== undefined && classOf(opcode) === BPF_LDX
    ? { ...instruction, offset, opcode: resized(opcode, size) }
    : { ...instruction, offset };
};

/** libbpf's number for instructions that must not be reached: `call 0xbad2310`. */
export const POISON = 195896080;
