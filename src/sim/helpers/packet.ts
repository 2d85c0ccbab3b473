/**
 * @module
 * Helpers of packets (net/core/filter.c).
 */
import { type HelperFunction, mapIn, readable, writable } from '../helper.ts';
import type { Machine } from '../machine.ts';
import { EFAULT, EINVAL } from '../maps/errors.ts';
import { SimulatedReferences } from '../maps/references.ts';

/** Copies `size` bytes of the packet from an offset. */
const loadBytes: HelperFunction = (machine, registers) => {
  const size = registers.word(4);
  const to = writable(machine, 3, size);
  const bytes = machine.packetBytes(registers.word(2), size);
  if (!bytes) {
    machine.memory.bytes.fill(0, to, to + size);
    return -EFAULT;
  }
  machine.memory.bytes.set(bytes, to);
  return 0;
};
const skb_load_bytes: HelperFunction = loadBytes;
/** As in the kernel, an error of XDP is another. */
const xdp_load_bytes: HelperFunction = (machine, registers) =>
  (loadBytes(machine, registers) as number) === 0 ? 0 : -EINVAL;

const storeBytes =
  (error: number): HelperFunction =>
  (machine, registers) => {
    const size = registers.word(4);
    const from = readable(machine, 3, size);
    const bytes = machine.packetBytes(registers.word(2), size);
    if (!bytes) return -error;
    bytes.set(machine.memory.bytes.subarray(from, from + size));
    return 0;
  };
const skb_store_bytes: HelperFunction = storeBytes(EFAULT);
const xdp_store_bytes: HelperFunction = storeBytes(EINVAL);

/** The whole packet is in one piece. */
const skb_pull_data: HelperFunction = () => 0;
const xdp_get_buff_len: HelperFunction = (machine) => lengthOf(machine);

const lengthOf = ({ context }: Machine): number => {
  const packet = context?.packet;
  return packet ? packet.end - packet.start : 0;
};

/** XDP_PACKET_HEADROOM less what the kernel keeps of it, and the least that a packet is. */
const LEAST = 14;

/** Moves the start of an XDP packet. */
const xdp_adjust_head: HelperFunction = ({ context }, registers) => {
  const packet = context?.packet;
  const start = (packet?.start ?? 0) + registers.low[2]!;
  if (!packet || start < 40 || start > packet.end - LEAST) return -EINVAL;
  packet.start = start;
  return 0;
};

/** Moves the end of an XDP packet; here it grows no further than it was, with zeros. */
const xdp_adjust_tail: HelperFunction = ({ context, memory }, registers) => {
  const packet = context?.packet;
  const end = (packet?.end ?? 0) + registers.low[2]!;
  if (!packet || end > packet.region.size || end < packet.start + LEAST) return -EINVAL;
  if (end > packet.end) memory.of(packet.region).fill(0, packet.end, end);
  packet.end = end;
  return 0;
};

/** XDP_ABORTED and XDP_REDIRECT. */
const ABORTED = 0;
const REDIRECT = 4;
/** The lower bits of the flags are what to do where the map has no entry. */
const ACTION = 3n;

const redirect_map: HelperFunction = (machine, registers) => {
  const map = mapIn(machine, 1, SimulatedReferences);
  const flags = registers.get(3);
  // Broadcasts go to all entries, whatever the key.
  if ((flags & ~(ACTION | 0x18n)) !== 0n) return ABORTED;
  if (map.thing(registers.word(2)) !== undefined || (flags & 8n) !== 0n) return REDIRECT;
  return flags & ACTION;
};

export const packetHelpers = {
  skb_load_bytes,
  xdp_load_bytes,
  skb_store_bytes,
  xdp_store_bytes,
  skb_pull_data,
  xdp_get_buff_len,
  xdp_adjust_head,
  xdp_adjust_tail,
  redirect_map,
};
