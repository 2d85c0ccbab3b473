/**
 * @module
 * What a program is called with, for each type of hook: from what a test says to memory that the program reads.
 *
 * Contexts of packets are not in memory as programs see them: the kernel rewrites their fields when it loads a program,
 * and here each access asks for its field.
 */
import type { Btf } from '../btf/index.ts';
import { type Architecture, HOOKS, type Hook, type TracepointField } from '../object/index.ts';
import type { KernelMemory, Mock, MockValue } from './kernel-memory.ts';
import { functionOf } from './local-types.ts';
import type { Memory, Region } from './memory.ts';
import { type Packet, packetContext } from './packet.ts';
import { registersOf } from './pt-regs.ts';
import { hasStructContext, structContext } from './struct-context.ts';
import type { UserMemory } from './user-memory.ts';

/**
 * What a program is called with: bytes as they are; fields of the record, struct or packet; or the arguments of the hook
 * by their names or in a list. Objects become objects of the kernel, strings become strings in the memory that the hook
 * has them in.
 */
export type GivenContext = Uint8Array | Mock | readonly MockValue[] | undefined;

/** The fields of a context that is not in memory as programs see it. */
export interface ContextFields {
  /** What a program loads, `offset` bytes from the start; undefined where nothing is. */
  load(offset: number, size: number): number | bigint | undefined;
  /** Stores what a program may store; false for all else. */
  store(offset: number, size: number, value: bigint): boolean;
  /** By their names, for tests. */
  readonly values: Readonly<Record<string, unknown>>;
  /** What pointers among them lead to. */
  readonly regions: readonly Region[];
}

export interface Context {
  readonly region: Region;
  readonly fields?: ContextFields | undefined;
  /** Where the context has one: its fields are `fields`. */
  readonly packet?: Packet | undefined;
}

export interface ContextParts {
  readonly memory: Memory;
  readonly kernel: KernelMemory;
  readonly user: UserMemory;
  readonly types: { readonly btf: Btf };
  readonly architecture: Architecture;
  readonly fieldsOf: (category: string, name: string) => readonly TracepointField[] | undefined;
}

const PACKETS: ReadonlySet<number> = new Set([1, 3, 4, 6, 8, 10, 11, 12, 14, 19, 22]);
const TRACEPOINT = 5;
const KPROBE = 2;
const PERF_EVENT = 7;

/** The context of a program at a hook. */
export const contextOf = (hook: Hook, given: GivenContext, parts: ContextParts): Context => {
  const { program, target } = HOOKS[hook.type];
  const name = hook.section;
  if (PACKETS.has(program)) return packetContext(hook, given, parts.memory);
  if (given instanceof Uint8Array) return plain(parts.memory, name, given);
  if (hasStructContext(hook)) return structContext(hook, (given ?? {}) as Mock, parts);
  if (program === TRACEPOINT) return record(hook, given, parts);
  if (program === KPROBE)
    return plain(parts.memory, name, registers(hook, (given ?? {}) as Mock, parts));
  if (program === PERF_EVENT) return sample(name, (given ?? {}) as Mock, parts);
  const hasArguments = target !== undefined || hook.type.startsWith('raw_tp');
  if (hasArguments || Array.isArray(given)) return words(hook, given, parts);
  return plain(parts.memory, name, new Uint8Array(256));
};

/** Those that a function is called with; the function of a system call gets a pointer to those of the process. */
const registers = ({ type }: Hook, given: Mock, parts: ContextParts): Uint8Array => {
  const { architecture } = parts;
  const ofUser = (value: MockValue) => word(value, 'user', parts);
  if (type !== 'ksyscall') return registersOf(given, architecture, ofUser);
  const call = registersOf(given, architecture, ofUser, 'call');
  return registersOf({ args: [call] }, architecture, (value) => word(value, 'kernel', parts));
};

const plain = (memory: Memory, name: string, bytes: Uint8Array, writable = true): Context => {
  const region = memory.allocate({ kind: 'context', name, size: bytes.length, writable });
  memory.of(region).set(bytes);
  return { region };
};

/** `struct bpf_perf_event_data`: the registers, the period, and the address where the event has one. */
const sample = (name: string, given: Mock, parts: ContextParts): Context => {
  const { sample_period: period = 1, addr = 0, ...registers } = given;
  const word64 = (value: MockValue) => word(value, 'user', parts);
  const rest = BigUint64Array.of(...[period, addr].map((each) => BigInt.asUintN(64, word64(each))));
  const bytes = [
    ...registersOf(registers, parts.architecture, word64),
    ...new Uint8Array(rest.buffer),
  ];
  return plain(parts.memory, name, Uint8Array.from(bytes), false);
};

/** What a word of the context holds: a number, or the address of what is given. */
const word = (
  value: MockValue,
  where: 'user' | 'kernel',
  parts: ContextParts,
  type = 0,
): bigint => {
  if (where === 'user' && (typeof value === 'string' || value instanceof Uint8Array))
    return parts.user.put(value);
  return parts.kernel.pointerFor(type, value, 'argument');
};

// ----------
// Arguments
// ----------

/** Eight bytes for each argument; behind those of fexit, the result. */
const words = (hook: Hook, given: GivenContext, parts: ContextParts): Context => {
  const types = argumentTypes(hook, parts.types.btf);
  const values = Array.isArray(given)
    ? (given as readonly MockValue[])
    : byName((given ?? {}) as Mock, types, hook);
  const bytes = new Uint8Array(8 * Math.max(12, values.length));
  const view = new DataView(bytes.buffer);
  values.forEach((value, index) => {
    view.setBigUint64(
      8 * index,
      BigInt.asUintN(64, word(value, 'kernel', parts, types[index]?.pointee)),
      true,
    );
  });
  return plain(parts.memory, hook.section, bytes, false);
};

interface Argument {
  readonly name: string;
  /** What it points to. */
  readonly pointee: number;
}

const argumentTypes = (hook: Hook, btf: Btf): Argument[] => {
  const own = functionOf(hook);
  const names = [own, own.replace('__bpf_trace_', '__traceiter_')];
  const proto = names.map((name) => prototypeOf(btf, name)).find((each) => each !== undefined);
  // Traces have their own argument before.
  const params =
    proto?.params.slice(own === hook.name || hook.type.startsWith('lsm') ? 0 : 1) ?? [];
  return params.map(({ name, type }) => {
    const target = btf.resolve(type);
    return { name, pointee: target.kind === 'ptr' ? target.type : 0 };
  });
};

const prototypeOf = (btf: Btf, name: string) => {
  const id = btf.findByName(name, 'func');
  const func = id === undefined ? undefined : btf.type(id);
  const proto = func?.kind === 'func' ? btf.type(func.type) : undefined;
  return proto?.kind === 'func_proto' ? proto : undefined;
};

const byName = (given: Mock, types: readonly Argument[], { section }: Hook): MockValue[] => {
  const names = types.map(({ name }) => name);
  // Of a hook whose arguments no program declares, none is looked at.
  if (names.length === 0) return [];
  const result = 'retval' in given ? [given.retval] : [];
  for (const name of Object.keys(given))
    if (!names.includes(name) && name !== 'retval')
      throw new TypeError(`${section} has no argument ${name}: ${names.join(', ')}`);
  return [...names.map((name) => given[name]), ...result];
};

// ----------
// Records of tracepoints
// ----------

const record = (hook: Hook, given: GivenContext, parts: ContextParts): Context => {
  const fields = (given ?? {}) as Mock;
  const { category, name } = hook as Extract<Hook, { readonly category: string }>;
  if (category === 'syscalls') return systemCall(hook, fields, parts);
  const known = parts.fieldsOf(category, name) ?? [];
  const size = known.reduce((end, field) => Math.max(end, field.offset + field.size), 8);
  const texts: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  const bytes = new Uint8Array(size);
  for (const [field, value] of Object.entries(fields)) {
    const found = known.find((each) => each.name === field);
    if (!found)
      throw new TypeError(
        `${hook.section} has no field ${field}: ${known.map((each) => each.name).join(', ')}`,
      );
    const text = typeof value === 'string' ? new TextEncoder().encode(`${value}\0`) : value;
    if (text instanceof Uint8Array && found.declaration.startsWith('__data_loc'))
      texts.push({ at: found.offset, bytes: text });
    else if (text instanceof Uint8Array)
      bytes.set(text.subarray(0, Math.min(text.length, found.size)), found.offset);
    else put(bytes, found.offset, found.size, word(value as MockValue, 'kernel', parts));
  }
  return plain(parts.memory, hook.section, withTexts(bytes, texts), false);
};

/** `__data_loc`: the place behind the record in the lower half, the length in the upper one. */
const withTexts = (
  record: Uint8Array,
  texts: readonly { readonly at: number; readonly bytes: Uint8Array }[],
): Uint8Array => {
  const whole = [...record];
  for (const { at, bytes } of texts) {
    const location = new Uint8Array(Uint32Array.of((bytes.length << 16) | whole.length).buffer);
    location.forEach((byte, index) => {
      whole[at + index] = byte;
    });
    whole.push(...bytes);
  }
  return Uint8Array.from(whole);
};

/** `syscall_trace_enter` or `_exit`, as programs get them; strings are in the memory of the process. */
const systemCall = (hook: Hook, given: Mock, parts: ContextParts): Context => {
  const enter = hook.name.startsWith('sys_enter');
  const struct = enter ? 'syscall_trace_enter' : 'syscall_trace_exit';
  const args = Array.isArray(given.args)
    ? given.args.map((value: MockValue) => BigInt.asUintN(64, word(value, 'user', parts)))
    : given.args;
  // A program that reads nothing of it does not say what it looks like.
  if (parts.types.btf.findByName(struct, 'struct') === undefined)
    return plain(parts.memory, hook.section, new Uint8Array(64), false);
  const address = parts.kernel.place(struct, {
    ...given,
    ...(args ? { args } : undefined),
  } as Mock);
  return { region: parts.memory.region(Math.floor(address / 2 ** 32))! };
};

const put = (bytes: Uint8Array, offset: number, size: number, value: bigint): void => {
  for (let index = 0; index < size; index++)
    bytes[offset + index] = Number((value >> BigInt(8 * index)) & 0xffn);
};
