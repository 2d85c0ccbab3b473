/**
 * @module
 * Helpers of packets (net/core/filter.c).
 */
import { type HelperFunction, hasOnly, mapIn, readable, writable } from '../helper.ts';
import type { Machine } from '../machine.ts';
import { EFAULT, EINVAL, ENOMEM } from '../maps/errors.ts';
import { SimulatedReferences } from '../maps/references.ts';
import type { Registers } from '../registers.ts';

/** Packets of XDP have 16 bits of length; the helpers say so with another error than that of a short packet. */
const LONGEST = 0xffff;

/** Copies bytes of the packet, `from` its start on and by the offset in r2; where they are not, zeros. */
const loadFrom = (machine: Machine, registers: Registers, from: number): number => {
  const size = registers.word(4);
  const to = writable(machine, 3, size);
  const bytes = machine.packetBytes(from + registers.word(2), size);
  if (!bytes) {
    machine.memory.bytes.fill(0, to, to + size);
    return -EFAULT;
  }
  machine.memory.bytes.set(bytes, to);
  return 0;
};
const skb_load_bytes: HelperFunction = (machine, registers) => loadFrom(machine, registers, 0);

/** BPF_HDR_START_MAC and BPF_HDR_START_NET. */
const skb_load_bytes_relative: HelperFunction = (machine, registers) => {
  const network = machine.context?.packet?.network ?? 0;
  const start = [network > 0 ? 0 : undefined, network][registers.word(5)];
  const isFar = registers.word(2) > LONGEST;
  return loadFrom(
    machine,
    registers,
    start === undefined || isFar ? Number.NEGATIVE_INFINITY : start,
  );
};

/** Of XDP: the bytes at an offset and of a length in registers, or an error. */
const xdpBytes = (machine: Machine, offset: number, size: number): Uint8Array | number => {
  if (offset > LONGEST || size > LONGEST) return -EFAULT;
  return machine.packetBytes(offset, size) ?? -EINVAL;
};
const xdp_load_bytes: HelperFunction = (machine, registers) => {
  const size = registers.word(4);
  const to = writable(machine, 3, size);
  const bytes = xdpBytes(machine, registers.word(2), size);
  if (typeof bytes === 'number') return bytes;
  machine.memory.bytes.set(bytes, to);
  return 0;
};
const xdp_store_bytes: HelperFunction = (machine, registers) => {
  const size = registers.word(4);
  const from = readable(machine, 3, size);
  const bytes = xdpBytes(machine, registers.word(2), size);
  if (typeof bytes === 'number') return bytes;
  bytes.set(machine.memory.bytes.subarray(from, from + size));
  return 0;
};

/** BPF_F_RECOMPUTE_CSUM and BPF_F_INVALIDATE_HASH, of what the kernel knows beside the packet. */
const STORE_FLAGS = 3;
/** Whether a register holds such flags. */
export const takesFlags = (registers: Registers, flags: number): boolean =>
  hasOnly(registers, flags, STORE_FLAGS);

const skb_store_bytes: HelperFunction = (machine, registers) => {
  const size = registers.word(4);
  const from = readable(machine, 3, size);
  if (!takesFlags(registers, 5)) return -EINVAL;
  const bytes = machine.packetBytes(registers.word(2), size);
  if (!bytes) return -EFAULT;
  bytes.set(machine.memory.bytes.subarray(from, from + size));
  return 0;
};

/** The whole packet is in one piece: there only may be less of it. */
const skb_pull_data: HelperFunction = (machine, registers) =>
  registers.word(2) > lengthOf(machine) ? -ENOMEM : 0;
const xdp_get_buff_len: HelperFunction = (machine) => lengthOf(machine);

const lengthOf = ({ context }: Machine): number => {
  const packet = context?.packet;
  return packet ? packet.end - packet.start : 0;
};

/** The longest that a packet may become (SKB_MAX_ALLOC): four pages less struct skb_shared_info. */
const MOST = 4 * 4096 - 320;

/** Cuts a packet, or makes it longer with zeros. */
const skb_change_tail: HelperFunction = ({ context }, registers) => {
  const packet = context?.packet;
  const length = registers.word(2);
  if (!packet || registers.get(3) !== 0n || length < packet.network || length > MOST)
    return -EINVAL;
  packet.resize(length);
  return 0;
};

/** What the kernel keeps of XDP_PACKET_HEADROOM (struct xdp_frame), and the least that a packet is. */
const KEPT = 40;
const LEAST = 14;
/** Where the memory of a packet ends: a page less struct skb_shared_info. */
const PACKET_END = 4096 - 320;

/** Moves the start of an XDP packet. */
const xdp_adjust_head: HelperFunction = ({ context }, registers) => {
  const packet = context?.packet;
  const start = (packet?.start ?? 0) + registers.low[2]!;
  if (!packet || start < KEPT || start > packet.end - LEAST) return -EINVAL;
  packet.start = start;
  return 0;
};

/** Moves the end of an XDP packet; what is new is zeros. */
const xdp_adjust_tail: HelperFunction = ({ context }, registers) => {
  const packet = context?.packet;
  const end = (packet?.end ?? 0) + registers.low[2]!;
  if (!packet || end < packet.start + LEAST) return -EINVAL;
  if (end > packet.end && end > PACKET_END) return -EINVAL;
  packet.resize(end - packet.start);
  return 0;
};

/** TC_ACT_REDIRECT and TC_ACT_SHOT. */
const TC_REDIRECT = 7;
const TC_SHOT = 2;
/** BPF_F_INGRESS. */
const INGRESS = 1;

/** To a device: what the program returns then is what it gets here. */
const redirect: HelperFunction = ({ context }, registers) => {
  if (context?.packet?.isXdp) return hasOnly(registers, 2, 0) ? REDIRECT : ABORTED;
  return hasOnly(registers, 2, INGRESS) ? TC_REDIRECT : TC_SHOT;
};

/** XDP_ABORTED and XDP_REDIRECT. */
const ABORTED = 0;
const REDIRECT = 4;
/** The lower bits of the flags are what to do where the map has no entry. */
const ACTION = 3n;
/** BPF_F_BROADCAST and BPF_F_EXCLUDE_INGRESS: to all devices of the map, whatever the key. */
const BROADCAST = 8n;
const TO_MANY = 0x18n;

const redirect_map: HelperFunction = (machine, registers) => {
  const map = mapIn(machine, 1, SimulatedReferences);
  const flags = registers.get(3);
  const known = map.spec.type.startsWith('devmap') ? ACTION | TO_MANY : ACTION;
  if ((flags & ~known) !== 0n) return ABORTED;
  if (map.thing(registers.word(2)) !== undefined || (flags & BROADCAST) !== 0n) return REDIRECT;
  return flags & ACTION;
};

export const packetHelpers = {
  skb_load_bytes,
  skb_load_bytes_relative,
  xdp_load_bytes,
  skb_store_bytes,
  xdp_store_bytes,
  skb_pull_data,
  xdp_get_buff_len,
  xdp_adjust_head,
  xdp_adjust_tail,
  skb_change_tail,
  redirect,
  redirect_map,
};
