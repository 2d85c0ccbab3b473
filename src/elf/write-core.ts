/**
 * What a program asks of the kernel, as CO-RE can answer it: numbers about types, and conditions. A file has nothing
 * else that a loader fills in, so what only our own loader knows becomes a question about types here, or is refused.
 *
 * @module
 */
import type { AnyExtern, Condition, Instruction, Relocation } from '../asm/index.ts';
import { type Access, enumeration, type Fields, type Struct } from '../layout/index.ts';
import {
  type Architecture,
  HOOKS,
  type Hook,
  HookArguments,
  isMapType,
  MAP_TYPES,
  parseHook,
  type TypeInfo,
} from '../object/index.ts';
import { ElfError } from './error.ts';
import { recordRelocation } from './write-records.ts';

/** A condition that is decided when the file is loaded. */
export type Question = NumberQuestion | SymbolQuestion;

/** It holds if one of the numbers reaches `least`. */
export interface NumberQuestion {
  /** Whether there are such numbers: without them the instructions that ask for them cannot be run. */
  readonly exists?: Relocation | undefined;
  readonly numbers: readonly Relocation[];
  readonly least: number;
}

/** It holds if the kernel has what is named, which the file then declares weak: else its address is 0. */
export interface SymbolQuestion {
  readonly extern: AnyExtern;
}

/** What the answers depend on. */
export interface Asker {
  /** The program. */
  readonly name: string;
  readonly hook: Hook;
  readonly types: TypeInfo;
  /** That the file is for, where it is for one. */
  readonly architecture: Architecture | undefined;
  /** The types of the maps that the file has in place of others: it is written for kernels that have them. */
  readonly given: ReadonlySet<string>;
}

type Root = Struct<Fields, Access>;

const originOf = ({ root }: Relocation): Root['origin'] | undefined =>
  root.kind === 'struct' ? root.origin : undefined;

/** The instruction with a number that is known, or that CO-RE finds: without arguments or records of a hook. */
export const askCore = (
  instruction: Instruction,
  { hook, architecture }: Pick<Asker, 'hook' | 'architecture'>,
): Instruction => {
  const { relocation } = instruction;
  switch (relocation && originOf(relocation)) {
    case 'arguments': {
      const offset = argumentOffset(relocation!, hook, architecture);
      return { ...instruction, offset, relocation: undefined };
    }
    case 'system-call':
      // Added to an address, which is then read from.
      return {
        ...instruction,
        imm: argumentOffset(relocation!, hook, architecture),
        relocation: undefined,
      };
    case 'tracepoint':
      return { ...instruction, relocation: ofRecord(relocation!, hook) };
    default:
      return instruction;
  }
};

/** Arguments are eight bytes each, with the result behind them, but where they are in registers. */
const argumentOffset = (
  relocation: Relocation,
  hook: Hook,
  architecture: Architecture | undefined,
): number => {
  const { type, section } = hook;
  const root = relocation.root as Root;
  const name = String(relocation.path[0]);
  if (HOOKS[type].trusted || type.startsWith('raw_tp')) {
    const index = root.members.filter((member) => member.name !== 'retval').length;
    if (name === 'retval') return index * 8;
    const [, position = indexOf(relocation)] = /^arg(\d+)$/.exec(name) ?? [];
    return Number(position) * 8;
  }
  if (architecture === undefined)
    throw new ElfError(
      `${section}: its arguments are in registers, which differ from one architecture to the next: say for which one the file is, or use fentry, fexit or a tracepoint`,
    );
  const registers = new HookArguments({
    architecture,
    btf: undefined,
    modules: () => [],
    tracepointFields: () => undefined,
  });
  const place =
    root.origin === 'system-call'
      ? registers.systemCallPlace(root, name, hook)
      : registers.place(root, name, hook);
  if ('missing' in place) throw new ElfError(place.missing);
  return place.offset;
};

/** The place of an argument in its declaration: what it is called in the kernel cannot be looked up by CO-RE. */
const indexOf = ({ root, path }: Relocation): number =>
  (root as Root).members.findIndex(({ name }) => name === path[0]);

const ofRecord = (relocation: Relocation, hook: Hook): Relocation => {
  if ('category' in hook && hook.category === 'syscalls')
    throw new ElfError(
      `${hook.section}: the records of system calls have no types in the kernel, by which a file finds fields; use SyscallEnter or SyscallExit`,
    );
  return recordRelocation(relocation as Relocation & { readonly root: Root }, hook.name);
};

/** What decides a choice: known when the file is written, or asked when it is loaded. Throws ElfError or AssemblerError. */
export const questionOf = (condition: Condition, asker: Asker): boolean | Question => {
  switch (condition.test) {
    case 'core':
      return aboutType(condition.relocation, condition.least, asker);
    case 'helper':
      return hasEnumerator('bpf_func_id', `BPF_FUNC_${condition.helper}`, condition.id);
    case 'hook':
      return aboutHook(condition.hook, asker);
    case 'map':
      return aboutMap(condition.map, asker);
    // As bpf_ksym_exists of libbpf 1.2: kernels before 6.4 have addresses of variables only, and refuse it.
    case 'function':
      return { extern: condition.extern };
    // What is right on every kernel.
    case 'isa':
      return false;
    case 'trusted':
      return HOOKS[asker.hook.type].trusted;
  }
};

const aboutType = (relocation: Relocation, least: number, { hook, types }: Asker): Question => {
  switch (originOf(relocation)) {
    case 'arguments':
      return { numbers: prototypesWith(relocation, hook, types), least: 1 };
    case 'system-call':
      throw new ElfError(
        `${hook.section}: CO-RE in a file cannot tell the arguments of a system call`,
      );
    case 'tracepoint':
      return { numbers: [ofRecord(relocation, hook)], least };
    default:
      return {
        exists: least === 1 ? existence(relocation) : undefined,
        numbers: [relocation],
        least,
      };
  }
};

/** What is to be asked before a number that need not be there. Sizes are compared where the field is used as well. */
const existence = ({ kind, root, path }: Relocation): Relocation | undefined => {
  if (kind === 'enumval_value') return { kind: 'enumval_exists', root, path };
  if (!kind.startsWith('field_') || kind === 'field_exists') return undefined;
  return { kind: 'field_exists', root, path };
};

const aboutMap = (map: string, { given }: Asker): boolean | Question => {
  if (given.has(map)) return true;
  if (!isMapType(map)) return false;
  const { number } = MAP_TYPES[map];
  return hasEnumerator('bpf_map_type', `BPF_MAP_TYPE_${map.toUpperCase()}`, number);
};

const hasEnumerator = (name: string, value: string, number: number): Question => ({
  numbers: [
    { kind: 'enumval_exists', root: enumeration(name, { [value]: number }), path: [value] },
  ],
  least: 1,
});

const aboutHook = (section: string, { name, types }: Asker): boolean | Question => {
  const hook = parseHook(section);
  const { target } = HOOKS[hook.type];
  const isEvent = 'category' in hook && hook.category !== 'syscalls';
  if (isEvent || target === 'tracepoint' || hook.type.startsWith('raw_tp'))
    return { numbers: [tracepointExists(hook.name, types)], least: 1 };
  // The loader takes these for granted as well: attaching tells.
  if (target === undefined && !('category' in hook)) return true;
  throw new ElfError(
    `${name} asks whether there is a hook ${section}: CO-RE in a file can tell tracepoints only, by their types; make it firstOf or optional`,
  );
};

/**
 * Every tracepoint has a type `btf_trace_NAME`. It is asked for as a field would be, since a question about types
 * compares prototypes, which are not known: a pointer is as good as any other, and its element 0 always there.
 */
const tracepointExists = (name: string, { builder }: TypeInfo): Relocation => {
  const id = builder.typedef(`btf_trace_${name}`, builder.ptr(0));
  return { kind: 'field_exists', root: { kind: 'type', id, name }, path: [0] };
};

/**
 * Whether a tracepoint has an argument: whether it has one of the prototypes that end with it, or with one of those
 * that are declared behind it. The first parameter is the tracer's own. A kernel that has more arguments than are
 * declared has none of these, and the answer is no.
 */
const prototypesWith = (relocation: Relocation, { name }: Hook, types: TypeInfo): Relocation[] => {
  const { builder } = types;
  const { members } = relocation.root as Root;
  const params = [
    { name: '__data', type: builder.ptr(0) },
    ...members.map(({ name, layout }) => ({ name, type: types.idOf(layout) })),
  ];
  const shortest = indexOf(relocation) + 2;
  return params.slice(shortest - 1).map((_, further) => {
    const proto = builder.funcProto(0, params.slice(0, shortest + further));
    const id = builder.typedef(`btf_trace_${name}`, builder.ptr(proto));
    return { kind: 'type_exists', root: { kind: 'type', id, name }, path: [0] };
  });
};
