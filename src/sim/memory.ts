/**
 * @module
 * The memory that programs reach: regions, each with its bounds, its rights and a name for messages.
 *
 * A pointer is an ordinary 64-bit number, the id of its region in the upper half and BIAS + offset in the lower one: so
 * that programs can add to it and compare it, and that an offset which is negative for a moment does not reach the id.
 * There is no region 0: null and small numbers point nowhere. All bytes lie in one heap, for an engine that has but one;
 * before them it has what such an engine must know of them.
 */

/** The lower half of a pointer to the start of its region. */
export const BIAS = 0x4000_0000;
/** Frames of the stack, and the bytes of each (MAX_CALL_FRAMES and MAX_BPF_STACK, include/linux/bpf_verifier.h). */
export const FRAMES = 8;
export const FRAME_SIZE = 512;
/** The heap starts with the stack. Behind it is one byte for each of its bytes: 1 where a program has written. */
export const STACK_SIZE: number = FRAMES * FRAME_SIZE;
/**
 * Then comes what engines without our tables find regions by: an entry for each id, of which several share one, the
 * last that was used. An access whose region is not there asks for it.
 */
export const TRANSLATIONS = {
  at: 2 * STACK_SIZE,
  entries: 256,
  entrySize: 32,
  /** In an entry: a pointer to the start of the region; where it is in the heap; how many bytes may be read and written. */
  pointer: 0,
  base: 8,
  readable: 12,
  writable: 16,
} as const;
const REGIONS: number = TRANSLATIONS.at + TRANSLATIONS.entries * TRANSLATIONS.entrySize;

/** What a region is to a program. */
export type RegionKind =
  | 'stack'
  | 'map value'
  | 'map'
  | 'record'
  | 'context'
  | 'packet'
  | 'function'
  /** memory of the kernel: loads may follow its pointers where the verifier knows them, stores may not */
  | 'kernel';

export interface Region {
  readonly id: number;
  readonly kind: RegionKind;
  /** Whose it is: the name of the map, of the struct. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Where it starts in the heap. */
  readonly base: number;
}

export interface RegionOptions {
  readonly kind: RegionKind;
  readonly name: string;
  readonly size: number;
  readonly writable?: boolean;
  /** Whether every access goes to the machine: a context whose fields are not where programs see them. */
  readonly virtual?: boolean;
}

/** Ids must leave a pointer exact as a JavaScript number. */
const MAX_REGIONS = 2 ** 20;
const MAX_HEAP = 2 ** 30;
const HIGH = 2 ** 32;

/** What the bytes of a memory are in. It starts with at least START of them. */
export interface Heap {
  readonly buffer: ArrayBuffer;
  /** Puts a buffer of at least so many bytes in the place of the other, with what that had. */
  grow(size: number): void;
}

/** Enough for the stack, the table behind it, and some maps. */
const START = 1 << 15;

const plainHeap = (): Heap => {
  let buffer = new ArrayBuffer(START);
  return {
    get buffer() {
      return buffer;
    },
    grow(size) {
      const bytes = new Uint8Array(size);
      bytes.set(new Uint8Array(buffer));
      buffer = bytes.buffer;
    },
  };
};

export class Memory {
  readonly #heap: Heap;
  bytes!: Uint8Array<ArrayBuffer>;
  view!: DataView<ArrayBuffer>;
  /** By region: where it starts, and how many of its bytes may be read and written. */
  base = new Int32Array(64);
  readable = new Int32Array(64);
  writable = new Int32Array(64);
  /** One byte for each of the stack: 1 where a program has written. */
  written!: Uint8Array<ArrayBuffer>;
  writtenWords!: Int32Array<ArrayBuffer>;
  readonly #regions: (Region | undefined)[] = [undefined];
  readonly #freeIds: number[] = [];
  readonly #freeBytes = new Map<number, number[]>();
  readonly #retired: Region[] = [];
  #end = 0;

  constructor(heap: Heap = plainHeap()) {
    this.#heap = heap;
    this.#look();
    for (let frame = 0; frame < FRAMES; frame++)
      this.allocate({ kind: 'stack', name: `frame ${frame}`, size: FRAME_SIZE, writable: true });
    this.#end = REGIONS;
  }

  /** A new region of zeros. */
  allocate({ kind, name, size, writable = false, virtual = false }: RegionOptions): Region {
    const room = (size + 7) & ~7;
    const reused = this.#freeBytes.get(room)?.pop();
    const base = reused ?? this.#grow(room);
    if (reused !== undefined) this.bytes.fill(0, base, base + room);
    // The oldest first: a pointer that outlived its region should point nowhere for long.
    const id = this.#freeIds.length > 1024 ? this.#freeIds.shift()! : this.#regions.length;
    if (id >= MAX_REGIONS) throw new RangeError(`more than ${MAX_REGIONS} regions of memory`);
    this.#growTables(id);
    this.base[id] = base;
    this.readable[id] = virtual ? 0 : size;
    this.writable[id] = writable && !virtual ? size : 0;
    const region: Region = { id, kind, name, size, base };
    this.#regions[id] = region;
    this.translate(id);
    return region;
  }

  /** Puts a region among those that are found at once. */
  translate(id: number): void {
    const { at, entries, entrySize, pointer, base, readable, writable } = TRANSLATIONS;
    const entry = at + (id % entries) * entrySize;
    const { view } = this;
    view.setInt32(entry + pointer, BIAS, true);
    view.setInt32(entry + pointer + 4, id, true);
    view.setInt32(entry + base, this.base[id]!, true);
    view.setInt32(entry + readable, this.readable[id]!, true);
    view.setInt32(entry + writable, this.writable[id]!, true);
  }

  /** Gives a region back: pointers to it point nowhere. */
  free({ id, size, base }: Region): void {
    if (!this.#regions[id]) return;
    this.#regions[id] = undefined;
    this.readable[id] = 0;
    this.writable[id] = 0;
    this.translate(id);
    this.#freeIds.push(id);
    const room = (size + 7) & ~7;
    const same = this.#freeBytes.get(room);
    if (same) same.push(base);
    else this.#freeBytes.set(room, [base]);
  }

  /** Gives a region back when the run ends: until then a program may hold a pointer to it, as in the kernel. */
  retire(region: Region): void {
    this.#retired.push(region);
  }

  /** Ends what was retired. */
  sweep(): void {
    for (const region of this.#retired.splice(0)) this.free(region);
  }

  region(id: number): Region | undefined {
    return this.#regions[id];
  }

  /** The bytes of a region; a view that the next allocation may leave behind. */
  of({ base, size }: Region): Uint8Array {
    return this.bytes.subarray(base, base + size);
  }

  /**
   * The place in the heap of `size` bytes at a pointer; -1 where they are not all there, or may not be written. Reading
   * is allowed in regions that are not for loads as well.
   */
  find(high: number, low: number, size: number, write = false): number {
    const region = this.#regions[high];
    const offset = (low - BIAS) | 0;
    if (!region || offset < 0 || size < 0 || offset + size > region.size) return -1;
    if (write && offset + size > this.writable[high]!) return -1;
    return region.base + offset;
  }

  /** A signed integer of 1, 2 or 4 bytes in the heap. */
  signed(at: number, size: number): number {
    if (size === 4) return this.view.getInt32(at, true);
    return size === 2 ? this.view.getInt16(at, true) : this.view.getInt8(at);
  }

  /** Marks bytes of the stack as written; others are always. */
  wrote(at: number, size: number): void {
    if (at < STACK_SIZE) this.written.fill(1, at, at + size);
  }

  /** Whether the bytes from `at` on are all written. */
  isWritten(at: number, size: number): boolean {
    if (at >= STACK_SIZE) return true;
    for (let index = at; index < at + size; index++) if (this.written[index] === 0) return false;
    return true;
  }

  /** Makes a frame new: nothing in it is written. */
  clearFrame(frame: number): void {
    this.writtenWords.fill(0, (frame * FRAME_SIZE) / 4, ((frame + 1) * FRAME_SIZE) / 4);
    this.bytes.fill(POISON, frame * FRAME_SIZE, (frame + 1) * FRAME_SIZE);
  }

  #grow(room: number): number {
    const base = this.#end;
    const end = base + room;
    if (end > MAX_HEAP) throw new RangeError(`more than ${MAX_HEAP} bytes of memory`);
    if (end > this.bytes.length) {
      this.#heap.grow(Math.max(end, 2 * this.bytes.length));
      this.#look();
    }
    this.#end = end;
    return base;
  }

  #look(): void {
    const { buffer } = this.#heap;
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
    this.written = new Uint8Array(buffer, STACK_SIZE, STACK_SIZE);
    this.writtenWords = new Int32Array(buffer, STACK_SIZE, STACK_SIZE / 4);
  }

  #growTables(id: number): void {
    if (id < this.base.length) return;
    for (const table of ['base', 'readable', 'writable'] as const) {
      const longer = new Int32Array(2 * this[table].length);
      longer.set(this[table]);
      this[table] = longer;
    }
  }
}

/** What is in stack that nothing has written: easily recognised, and no pointer. */
export const POISON = 0xaa;

/** The pointer to an offset of a region, as a number: exact, since ids have at most 20 bits. */
export const pointerTo = ({ id }: Region, offset = 0): number => id * HIGH + BIAS + offset;
