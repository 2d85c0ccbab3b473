/**
 * @module
 * Call stacks by their ids (kernel/bpf/stackmap.c). What the stack is, the test's world says.
 */
import { pointerTo, type Region } from '../memory.ts';
import { EEXIST, EFAULT } from './errors.ts';
import { SimulatedMap } from './map.ts';

/** Flags of bpf_get_stackid: frames to leave out, and BPF_F_REUSE_STACKID for a slot that is taken. */
const SKIP = 0xff;
const REUSE = 1 << 10;

export class SimulatedStacks extends SimulatedMap {
  readonly #slots = new Map<
    number,
    { readonly frames: readonly bigint[]; readonly region: Region }
  >();

  /** Keeps a stack, innermost frame first: its id, or a negative error number. */
  keep(stack: readonly bigint[] | undefined, flags: number): number {
    const frames = (stack ?? []).slice(flags & SKIP, (flags & SKIP) + this.valueSize / 8);
    if (frames.length === 0) return -EFAULT;
    // Slots are a power of two; the kernel's hash is another.
    const slots = 2 ** Math.ceil(Math.log2(this.spec.maxEntries));
    const id = hashOf(frames) % slots;
    const old = this.#slots.get(id);
    if (old && same(old.frames, frames)) return id;
    if (old && (flags & REUSE) === 0) return -EEXIST;
    const { memory } = this.host;
    const region = memory.allocate({ kind: 'map value', name: this.name, size: this.valueSize });
    frames.forEach((address, index) => {
      memory.view.setBigUint64(region.base + 8 * index, address, true);
    });
    if (old) memory.retire(old.region);
    this.#slots.set(id, { frames, region });
    return id;
  }

  override lookup(key: number): number {
    const slot = this.#slots.get(this.host.memory.view.getUint32(key, true));
    return slot ? pointerTo(slot.region) : 0;
  }

  /** The frames of a stack, innermost first. */
  get(id: number): readonly bigint[] | undefined {
    return this.#slots.get(id)?.frames;
  }

  /** Forgets a stack. */
  delete(id: number): boolean {
    return this.#slots.delete(id);
  }
}

const hashOf = (frames: readonly bigint[]): number => {
  let hash = 0n;
  for (const frame of frames) hash = BigInt.asUintN(32, hash * 31n + (frame ^ (frame >> 32n)));
  return Number(hash);
};

const same = (a: readonly bigint[], b: readonly bigint[]): boolean =>
  a.length === b.length && a.every((frame, index) => frame === b[index]);
