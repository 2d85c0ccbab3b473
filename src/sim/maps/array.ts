/**
 * @module
 * Arrays: one value, or one for each CPU, by index (kernel/bpf/arraymap.c). All are there from the start; their memory
 * is taken when one is first used.
 */
import { pointerTo, type Region } from '../memory.ts';
import { E2BIG, EEXIST, EINVAL } from './errors.ts';
import { ONLY_EXISTING, ONLY_NEW, WITH_LOCK } from './map.ts';
import { SimulatedTable } from './table.ts';

abstract class IndexedTable<VI, V> extends SimulatedTable<number, number, VI, V> {
  protected readonly rows: (readonly Region[] | undefined)[] = [];
  protected abstract readonly places: number;

  override lookup(key: number, cpu: number): number {
    const row = this.row(this.index(key));
    return row ? pointerTo(row[cpu % this.places]!) : 0;
  }

  override update(key: number, value: number, flags: number): number {
    const row = this.prepare(key, flags);
    if (typeof row === 'number') return row;
    const { base } = row[this.host.cpu % this.places]!;
    this.host.memory.bytes.copyWithin(base, value, value + this.valueSize);
    return 0;
  }

  override *pointers(): Iterable<readonly [number, number]> {
    const { memory, cpu } = this.host;
    const key = memory.allocate({ kind: 'kernel', name: `index of ${this.name}`, size: 4 });
    memory.retire(key);
    for (let index = 0; index < this.spec.maxEntries; index++) {
      memory.view.setUint32(key.base, index, true);
      yield [pointerTo(key), pointerTo(this.row(index)![cpu % this.places]!)];
    }
  }

  /** Zeroes all. */
  override clear(): void {
    for (const row of this.rows)
      for (const region of row ?? []) this.host.memory.of(region).fill(0);
  }

  override count(): number {
    return this.spec.maxEntries;
  }

  /** The pointer to an offset of a value, for programs that address global variables. */
  addressOf(index: number, offset: number): number {
    return pointerTo(this.row(index)![0]!, offset);
  }

  protected index(key: number): number {
    return this.host.memory.view.getUint32(key, true);
  }

  protected row(index: number): readonly Region[] | undefined {
    if (index >= this.spec.maxEntries) return undefined;
    const { name, valueSize: size } = this;
    const writable = (this.spec.flags & RDONLY_PROG) === 0;
    this.rows[index] ??= Array.from({ length: this.places }, () =>
      this.host.memory.allocate({ kind: 'map value', name, size, writable }),
    );
    return this.rows[index];
  }

  /** The kernel looks at the lock last. */
  protected prepare(key: number, flags: number): readonly Region[] | number {
    const only = flags & ~WITH_LOCK;
    if (only > ONLY_EXISTING || only < 0) return -EINVAL;
    const row = this.row(this.index(key));
    if (!row) return -E2BIG;
    if (only === ONLY_NEW) return -EEXIST;
    return this.updateFlags(flags) === undefined ? -EINVAL : row;
  }

  protected override *keyBytes(): Iterable<Uint8Array> {
    for (let index = 0; index < this.spec.maxEntries; index++)
      yield new Uint8Array(Uint32Array.of(index).buffer);
  }
}

/** BPF_F_RDONLY_PROG: programs cannot write it. */
const RDONLY_PROG = 1 << 7;

export class SimulatedArray<VI, V> extends IndexedTable<VI, V> {
  protected override readonly places = 1;

  protected override valueAt(key: number): V | undefined {
    const row = this.row(this.index(key));
    return row && (this.value.take(row[0]!.base) as V);
  }

  protected override put(key: number, value: VI, flags: number): number {
    return this.update(key, this.value.put(value), flags);
  }

  /** The bytes of a value, to be changed at once. */
  bytes(index: number): Uint8Array {
    return this.host.memory.of(this.row(index)![0]!);
  }
}

export class SimulatedPerCpuArray<VI, V> extends IndexedTable<VI | readonly VI[], V[]> {
  protected override get places(): number {
    return this.host.cpus;
  }

  protected override valueAt(key: number): V[] | undefined {
    const row = this.row(this.index(key));
    return row && (this.takeAll(row.map(({ base }) => base)) as V[]);
  }

  protected override put(key: number, value: VI | readonly VI[], flags: number): number {
    const row = this.prepare(key, flags);
    if (typeof row === 'number') return row;
    row.forEach(({ base }, cpu) => {
      const from = this.value.put(Array.isArray(value) ? value[cpu] : value);
      this.host.memory.bytes.copyWithin(base, from, from + this.valueSize);
    });
    return 0;
  }
}
