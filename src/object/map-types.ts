/**
 * @module
 * The types of maps, by their kernel names in lower case, with their numbers (`enum bpf_map_type`,
 * include/uapi/linux/bpf.h) and first kernels.
 */

// biome-ignore-start format: a table
export const MAP_TYPES = {
  hash: { number: 1, since: '3.19' },
  array: { number: 2, since: '3.19' },
  prog_array: { number: 3, since: '4.2' },
  perf_event_array: { number: 4, since: '4.3' },
  percpu_hash: { number: 5, since: '4.6' },
  percpu_array: { number: 6, since: '4.6' },
  stack_trace: { number: 7, since: '4.6' },
  cgroup_array: { number: 8, since: '4.8' },
  lru_hash: { number: 9, since: '4.10' },
  lru_percpu_hash: { number: 10, since: '4.10' },
  lpm_trie: { number: 11, since: '4.11' },
  array_of_maps: { number: 12, since: '4.12' },
  hash_of_maps: { number: 13, since: '4.12' },
  devmap: { number: 14, since: '4.14' },
  sockmap: { number: 15, since: '4.14' },
  cpumap: { number: 16, since: '4.15' },
  xskmap: { number: 17, since: '4.18' },
  sockhash: { number: 18, since: '4.18' },
  cgroup_storage: { number: 19, since: '4.19' },
  reuseport_sockarray: { number: 20, since: '4.19' },
  percpu_cgroup_storage: { number: 21, since: '4.20' },
  queue: { number: 22, since: '4.20' },
  stack: { number: 23, since: '4.20' },
  sk_storage: { number: 24, since: '5.2' },
  devmap_hash: { number: 25, since: '5.4' },
  struct_ops: { number: 26, since: '5.6' },
  ringbuf: { number: 27, since: '5.8' },
  inode_storage: { number: 28, since: '5.10' },
  task_storage: { number: 29, since: '5.11' },
  bloom_filter: { number: 30, since: '5.16' },
  user_ringbuf: { number: 31, since: '6.1' },
  cgrp_storage: { number: 32, since: '6.2' },
  arena: { number: 33, since: '6.9' },
} as const;
// biome-ignore-end format: a table
export type MapType = keyof typeof MAP_TYPES;
export const isMapType = (name: string): name is MapType => Object.hasOwn(MAP_TYPES, name);

/** The type of a number; undefined for one that is newer than this table. */
export const mapTypeOf = (number: number): MapType | undefined =>
  (Object.keys(MAP_TYPES) as MapType[]).find((type) => MAP_TYPES[type].number === number);
