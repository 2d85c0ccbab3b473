/**
 * @module
 * The maps by which programs at static probes know their arguments (libbpf's usdt.bpf.h): `__bpf_usdt_specs` has a
 * description of the arguments for each number, and the number comes with the attachment, as its cookie; on kernels
 * before 5.15 `__bpf_usdt_ip_to_spec_id` has it for each address.
 */
import { RequirementError, type World } from '../object/index.ts';
import { mapDelete, mapInfo, mapUpdate } from '../syscall/index.ts';
import type { Closable } from './closable.ts';

/** The maps of an object, whose numbers it gives out. */
export class UsdtSpecs {
  readonly #specs: number;
  readonly #addresses: number | undefined;
  readonly #size: number;
  /** Whether programs get the number by the cookie of their attachment; else by address. */
  readonly byCookie: boolean;
  readonly #used = new Set<number>();

  /** @param specs, addresses Descriptors of the maps, which stay the object's. */
  constructor(specs: number, addresses: number | undefined, byCookie: boolean) {
    this.byCookie = byCookie;
    this.#specs = specs;
    this.#addresses = addresses;
    this.#size = mapInfo(specs).maxEntries;
  }

  /** Puts a description into the map; its number is free again when it is closed. */
  add(spec: Uint8Array): Closable & { readonly id: number } {
    let id = 0;
    while (this.#used.has(id)) id++;
    if (id >= this.#size)
      throw new RequirementError(
        `static probes are attached in more than ${this.#size} places with different arguments: define BPF_USDT_MAX_SPEC_CNT higher`,
      );
    mapUpdate(this.#specs, key32(id), spec);
    this.#used.add(id);
    return { id, close: () => void this.#used.delete(id) };
  }

  /** Says which description belongs to an address of a process, for kernels without cookies. */
  place(address: bigint, id: number): Closable {
    const map = this.#addresses;
    if (map === undefined)
      throw new RequirementError(
        'static probes need a perf link with a cookie, of Linux 5.15, or the map __bpf_usdt_ip_to_spec_id',
      );
    const key = new Uint8Array(BigUint64Array.of(address).buffer);
    mapUpdate(map, key, key32(id));
    return { close: () => void mapDelete(map, key) };
  }
}

/** The maps of an object from a file that includes bpf/usdt.bpf.h. */
export const usdtSpecs = (
  maps: Readonly<Record<string, { readonly fd: number }>>,
  world: Pick<World, 'configuration'>,
): UsdtSpecs | undefined => {
  const { __bpf_usdt_specs: specs, __bpf_usdt_ip_to_spec_id: addresses } = maps;
  // What the program was told when it was linked.
  const byCookie = world.configuration('LINUX_HAS_BPF_COOKIE') === '1';
  return specs && new UsdtSpecs(specs.fd, addresses?.fd, byCookie);
};

const key32 = (value: number): Uint8Array => new Uint8Array(Uint32Array.of(value).buffer);
