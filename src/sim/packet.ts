/**
 * @module
 * Contexts with a packet: `__sk_buff` and `xdp_md` (include/uapi/linux/bpf.h). `data` and `data_end` are 32 bits wide
 * there, and pointers once a program is loaded (bpf_convert_ctx_access, net/core/filter.c).
 */
import { decode } from '../layout/index.ts';
import { FlowKeys, HOOKS, type Hook, SocketBuffer, XdpContext } from '../object/index.ts';
import type { Context, ContextFields, GivenContext } from './context.ts';
import { type ContextAccess, contextAccess } from './context-access.ts';
import type { Mock } from './kernel-memory.ts';
import { type Memory, pointerTo, type Region } from './memory.ts';
import { socketOf } from './struct-context.ts';

// biome-ignore-start format: in the order of the structs
const SK_BUFF = [
  'len',
  'pkt_type',
  'mark',
  'queue_mapping',
  'protocol',
  'vlan_present',
  'vlan_tci',
  'vlan_proto',
  'priority',
  'ingress_ifindex',
  'ifindex',
  'tc_index',
  'cb0',
  'cb1',
  'cb2',
  'cb3',
  'cb4',
  'hash',
  'tc_classid',
  'data',
  'data_end',
  'napi_id',
  'family',
  'remote_ip4',
  'local_ip4',
  'remote_ip6_0',
  'remote_ip6_1',
  'remote_ip6_2',
  'remote_ip6_3',
  'local_ip6_0',
  'local_ip6_1',
  'local_ip6_2',
  'local_ip6_3',
  'remote_port',
  'local_port',
  'data_meta',
  'flow_keys',
  'flow_keys_high',
  'tstamp',
  'tstamp_high',
  'wire_len',
  'gso_segs',
  'sk',
  'sk_high',
  'gso_size',
  'tstamp_type',
  'hwtstamp',
  'hwtstamp_high',
];
const XDP_MD = [
  'data',
  'data_end',
  'data_meta',
  'ingress_ifindex',
  'rx_queue_index',
  'egress_ifindex',
];
// biome-ignore-end format: in the order of the structs
const POINTERS: ReadonlySet<string> = new Set(['data', 'data_end', 'data_meta', 'flow_keys', 'sk']);
const XDP = 6;
const FLOW_DISSECTOR = 22;
/** Programs that change packets (may_access_direct_pkt_data, kernel/bpf/verifier.c); others look at them. */
const WRITERS: ReadonlySet<number> = new Set([3, 4, XDP, 12, 14]);
const TRAFFIC_CONTROL: ReadonlySet<number> = new Set([3, 4]);
/** Bytes of the header of Ethernet. */
const ETHERNET = 14;
/** Room before an XDP packet, for helpers that make it longer (XDP_PACKET_HEADROOM). */
const HEADROOM = 256;

export class Packet implements ContextFields {
  readonly #memory: Memory;
  readonly #names: readonly string[];
  readonly #fields: Uint32Array;
  readonly #bytes: Uint8Array;
  readonly #allows: ContextAccess;
  region: Region;
  readonly regions: Region[] = [];
  /** Where the header of the network starts, from the data on: behind that of Ethernet where programs see one. */
  readonly network: number;
  /** What a flow dissector fills in. */
  #keys: Region | undefined;
  /** Where the data starts and ends in the region. */
  start: number;
  end: number;

  constructor(
    memory: Memory,
    hook: Hook,
    bytes: Uint8Array,
    fields: Readonly<Record<string, unknown>>,
  ) {
    const { program } = HOOKS[hook.type];
    const isXdp = program === XDP;
    this.#memory = memory;
    this.#names = isXdp ? XDP_MD : SK_BUFF;
    this.#fields = new Uint32Array(this.#names.length);
    this.#bytes = new Uint8Array(this.#fields.buffer);
    this.#allows = contextAccess(hook, (isXdp ? XdpContext : SocketBuffer).members);
    this.network = TRAFFIC_CONTROL.has(program) ? ETHERNET : 0;
    this.start = isXdp ? HEADROOM : 0;
    this.end = this.start + bytes.length;
    this.region = memory.allocate({
      kind: 'packet',
      name: 'the packet',
      size: this.end,
      writable: WRITERS.has(program),
    });
    this.regions.push(this.region);
    memory.of(this.region).set(bytes, this.start);
    if (!isXdp) this.#fields[0] = bytes.length;
    if (program === FLOW_DISSECTOR) {
      const size = FlowKeys.size;
      this.#keys = memory.allocate({ kind: 'record', name: 'flow_keys', size, writable: true });
      this.#point('flow_keys', this.#keys);
    }
    for (const [name, value] of Object.entries(fields))
      if (name === 'sk' && typeof value === 'object' && value !== null)
        this.#point('sk', socketOf(value as Mock, memory));
      else this.#set(name, value);
  }

  #point(name: string, region: Region): void {
    const index = this.#indexOf(name);
    const address = pointerTo(region);
    this.#fields[index] = address % 2 ** 32;
    this.#fields[index + 1] = Math.floor(address / 2 ** 32);
    this.regions.push(region);
  }

  get isXdp(): boolean {
    return this.#names === XDP_MD;
  }

  /** The bytes of the packet as they are now. */
  get bytes(): Uint8Array {
    return this.#memory.of(this.region).slice(this.start, this.end);
  }

  /** `size` bytes from an offset; undefined where they are not all there. */
  at(offset: number, size: number): Uint8Array | undefined {
    if (offset < 0 || size < 0 || this.start + offset + size > this.end) return undefined;
    return this.#memory.of(this.region).subarray(this.start + offset, this.start + offset + size);
  }

  /** Where those bytes are in the heap. */
  place(offset: number, size: number): number | undefined {
    return this.at(offset, size) && this.region.base + this.start + offset;
  }

  /** Makes it longer or shorter behind, with zeros: pointers to what it was are no good afterwards. */
  resize(length: number): void {
    const memory = this.#memory;
    const { kind, name, id } = this.region;
    const size = this.start + length;
    const region = memory.allocate({ kind, name, size, writable: memory.writable[id] !== 0 });
    memory.of(region).set(memory.of(this.region).subarray(0, Math.min(size, this.end)));
    memory.retire(region);
    this.region = region;
    this.end = size;
    if (this.#names === SK_BUFF) this.#fields[0] = length;
  }

  /** A field of the context as a test reads it. */
  field(name: string): number {
    return this.#fields[this.#indexOf(name)]!;
  }

  /** What a program loads from the context; undefined where there is no field. */
  load(offset: number, size: number): number | bigint | undefined {
    if (!this.#allows(offset, size, false)) return undefined;
    const name = this.#names[offset >> 2];
    if (name === 'data' || name === 'data_meta') return pointerTo(this.region, this.start);
    if (name === 'data_end') return pointerTo(this.region, this.end);
    let value = 0n;
    for (let index = size - 1; index >= 0; index--)
      value = (value << 8n) | BigInt(this.#bytes[offset + index]!);
    return value;
  }

  /** Stores a whole field, or some bytes of `cb`; false where none may be stored. */
  store(offset: number, size: number, value: bigint): boolean {
    if (!this.#allows(offset, size, true)) return false;
    for (let index = 0; index < size; index++)
      this.#bytes[offset + index] = Number((value >> BigInt(8 * index)) & 0xffn);
    return true;
  }

  /** The fields as they are now, without pointers. */
  get values(): Readonly<Record<string, unknown>> {
    const numbers = this.#names.flatMap((name, index) =>
      POINTERS.has(name) || name.endsWith('_high') ? [] : [[name, this.#value(index)]],
    );
    const values: Record<string, unknown> = Object.fromEntries(numbers);
    if (this.#keys) values.flow_keys = decode(FlowKeys, this.#memory.of(this.#keys));
    return values;
  }

  #set(name: string, value: unknown): void {
    if (typeof value !== 'bigint' && !Number.isInteger(value))
      throw new TypeError(`${name}: expected a whole number, got ${String(value)}`);
    const index = this.#indexOf(name);
    const bits = BigInt(value as number | bigint);
    this.#fields[index] = Number(BigInt.asUintN(32, bits));
    if (this.#isWide(index)) this.#fields[index + 1] = Number(BigInt.asUintN(32, bits >> 32n));
  }

  #value(index: number): number | bigint {
    const low = this.#fields[index]!;
    return this.#isWide(index) ? (BigInt(this.#fields[index + 1]!) << 32n) | BigInt(low) : low;
  }

  /** Whether a field has 64 bits: those are bigints. */
  #isWide(index: number): boolean {
    return this.#names[index + 1] === `${this.#names[index]}_high`;
  }

  #indexOf(name: string): number {
    const index = this.#names.indexOf(name);
    if (index < 0) throw new TypeError(`there is no field ${name}: ${this.#names.join(', ')}`);
    return index;
  }
}

/** A context with `packet`, and fields under the names of the struct; or the packet alone. */
export const packetContext = (hook: Hook, given: GivenContext, memory: Memory): Context => {
  const { packet: bytes = new Uint8Array(0), ...fields } =
    given instanceof Uint8Array ? { packet: given } : ((given ?? {}) as Record<string, unknown>);
  if (!(bytes instanceof Uint8Array))
    throw new TypeError('packet: expected the bytes of the packet');
  const packet = new Packet(memory, hook, bytes, fields);
  const size = 4 * (HOOKS[hook.type].program === XDP ? XDP_MD : SK_BUFF).length;
  const region = memory.allocate({ kind: 'context', name: hook.section, size, virtual: true });
  return { region, packet, fields: packet };
};
