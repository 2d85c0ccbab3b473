/**
 * @module
 * Contexts whose fields are those of a struct of include/uapi/linux/bpf.h: sockets, their options and messages, cgroups,
 * netfilter. Programs see them as the struct says, whatever the kernel has instead (net/core/filter.c and
 * kernel/bpf/cgroup.c rewrite each access), so here they are the struct, of which only some fields may be read or written.
 * @example
 * programs.connect.run({ user_family: 2, user_ip4: 0x0100007f, sk: { family: 2 } }).context.user_ip4;
 */
import { decode, encodeInto, type Layout, type Member, type Pointer } from '../layout/index.ts';
import {
  DeviceContext,
  HOOKS,
  type Hook,
  NetfilterContext,
  ReuseportContext,
  Socket,
  SocketAddress,
  SocketEvent,
  SocketLookup,
  SocketMessage,
  SocketOptionContext,
  SysctlContext,
} from '../object/index.ts';
import type { Context, ContextFields, ContextParts } from './context.ts';
import { type ContextAccess, contextAccess } from './context-access.ts';
import type { Mock, MockValue } from './kernel-memory.ts';
import { type Memory, pointerTo, type Region } from './memory.ts';

interface ContextStruct {
  readonly name: string;
  readonly size: number;
  readonly members: readonly Member[];
}

interface Shape {
  readonly struct: ContextStruct;
  /** The kernel's structs that pointers lead to. */
  readonly kernel?: Readonly<Record<string, string>>;
}

/** By the type of the program (`enum bpf_prog_type`). */
const SHAPES: ReadonlyMap<number, Shape> = /* @__PURE__ */ new Map<number, Shape>([
  [9, { struct: Socket }],
  [13, { struct: SocketEvent }],
  [15, { struct: DeviceContext }],
  [16, { struct: SocketMessage }],
  [18, { struct: SocketAddress }],
  [21, { struct: ReuseportContext }],
  [23, { struct: SysctlContext }],
  [25, { struct: SocketOptionContext }],
  [30, { struct: SocketLookup }],
  [32, { struct: NetfilterContext, kernel: { state: 'nf_hook_state', skb: 'sk_buff' } }],
]);

/** Pointers that come in pairs: what a test gives under the first name are the bytes between both. */
const ENDS: Readonly<Record<string, string>> = {
  data: 'data_end',
  skb_data: 'skb_data_end',
  optval: 'optval_end',
};

export const hasStructContext = (hook: Hook): boolean => SHAPES.has(HOOKS[hook.type].program);

/** A context of the fields that a test gives; the others are 0. */
export const structContext = (hook: Hook, given: Mock, parts: ContextParts): Context => {
  const { struct, kernel = {} } = SHAPES.get(HOOKS[hook.type].program)!;
  const bytes = new Uint8Array(struct.size);
  const fields = new StructFields(struct, bytes, contextAccess(hook, struct.members));
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const target = kernel[name];
    if (target !== undefined && typeof value === 'object' && value !== null)
      fields.setPointer(name, parts.kernel.place(target, value as Mock));
    else if (value instanceof Uint8Array && name in ENDS) fields.setBytes(name, value, parts);
    else if (fields.pointsToSocket(name) && typeof value === 'object' && value !== null)
      fields.setRegion(name, socketOf(value as Mock, parts.memory));
    else fields.set(name, value);
  }
  const region = parts.memory.allocate({
    kind: 'context',
    name: hook.section,
    size: struct.size,
    virtual: true,
  });
  return { region, fields };
};

/** A socket of the kernel, of which programs may read what `struct bpf_sock` says. */
export const socketOf = (given: Mock, memory: Memory): Region => {
  const bytes = new Uint8Array(Socket.size);
  const fields = new StructFields(Socket, bytes);
  for (const [name, value] of Object.entries(given)) fields.set(name, value);
  const region = memory.allocate({ kind: 'kernel', name: Socket.name, size: bytes.length });
  memory.of(region).set(bytes);
  return region;
};

class StructFields implements ContextFields {
  readonly #struct: ContextStruct;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #allows: ContextAccess;
  readonly regions: Region[] = [];
  /** What a test gave as bytes, as the program has it. */
  readonly #data = new Map<string, () => Uint8Array>();

  constructor(struct: ContextStruct, bytes: Uint8Array, allows: ContextAccess = () => false) {
    this.#struct = struct;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer);
    this.#allows = allows;
  }

  /** Whether a field is a pointer to a `struct bpf_sock`. */
  pointsToSocket(name: string): boolean {
    const { layout } = this.#member(name);
    return layout.kind === 'pointer' && (layout as Pointer<Layout | undefined>).to === Socket;
  }

  set(name: string, value: MockValue): void {
    const { layout, offset } = this.#member(name);
    if (layout.kind === 'pointer') this.setPointer(name, value as number);
    else encodeInto(layout, value as never, this.#view, offset);
  }

  setPointer(name: string, address: number | bigint): void {
    this.#view.setBigUint64(this.#member(name).offset, BigInt(address), true);
  }

  setRegion(name: string, region: Region): void {
    this.regions.push(region);
    this.setPointer(name, pointerTo(region));
  }

  setBytes(name: string, content: Uint8Array, parts: ContextParts): void {
    const size = content.length;
    const region = parts.memory.allocate({ kind: 'packet', name, size, writable: true });
    parts.memory.of(region).set(content);
    this.#data.set(name, () => parts.memory.of(region).slice());
    this.setRegion(name, region);
    this.setPointer(ENDS[name]!, pointerTo(region, size));
  }

  /** The fields as they are now: pointers only where they lead to bytes that the test gave. */
  get values(): Readonly<Record<string, unknown>> {
    const result: Record<string, unknown> = {};
    for (const { name, layout, offset } of this.#struct.members) {
      const data = this.#data.get(name);
      if (data) result[name] = data();
      else if (layout.kind !== 'pointer')
        result[name] = decode(layout, this.#bytes.subarray(offset, offset + layout.size));
    }
    return result;
  }

  load(offset: number, size: number): bigint | undefined {
    if (!this.#allows(offset, size, false)) return undefined;
    let value = 0n;
    for (let index = size - 1; index >= 0; index--)
      value = (value << 8n) | BigInt(this.#bytes[offset + index]!);
    return value;
  }

  store(offset: number, size: number, value: bigint): boolean {
    if (!this.#allows(offset, size, true)) return false;
    for (let index = 0; index < size; index++)
      this.#bytes[offset + index] = Number((value >> BigInt(8 * index)) & 0xffn);
    return true;
  }

  #member(name: string): Member {
    const found = this.#struct.members.find((each) => each.name === name);
    if (found) return found;
    const known = this.#struct.members.map((each) => each.name).join(', ');
    throw new TypeError(`${this.#struct.name} has no field ${name}: ${known}`);
  }
}
