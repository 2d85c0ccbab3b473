/**
 * @module
 * Helpers of maps (kernel/bpf/helpers.c).
 */
import { type HelperFunction, mapIn, readable, writable } from '../helper.ts';
import { E2BIG, EAGAIN, EINVAL } from '../maps/errors.ts';
import { SimulatedMap } from '../maps/map.ts';
import { SimulatedStorage } from '../maps/storage.ts';

const map_lookup_elem: HelperFunction = (machine) => {
  const map = mapIn(machine, 1, SimulatedMap);
  return map.lookup(readable(machine, 2, map.keySize), machine.cpu);
};

const map_update_elem: HelperFunction = (machine, registers) => {
  const map = mapIn(machine, 1, SimulatedMap);
  const key = readable(machine, 2, map.keySize);
  return map.update(key, readable(machine, 3, map.valueSize), registers.number(4));
};

const map_delete_elem: HelperFunction = (machine) => {
  const map = mapIn(machine, 1, SimulatedMap);
  return map.remove(readable(machine, 2, map.keySize));
};

const map_push_elem: HelperFunction = (machine, registers) => {
  const map = mapIn(machine, 1, SimulatedMap);
  return map.pushAt(readable(machine, 2, map.valueSize), registers.number(3));
};

const map_pop_elem: HelperFunction = (machine) => {
  const map = mapIn(machine, 1, SimulatedMap);
  return map.nextAt(writable(machine, 2, map.valueSize), true);
};

const map_peek_elem: HelperFunction = (machine) => {
  const map = mapIn(machine, 1, SimulatedMap);
  // A bloom filter looks at the value, others fill it.
  const at =
    map.spec.type === 'bloom_filter'
      ? readable(machine, 2, map.valueSize)
      : writable(machine, 2, map.valueSize);
  return map.nextAt(at, false);
};

const map_lookup_percpu_elem: HelperFunction = (machine, registers) => {
  const map = mapIn(machine, 1, SimulatedMap);
  const key = readable(machine, 2, map.keySize);
  const cpu = registers.word(3);
  return cpu < machine.cpus ? map.lookup(key, cpu) : 0;
};

/** Calls back for each entry; 1 ends it. Returns how many were visited. */
const for_each_map_elem: HelperFunction = function* (machine, registers) {
  const map = mapIn(machine, 1, SimulatedMap);
  const [callback, context, flags] = [2, 3, 4].map((index) => registers.get(index));
  if (flags !== 0n) return -EINVAL;
  let visited = 0;
  for (const [key, value] of map.pointers()) {
    visited++;
    const stop = yield { function: callback!, args: [map.pointer, key, value, context!] };
    if (stop !== 0n) break;
  }
  return visited;
};

/** BPF_LOCAL_STORAGE_GET_F_CREATE. */
const CREATE = 1n;

const storageGet: HelperFunction = (machine, registers) => {
  const map = mapIn(machine, 1, SimulatedStorage);
  const object = registers.get(2);
  const flags = registers.get(4);
  if (object === 0n || (flags & ~CREATE) !== 0n) return 0;
  const initial =
    registers.get(3) === 0n
      ? undefined
      : machine.copy(readable(machine, 3, map.valueSize), map.valueSize);
  return map.valueFor(object, flags === CREATE, initial);
};

const storageDelete: HelperFunction = (machine, registers) => {
  const object = registers.get(2);
  return object === 0n ? -EINVAL : mapIn(machine, 1, SimulatedStorage).forget(object) || 0;
};

const task_storage_get = storageGet;
const task_storage_delete = storageDelete;
const inode_storage_get = storageGet;
const inode_storage_delete = storageDelete;
const sk_storage_get = storageGet;
const sk_storage_delete = storageDelete;
const cgrp_storage_get = storageGet;
const cgrp_storage_delete = storageDelete;

/** Whether the current task is in the cgroup at an index, or below it. */
const current_task_under_cgroup: HelperFunction = (machine, registers) => {
  const map = mapIn(machine, 1, SimulatedMap);
  const index = registers.word(2);
  if (index >= map.spec.maxEntries) return -E2BIG;
  const path = machine.cgroupAt(map, index);
  if (path === undefined) return -EAGAIN;
  const own = `${machine.world.cgroup?.path ?? '/'}/`;
  return own.startsWith(path.endsWith('/') ? path : `${path}/`) ? 1 : 0;
};

export const mapHelpers = {
  map_lookup_elem,
  map_update_elem,
  map_delete_elem,
  map_push_elem,
  map_pop_elem,
  map_peek_elem,
  map_lookup_percpu_elem,
  for_each_map_elem,
  task_storage_get,
  task_storage_delete,
  inode_storage_get,
  inode_storage_delete,
  sk_storage_get,
  sk_storage_delete,
  cgrp_storage_get,
  cgrp_storage_delete,
  current_task_under_cgroup,
};
