/**
 * @module
 * Sending events and keeping entries without losing any silently: macros that count every refusal.
 *
 * The kernel does not count the reservations that a full ring buffer refuses, the outputs that a full perf buffer
 * drops, or the updates that a full map rejects. These macros add each to a 64-bit counter beside the map, which
 * user space reads through shared memory. All of them destroy r0 to r5. Linux 5.2.
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
  jeq,
  jne,
  jsge,
  type Label,
  lea,
  type Memory,
  mapExists,
  mov,
  type R,
  r0,
  r1,
  r2,
  restamp,
  type Site,
  stack,
  store,
  w0,
  zeros,
} from '../asm/index.ts';
import {
  isPlace,
  type Layout,
  locationOf,
  type Member,
  struct,
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
  const { type, otherwise } = ring;
  if (type !== 'ringbuf') throw new AssemblerError(`reserve: a ringbuf, got a ${type}`, site);
  if (otherwise)
    throw new AssemblerError(
      'reserve: an eventBuffer may be a perf buffer, which reserves nothing; use output',
      site,
    );
  return reserveIn('reserve', to, ring, full, site);
};

const reserveIn = (
  what: string,
  to: R,
  ring: MapSpec<'ringbuf', undefined, Layout>,
  full: Label,
  site: Site,
): Code => {
  const { value } = ring;
  if (endsInText(value))
    throw new AssemblerError(
      `${what}: the size of a record that ends in text is not known; use ringOutput`,
      site,
    );
  const reserved: Label = { kind: 'label', name: 'reserved', site };
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

/**
 * Puts an event together in place and sends it: while `fill` runs, `to` points to its memory, whose padding is zeroed.
 * In a ring buffer that is a record of its own, as programs at functions of user space need: another one may run on the
 * same CPU before they end. On kernels that have a perf buffer they cannot be interrupted so, and the memory is
 * `scratch`. When the buffer is full that is counted, and control goes on behind.
 * @param context holds what the program was called with.
 * @param fill makes the code, once for each kind of buffer, since a label has one place. It jumps to its own labels only.
 */
export const fillEvent = <L extends Layout>(
  to: R,
  context: R,
  events: MapSpec<'ringbuf', undefined, L>,
  scratch: MapSpec<'percpu_array', typeof u32, L>,
  fill: () => Code,
): Code => {
  const site = callSite(fillEvent);
  const { otherwise, value } = events;
  if (!otherwise) throw new AssemblerError('fillEvent: an eventBuffer, got a ringbuf', site);
  const done: Label = { kind: 'label', name: 'done', site };
  const first = stack(u32);
  return [
    either(
      mapExists(events.type),
      [
        reserveIn('fillEvent', to, events, done, site),
        fill(),
        restamp(site, call(helper.ringbuf_submit, to, 0)),
      ],
      [
        restamp(site, [
          store(first, 0),
          call(helper.map_lookup_elem, scratch, first),
          jeq(r0, 0, done),
          mov(to, r0),
          clearPadding(value, to),
        ]),
        fill(),
        restamp(site, [
          call(helper.perf_event_output, context, otherwise, BPF_F_CURRENT_CPU, to, value.size),
          unlessAccepted(events, site),
        ]),
      ],
    ),
    done,
  ];
};

/** Copies `size` bytes (the size of the layout when left out) into a ring buffer; r1 to r5 as arguments. Linux 5.8. */
export const ringOutput = (
  ring: MapSpec<'ringbuf', undefined, unknown>,
  data: Memory,
  size?: R | number,
): Code => {
  const site = callSite(ringOutput);
  return restamp(site, [
    call(helper.ringbuf_output, ring, data, size ?? sizeOf('ringOutput', data, site), 0),
    unlessAccepted(ring, site),
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
      size ?? sizeOf('perfOutput', data, site),
    ),
    unlessAccepted(events, site),
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
  if (!otherwise) throw new AssemblerError(`output: an eventBuffer, got a ${events.type}`, site);
  return restamp(site, [
    either(
      mapExists(events.type),
      call(helper.ringbuf_output, events, data, size, 0),
      call(helper.perf_event_output, context, otherwise, BPF_F_CURRENT_CPU, data, size),
    ),
    unlessAccepted(events, site),
  ]);
};

/** The index that stands for the CPU that runs the program. */
const BPF_F_CURRENT_CPU = 0xffff_ffff;

/**
 * Sets an entry; r0 = 0 or a negative error. A map that is full counts the refusal. `flags`: 0 any, 1 only new, 2 only
 * existing ones; that an entry was there, or was not, is then no refusal.
 */
export const update = (map: AnyMapSpec, key: Memory, value: Memory, flags: 0 | 1 | 2 = 0): Code => {
  const site = callSite(update);
  const expected = flags === 1 ? -EEXIST : flags === 2 ? -ENOENT : undefined;
  return restamp(site, [
    call(helper.map_update_elem, map, key, value, flags),
    unlessAccepted(map, site, expected),
  ]);
};

const ENOENT = 2;
const EEXIST = 17;

/**
 * Counts a refusal unless r0 is 0 or more, or an error that is `expected`. It looks at w0: before Linux 6.4 the helpers
 * of maps returned an int, and left the upper half of r0 as it was.
 */
const unlessAccepted = (map: AnyMap, site: Site, expected?: number): Code => {
  const accepted: Label = { kind: 'label', name: 'accepted', site };
  return [
    jsge(w0, 0, accepted),
    expected !== undefined && jeq(w0, expected, accepted),
    countRefusal(map),
    accepted,
  ];
};

const sizeOf = (what: string, data: Memory, site: Site): number => {
  if (!isPlace(data))
    throw new AssemblerError(`${what}: give the size of what the register points to`, site);
  const { layout } = locationOf(data);
  if (endsInText(layout))
    throw new AssemblerError(`${what}: give the size of a record that ends in text`, site);
  return layout.size;
};

const endsInText = (layout: Layout): boolean =>
  layout.kind === 'struct' && layout.members.at(-1)?.layout.kind === 'text';

/** Zeroes the padding of a record that `to` points to. */
export const clearPadding = (layout: Layout, to: R): Code => {
  const site = callSite(clearPadding);
  return holesOf(layout, 0).map(([start, end]) => zeros(site, to, start, end - start));
};

/** The bytes of a layout that hold no field, or not in every view of a union, as [start, end). */
export const holesOf = (layout: Layout, start: number): readonly (readonly [number, number])[] => {
  if (layout.kind === 'array') {
    return Array.from({ length: layout.length }, (_, index) =>
      holesOf(layout.element, start + index * layout.element.size),
    ).flat();
  }
  if (layout.kind !== 'struct') return [];
  const { members, size, union } = layout;
  // Text goes on behind the struct, over what would be its padding.
  const ends = endsInText(layout) ? members.at(-1)!.offset : size;
  const covered = new Uint8Array(ends);
  for (const member of members) {
    for (let at = firstByte(member); at < Math.min(ends, endOf(member)); at++) covered[at]!++;
    for (const [from, to] of holesOf(member.layout, member.offset)) {
      for (let at = from; at < to; at++) covered[at]!--;
    }
  }
  return runs(covered, union ? members.length : 1).map(([from, to]) => [start + from, start + to]);
};

/** Where fewer than `wanted` cover a byte. */
const runs = (covered: Uint8Array, wanted: number): [number, number][] => {
  const found: [number, number][] = [];
  covered.forEach((count, at) => {
    if (count >= wanted) return;
    const last = found.at(-1);
    if (last?.[1] === at) last[1]++;
    else found.push([at, at + 1]);
  });
  return found;
};

/** A byte that a bitfield fills in part only counts as covered: its neighbours share it. */
const firstByte = ({ bitOffset }: Member): number => Math.floor(bitOffset / 8);
const endOf = ({ layout, offset, bitOffset }: Member): number =>
  layout.kind === 'bitfield' ? Math.ceil((bitOffset + layout.width) / 8) : offset + layout.size;
