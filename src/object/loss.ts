/**
 * @module
 * Sending events and keeping entries without losing any silently: macros that count every refusal.
 *
 * The kernel does not count the reservations that a full ring buffer refuses, the outputs that a full perf buffer
 * drops, or the updates that a full map rejects. These macros add each to a 64-bit counter beside the map, which
 * user space reads through shared memory. All of them destroy r0 to r5.
 */
import {
  type AnyMap,
  AssemblerError,
  atomicAdd,
  type Code,
  call,
  callSite,
  either,
  helper,
  ja,
  jne,
  jsge,
  type Label,
  label,
  lea,
  type Memory,
  mapExists,
  mov,
  type R,
  r0,
  r1,
  r2,
  restamp,
  store,
} from '../asm/index.ts';
import {
  type Access,
  isPlace,
  type Layout,
  locationOf,
  type Mem,
  type Member,
  placeAt,
  struct,
  u8,
  u16,
  u32,
  u64,
} from '../layout/index.ts';
import { type AnyMapSpec, globals, type MapSpec } from './map-spec.ts';

/** How often a map refused what a program gave it. */
const Loss = /* @__PURE__ */ struct('loss', { refused: u64.number });

/** The counter of a map, if a macro has made one. */
export const lossOf = (map: AnyMap): AnyMapSpec | undefined => counters.get(map);
const counters = new WeakMap<AnyMap, AnyMapSpec>();

const counterOf = (map: AnyMap): AnyMapSpec => {
  const counter = counters.get(map) ?? globals(Loss);
  counters.set(map, counter);
  return counter;
};

const countRefusal = (map: AnyMap): Code => [
  lea(r1, counterOf(map)),
  mov(r2, 1),
  atomicAdd(Loss.at(r1).refused, r2),
];

/**
 * Reserves a record: `to` points to it, and its padding is zeroed. When the ring is full the refusal is counted and
 * control goes to `full`. The record must be submitted or discarded on every path. Linux 5.8.
 */
export const reserve = <L extends Layout>(
  to: R,
  ring: MapSpec<'ringbuf', undefined, L>,
  full: Label,
): Code => {
  const site = callSite(reserve);
  const { value, type } = ring;
  if (type !== 'ringbuf') throw new AssemblerError(`reserve: a ringbuf, got a ${type}`, site);
  if (value.kind === 'struct' && value.members.at(-1)?.layout.kind === 'text') {
    throw new AssemblerError(
      'reserve: the size of a record that ends in text is not known; use output',
      site,
    );
  }
  const reserved = label('reserved');
  return restamp(site, [
    call(helper.ringbuf_reserve, ring, value.size, 0),
    jne(r0, 0, reserved),
    countRefusal(ring),
    ja(full),
    reserved,
    mov(to, r0),
    clearPadding(value, to),
  ]);
};

/** Copies `size` bytes (the size of the layout when left out) into a ring buffer; r1 to r5 as arguments. Linux 5.8. */
export const ringOutput = (
  ring: MapSpec<'ringbuf', undefined, unknown>,
  data: Memory,
  size?: R | number,
): Code => {
  const site = callSite(ringOutput);
  return restamp(site, [
    call(helper.ringbuf_output, ring, data, size ?? sizeOf('ringOutput', data), 0),
    unless(r0, ring),
  ]);
};

/** Copies `size` bytes into the perf buffer of this CPU. `context` holds what the program was called with. Linux 4.4. */
export const perfOutput = (
  context: R,
  events: MapSpec<'perf_event_array', undefined, unknown>,
  data: Memory,
  size?: R | number,
): Code => {
  const site = callSite(perfOutput);
  return restamp(site, [
    call(
      helper.perf_event_output,
      context,
      events,
      BPF_F_CURRENT_CPU,
      data,
      size ?? sizeOf('perfOutput', data),
    ),
    unless(r0, events),
  ]);
};

/**
 * Copies `size` bytes into the event buffer that the kernel has: its ring buffer, or the perf buffer of this CPU.
 * `context` holds what the program was called with.
 */
export const output = (
  context: R,
  events: MapSpec<'ringbuf', undefined, unknown>,
  data: Memory,
  size: R | number,
): Code => {
  const site = callSite(output);
  const { otherwise } = events;
  if (!otherwise) throw new AssemblerError('output: an eventBuffer, got a ringbuf', site);
  return restamp(site, [
    either(
      mapExists(events.type),
      call(helper.ringbuf_output, events, data, size, 0),
      call(helper.perf_event_output, context, otherwise, BPF_F_CURRENT_CPU, data, size),
    ),
    unless(r0, events),
  ]);
};

/** The index that stands for the CPU that runs the program. */
const BPF_F_CURRENT_CPU = 0xffff_ffff;

/** Sets an entry. A map that is full counts the refusal. `flags`: 0 any, 1 only new, 2 only existing ones. */
export const update = (map: AnyMapSpec, key: Memory, value: Memory, flags = 0): Code => {
  const site = callSite(update);
  return restamp(site, [call(helper.map_update_elem, map, key, value, flags), unless(r0, map)]);
};

/** Counts a refusal unless `result` is 0 or more. */
const unless = (result: R, map: AnyMap): Code => {
  const accepted = label('accepted');
  return [jsge(result, 0, accepted), countRefusal(map), accepted];
};

const sizeOf = (what: string, data: Memory): number => {
  if (isPlace(data)) return locationOf(data).layout.size;
  throw new AssemblerError(
    `${what}: give the size of what the register points to`,
    callSite(sizeOf),
  );
};

/** Zeroes memory, as records and keys on the stack need it whose padding user space or a hash would see. */
export const clear = (place: Mem<unknown, 'plain'>): Code => {
  const site = callSite(clear);
  const { layout, base, steps } = locationOf(place);
  return restamp(site, zeros(base as R, steps[0]!.offset, layout.size));
};

/** Zeroes the padding of a record that `to` points to. */
export const clearPadding = (layout: Layout, to: R): Code =>
  holesOf(layout, 0).map(([start, end]) => zeros(to, start, end - start));

function* storesOf(start: number, size: number) {
  for (let at = start; at < start + size; ) {
    const fits = [u64, u32, u16, u8].find(
      (scalar) => at % scalar.size === 0 && at + scalar.size <= start + size,
    )!;
    yield [fits, at] as const;
    at += fits.size;
  }
}

const zeros = (base: R, start: number, size: number): Code =>
  [...storesOf(start, size)].map(([scalar, at]) =>
    store(placeAt(scalar, base, at) as unknown as Mem<typeof u64, Access & 'plain'>, 0),
  );

/** The bytes of a layout that no field covers, as [start, end). */
export const holesOf = (layout: Layout, start: number): readonly (readonly [number, number])[] => {
  if (layout.kind === 'array') {
    return Array.from({ length: layout.length }, (_, index) =>
      holesOf(layout.element, start + index * layout.element.size),
    ).flat();
  }
  if (layout.kind !== 'struct' || layout.union) return [];
  const holes: (readonly [number, number])[] = [];
  let end = 0;
  for (const member of layout.members) {
    const first = Math.floor(member.bitOffset / 8);
    if (first > end) holes.push([start + end, start + first]);
    holes.push(...holesOf(member.layout, start + member.offset));
    end = Math.max(end, endOf(member));
  }
  if (layout.size > end && layout.members.at(-1)?.layout.kind !== 'text')
    holes.push([start + end, start + layout.size]);
  return holes;
};

const endOf = ({ layout, offset, bitOffset }: Member): number =>
  layout.kind === 'bitfield' ? Math.ceil((bitOffset + layout.width) / 8) : offset + layout.size;
