/**
 * @module
 * Global variables, by name, as the live ones of beespoke/kernel: an array of one value that programs address.
 */
import { decode, encode, type Layout, type Member, placedStruct } from '../../layout/index.ts';
import type { SimulatedArray } from './array.ts';

export class SimulatedGlobals<VI, V> {
  readonly #array: SimulatedArray<VI, V>;

  constructor(array: SimulatedArray<VI, V>) {
    this.#array = array;
  }

  get array(): SimulatedArray<VI, V> {
    return this.#array;
  }

  get<N extends keyof V & string>(name: N): V[N] {
    this.#member(name);
    return this.values()[name];
  }

  set<N extends keyof VI & string>(name: N, value: VI[N]): void {
    const member = this.#member(name);
    const { layout, offset, bitOffset } = member;
    const bytes = this.#array.bytes(0);
    const alone = placedStruct('globals', [member], { size: bytes.length, align: 1, union: false });
    const given = encode(alone, { [name]: value } as never);
    if (layout.kind !== 'bitfield') {
      bytes.set(given.subarray(offset, offset + layout.size), offset);
      return;
    }
    for (let bit = bitOffset; bit < bitOffset + layout.width; bit++) {
      const mask = 1 << (bit & 7);
      bytes[bit >> 3] = (bytes[bit >> 3]! & ~mask) | (given[bit >> 3]! & mask);
    }
  }

  values(): V {
    return decode(this.#array.spec.value as Layout, this.#array.bytes(0)) as V;
  }

  #member(name: string): Member {
    const layout = this.#array.spec.value as Layout;
    const members = layout.kind === 'struct' ? layout.members : [];
    const found = members.find((member) => member.name === name);
    if (found) return found;
    const known = members.map((member) => member.name).join(', ');
    throw new TypeError(
      `map ${this.#array.name} has no variable ${JSON.stringify(name)}: ${known}`,
    );
  }
}
