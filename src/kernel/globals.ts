/**
 * Global variables of programs, shared with them through memory: reading and writing one is no system call.
 *
 *     const counters = createMap('counters', globals(struct('counters', { calls: u64.number, limit: u32 })));
 *     counters.get('calls');    // now
 *     counters.set('limit', 10);
 *
 * Follows array_map_mmap in kernel/bpf/arraymap.c (Linux 5.5).
 * @module
 */
import {
  decoder,
  type Fields,
  type Input,
  type Layout,
  type Member,
  type Struct,
  type Value,
} from '../layout/index.ts';
import { BPF_F_MMAPABLE, type GlobalsSpec } from '../object/index.ts';
import { type FileDescriptor, type Mapping, mmap, SystemCallError } from '../syscall/index.ts';
import { MapBase } from './map-base.ts';
import { putInto } from './map-codec.ts';
import { isReadOnly } from './map-descriptor.ts';
import { CopiedWords, MappedWords, type Words } from './map-words.ts';

/**
 * The variables of one `globals()`. Each scalar is read and written at once, as programs do; structs and arrays
 * scalar by scalar. Linux 5.5; where memory cannot be shared, by system calls on the whole struct, and a `set` then
 * undoes what programs change at that moment.
 * @example
 * const counters = createMap('counters', globals(struct('counters', { calls: u64.number, limit: u32 })));
 * counters.set('limit', 10);
 * counters.values(); // { calls: 0, limit: 10 }
 */
export class Globals<F extends Fields> extends MapBase<GlobalsSpec<F>> {
  readonly #members: ReadonlyMap<string, Member>;
  readonly #mapping: Mapping | undefined;
  readonly #words: Words;
  /** What was read last, and where values are put together. */
  readonly #copy: BigUint64Array;
  readonly #view: DataView;

  constructor(
    descriptor: FileDescriptor,
    name: string,
    spec: GlobalsSpec<F>,
    without?: ReadonlySet<string>,
  ) {
    super(descriptor, name, spec);
    const length = Math.ceil(spec.value.size / 8);
    this.#members = new Map(spec.value.members.map((member) => [member.name, member]));
    this.#copy = new BigUint64Array(length);
    this.#view = new DataView(this.#copy.buffer);
    this.#mapping = without?.has('mmap') ? undefined : share(this, length * 8);
    this.#words = this.#mapping
      ? new MappedWords(this.#mapping, length)
      : new CopiedWords(this, spec.value.size);
  }

  /** Whether reading and writing are plain memory access. */
  get mapped(): boolean {
    return this.#mapping !== undefined;
  }

  /** The value of a variable now. */
  get<N extends keyof F & string>(name: N): Value<F[N]> {
    const { layout, offset, bitOffset } = this.#member(name);
    this.#words.read(this.#copy, offset >>> 3, (offset + layout.size + 7) >>> 3);
    if (layout.kind === 'bitfield') this.#shiftDown(layout.size, offset, bitOffset - offset * 8);
    return decoder(layout)(this.#view, offset, offset + layout.size) as Value<F[N]>;
  }

  /** Sets a variable; nothing beside it is written. */
  set<N extends keyof F & string>(name: N, value: Input<F[N]>): void {
    void this.fd;
    const member = this.#member(name);
    if (isReadOnly(this.spec)) {
      throw new TypeError(`map ${this.name} is read-only: its values are given when it is created`);
    }
    const { layout, offset } = member;
    putInto(`map ${this.name}, ${name}`, layout, value as never, this.#view, offset);
    if (layout.kind === 'bitfield') {
      const bits = unitAt(this.#view, offset, layout.size);
      const shift = BigInt(member.bitOffset - offset * 8);
      const mask = ((1n << BigInt(layout.width)) - 1n) << shift;
      this.#words.writeBits(offset, layout.size, bits << shift, mask);
    } else {
      this.#words.write(this.#view, offset, layout.size);
    }
  }

  /** All variables as they are now. */
  values(): Value<Struct<F>> {
    this.#words.read(this.#copy, 0, this.#copy.length);
    return decoder<Layout>(this.spec.value)(this.#view, 0, this.spec.value.size) as Value<
      Struct<F>
    >;
  }

  override close(): void {
    this.#mapping?.close();
    super.close();
  }

  #member(name: string): Member {
    const member = this.#members.get(name);
    if (member) return member;
    const known = [...this.#members.keys()].join(', ');
    throw new TypeError(`map ${this.name} has no variable ${JSON.stringify(name)}: ${known}`);
  }

  /** Moves the bits of a bitfield to where its decoder, which knows no struct, looks for them. */
  #shiftDown(size: number, offset: number, shift: number): void {
    const bits = unitAt(this.#view, offset, size) >> BigInt(shift);
    for (let i = 0; i < size; i++) {
      this.#view.setUint8(offset + i, Number((bits >> BigInt(8 * i)) & 0xffn));
    }
  }
}

/** The integer of `size` bytes at an offset. */
const unitAt = (view: DataView, offset: number, size: number): bigint => {
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(view.getUint8(offset + i));
  return value;
};

/** The map's memory; undefined where the kernel does not share it. */
function share(map: Globals<Fields>, length: number): Mapping | undefined {
  const { fd, name, spec } = map as { fd: number; name: string; spec: GlobalsSpec<Fields> };
  if (!(map.info().flags & BPF_F_MMAPABLE)) return undefined;
  try {
    return mmap({ fd, length, writable: !isReadOnly(spec), name: `map ${name}` });
  } catch (error) {
    if (error instanceof SystemCallError) return undefined;
    throw error;
  }
}
