/**
 * @module
 * What the rejected programs share: how one is written down, the maps that they use, and small pieces of code.
 *
 * The line that is at fault ends in the comment `mistake`: one in each program, or none where the whole is at fault.
 */
import {
  type AnyMapSpec,
  add,
  array,
  arrayMap,
  arrayOfMaps,
  type Code,
  call,
  callSite,
  exit,
  globals,
  hash,
  helper,
  jeq,
  jgt,
  type Label,
  load,
  make,
  mapOf,
  mov,
  type ObjectSpec,
  object,
  type ProgramSpec,
  parseSection,
  percpuArray,
  perfEventArray,
  progArray,
  queueMap,
  r0,
  r1,
  ringbuf,
  type SocketBuffer,
  type Subprogram,
  stack,
  stackTrace,
  store,
  struct,
  u8,
  u16,
  u32,
  u64,
  visitProgram,
  type W,
  whole,
  type XdpContext,
} from '../../../src/index.ts';
import type { RefusalClass } from '../../../src/verifier/index.ts';

/** What some programs ask of the kernel that they are loaded into. */
export interface Kernel {
  /** The BTF id of one of its functions; 0 where there is no kernel. */
  readonly functionId: (name: string) => number;
}

/** A program that the verifier refuses. */
export interface Rejected {
  readonly name: string;
  /** What its explanation is to find. */
  readonly class: RefusalClass;
  readonly object: (kernel: Kernel) => ObjectSpec;
  /** Refused only to those who have CAP_BPF and not CAP_PERFMON, whom the verifier trusts less. */
  readonly restricted: boolean;
}

type Write = (kernel: Kernel) => ProgramSpec;

/** Programs with the same mistake, by their names. */
export const rejected = (
  group: RefusalClass,
  programs: Readonly<Record<string, Write>>,
  { license = 'GPL', restricted = false } = {},
): readonly Rejected[] =>
  Object.entries(programs).map(([name, write]) => ({
    name,
    class: group,
    object: (kernel) => objectOf(write(kernel), license),
    restricted,
  }));

// ----------
// Maps
// ----------

export const Entry = struct('entry', { count: u64, flags: u32, name: array(u8, 20) });
const Lock = struct('bpf_spin_lock', { val: u32 });
export const Locked = struct('locked', { lock: Lock, value: u32 });
const Timer = struct('bpf_timer', { opaque: array(u64, 2) });
export const Timed = struct('timed', { timer: Timer });
export const Constants = struct('constants', { limit: u64, text: array(u8, 8) });
export const Words = struct('words', { words: array(u64, 8) });
export const Ethernet = struct('ethernet', { to: array(u16, 3), from: array(u16, 3), type: u16 });
export const Ip = struct('ip', { first: u32, second: u32, third: u32, from: u32, to: u32 });

export const counts = hash(u32, u64, { maxEntries: 4 });
export const entries = hash(u32, Entry, { maxEntries: 4 });
export const table = arrayMap(Words, { maxEntries: 4 });
export const perCpu = percpuArray(Entry, { maxEntries: 1 });
export const locked = hash(u32, Locked, { maxEntries: 4 });
export const timed = arrayMap(Timed, { maxEntries: 1 });
export const constants = globals(Constants, {
  initial: { limit: 4n, text: [37, 100, 0, 0, 0, 0, 0, 0] },
  readonly: true,
});
export const variables = globals(Words);
export const events = ringbuf(Entry, { maxEntries: 4096 });
export const perfEvents = perfEventArray(Entry, { bufferSize: 4096 });
export const programs = progArray({ maxEntries: 4 });
const inner = hash(u32, u64, { maxEntries: 4 });
export const outer = arrayOfMaps(inner, { maxEntries: 2 });
export const queue = queueMap(u64, { maxEntries: 4 });
export const stacks = stackTrace(array(u64, 127), { maxEntries: 4 });

const MAPS = {
  counts,
  entries,
  table,
  perCpu,
  locked,
  timed,
  constants,
  variables,
  events,
  perfEvents,
  programs,
  outer,
  queue,
  stacks,
} as Readonly<Record<string, AnyMapSpec>>;

/** An object of one program and of the maps that it uses. */
const objectOf = (program: ProgramSpec, license: string): ObjectSpec => {
  const used = new Set<unknown>();
  visitProgram(program, (item) => {
    if (item.kind === 'instruction') used.add(mapOf(item));
  });
  const maps = Object.fromEntries(Object.entries(MAPS).filter(([, map]) => used.has(map)));
  const spec = object({ license: 'GPL', maps, programs: { program } });
  return { ...(spec as ObjectSpec), license };
};

// ----------
// Code
// ----------

export const done: Code = [mov(r0, 0), exit()];

/** r0 = the entry under key 0, or 0. */
export const lookUp = (map: AnyMapSpec): Code => {
  const key = stack(u32);
  return [store(key, 0), call(helper.map_lookup_elem, map, key)];
};

/** `data` = the packet of r1, `end` = its end. Goes to `out` unless it has `size` bytes. Destroys r0. */
export const packet = (
  context: typeof XdpContext | typeof SocketBuffer,
  data: W,
  end: W,
  size: number,
  out: Label,
): Code => [
  load(data, context.at(r1).data),
  load(end, context.at(r1).data_end),
  mov(r0, whole(data)),
  add(r0, size),
  jgt(r0, whole(end), out),
];

/** A program as a file may hold it: nothing of it is checked. */
export const unchecked = (
  section: string,
  body: Code,
  subprograms: readonly Subprogram[] = [],
): ProgramSpec => ({
  kind: 'program',
  hook: parseSection(section)!,
  body,
  subprograms,
  site: callSite(unchecked),
});

/** An instruction as a file may hold it. */
export const raw = (fields: Parameters<typeof make>[0]): Code =>
  make({ ...fields, site: callSite(raw) });

/** A call of a function of the kernel. */
export const callKernel = (id: number): Code =>
  make({ opcode: 0x85, src: 2, imm: id, site: callSite(callKernel) });

/** A call of a subprogram, or of the program itself, that lies so many instructions ahead. */
export const callAhead = (distance: number): Code =>
  make({ opcode: 0x85, src: 1, imm: distance, site: callSite(callAhead) });

/** Goes to `out` when r0 is 0. */
export const orOut = (out: Label): Code => jeq(r0, 0, out);
