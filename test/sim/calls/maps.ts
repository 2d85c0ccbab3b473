/**
 * @module
 * Calls of the helpers of maps, on maps of every type: keys that are not there, maps that are full, flags that nobody
 * knows, CPUs that do not exist.
 */
import {
  type AnyMapSpec,
  add,
  arrayMap,
  arrayOfMaps,
  bloomFilter,
  type Code,
  call,
  exit,
  fn,
  hash,
  hashOfMaps,
  helper,
  jeq,
  jge,
  label,
  lea,
  load,
  lpmTrie,
  lruHash,
  lruPercpuHash,
  mov,
  percpuArray,
  percpuHash,
  queueMap,
  r0,
  r1,
  r2,
  r3,
  r6,
  r7,
  r10,
  stackMap,
  store,
  struct,
  u32,
  u64,
} from '../../../src/index.ts';
import { possibleCpus } from '../../../src/syscall/index.ts';
import type { Calls, OpenMaps, Sheet } from './sheet.ts';

const key = u64.at(r10, -8);
const value = u64.at(r10, -16);

/** 5 is BPF_F_LOCK with BPF_NOEXIST; the last have bits that no kernel knows. */
const FLAGS = [0, 1, 2, 3, 4, 5, 6, 0x100, 0x1_0000_0000n, 0x8000_0000_0000_0000n, -1] as const;

/** Any 64 bits, by way of r0. */
const put = (to: typeof key, content: number | bigint): Code => [mov(r0, content), store(to, r0)];

/** Looks a key up and keeps its value. */
const lookup = (sheet: Sheet, map: AnyMapSpec, name: string): Code => [
  call(helper.map_lookup_elem, map, key),
  sheet.keepFound(name, [load(r6, u64.at(r0)), sheet.keep(`${name}, value`, r6)]),
];

/** Counts visits and adds up the values; ends after `limit`. */
const visitor = (sheet: Sheet, limit: number) => {
  const on = label('on');
  return fn('visitor', 4, [
    [
      lea(r6, sheet.cells),
      load(r0, sheet.counter(0, r6)),
      add(r0, 1),
      store(sheet.counter(0, r6), r0),
    ],
    [
      load(r1, u64.at(r3)),
      load(r2, sheet.counter(1, r6)),
      add(r2, r1),
      store(sheet.counter(1, r6), r2),
    ],
    [jge(r0, limit, on), mov(r0, 0), exit(), on, mov(r0, 1), exit()],
  ]);
};

/** Visits entries, at most `limit`. Which come first is the kernel's business. */
const visit = (sheet: Sheet, map: AnyMapSpec, limit: number, flags: number, name: string): Code => [
  [store(sheet.counter(0), 0), store(sheet.counter(1), 0)],
  [call(helper.for_each_map_elem, map, visitor(sheet, limit), 0, flags), sheet.keep(name)],
  [load(r0, sheet.counter(0)), sheet.keep(`${name}, calls`)],
  limit === ALL && [load(r0, sheet.counter(1)), sheet.keep(`${name}, values`)],
];
const ALL = 100;

/** Of a map with few entries, in the order of keys; of the values of CPUs the greatest, since the CPU may be any. */
const contents = (maps: OpenMaps): unknown =>
  [...maps.map.entries()]
    .map(([each, found]) => [
      String(each.address ?? each),
      Array.isArray(found) ? found.reduce((a: bigint, b: bigint) => (a > b ? a : b)) : found,
    ])
    .sort(([a], [b]) => (a < b ? -1 : 1));

interface Keyed {
  readonly map: AnyMapSpec;
  /** The first of so many keys that are all there can be. */
  readonly room: number;
  readonly visits?: boolean;
  readonly keyOf?: (index: number) => bigint;
}

/** The same calls on each kind of map that has keys. */
const keyed = (name: string, { map, room, visits = true, keyOf = BigInt }: Keyed): Calls => {
  const update = (index: number, flags: number | bigint, content: number): Code => [
    [put(key, keyOf(index)), store(value, content)],
    call(helper.map_update_elem, map, key, value, flags),
  ];
  const at = (index: number): Code => put(key, keyOf(index));
  return {
    name,
    maps: { map },
    code: (sheet) => [
      at(0),
      lookup(sheet, map, 'a key before all'),
      [call(helper.map_delete_elem, map, key), sheet.keep('delete before all')],
      FLAGS.map((flags) => [
        [update(0, flags, 7), sheet.keep(`flags ${flags} on what is not there`)],
        lookup(sheet, map, `after flags ${flags}`),
        [update(0, flags, 9), sheet.keep(`flags ${flags} on what is there`)],
        lookup(sheet, map, `after both with flags ${flags}`),
        [call(helper.map_delete_elem, map, key), sheet.keep(`delete after flags ${flags}`)],
      ]),
      Array.from({ length: room }, (_, index) => [
        update(index, 0, 100 + index),
        sheet.keep(`fills ${index}`),
      ]),
      [update(room, 0, 1), sheet.keep('one too many')],
      [update(room, 2, 1), sheet.keep('one too many, of those that are there')],
      [update(room, 1, 1), sheet.keep('one too many, new')],
      lookup(sheet, map, 'one too many, found'),
      [update(0, 1, 1), sheet.keep('one that is there, new')],
      [update(0, 0, 50), sheet.keep('one that is there, when all are')],
      visits && [
        visit(sheet, map, ALL, 0, 'visits all'),
        visit(sheet, map, 2, 0, 'visits two'),
        visit(sheet, map, ALL, 1, 'visits with flags'),
      ],
      [at(1), call(helper.map_delete_elem, map, key), sheet.keep('delete')],
      [call(helper.map_delete_elem, map, key), sheet.keep('delete again')],
      lookup(sheet, map, 'deleted'),
    ],
    after: contents,
  };
};

/** Values of CPUs that exist, and of some that do not. The last word is the same CPU to 32 bits. */
const ofCpus = (name: string, map: AnyMapSpec): Calls => {
  const cpus = possibleCpus().length;
  const numbers = [0, cpus - 1, cpus, 0x7fff_ffff, -1, 0x1_0000_0000n];
  return {
    name: `the values of CPUs of ${name}`,
    since: '5.19',
    maps: { map },
    code: (sheet) => [
      [store(key, 1), store(value, 5)],
      [call(helper.map_update_elem, map, key, value, 0), sheet.keep('update')],
      numbers.map((cpu, index) => [
        call(helper.map_lookup_percpu_elem, map, key, cpu),
        sheet.keepFound(`CPU number ${index}`),
      ]),
      [store(key, 77), call(helper.map_lookup_percpu_elem, map, key, 0)],
      sheet.keepFound('a key that is not there'),
    ],
  };
};

const keyless = (name: string, map: AnyMapSpec, operations: 'queue' | 'filter'): Calls => ({
  name,
  maps: { map },
  code: (sheet) => {
    const read = (helperOf: typeof helper.map_pop_elem, what: string): Code => [
      [store(value, 0x7777), call(helperOf, map, value), sheet.keep(what)],
      [load(r0, value), sheet.keep(`${what}, value`)],
    ];
    const peek = (what: string) => read(helper.map_peek_elem, what);
    const pop = (what: string) => operations === 'queue' && read(helper.map_pop_elem, what);
    return [
      [peek('peeks at nothing'), pop('pops nothing')],
      FLAGS.map((flags) => [
        [store(value, 0x7777), call(helper.map_push_elem, map, value, flags)],
        [sheet.keep(`pushes with flags ${flags}`), peek(`peeks after flags ${flags}`)],
        pop(`pops after flags ${flags}`),
      ]),
      operations === 'queue' && [
        Array.from({ length: 6 }, (_, index) => [
          [store(value, index), call(helper.map_push_elem, map, value, 0)],
          sheet.keep(`pushes ${index}`),
        ]),
        [store(value, 50), call(helper.map_push_elem, map, value, 2), sheet.keep('pushes one out')],
        [peek('peeks at the first'), pop('pops one'), pop('pops another')],
      ],
    ];
  },
  after: ({ map: open }) =>
    operations === 'queue' ? [open.pop(), open.pop(), open.pop()] : open.mayHave(0x7777n),
});

const inner = hash(u32, u64, { maxEntries: 2 });

/** A map that is found in another is like any. */
const nested = (name: string, outer: AnyMapSpec): Calls => ({
  name,
  maps: { outer, inner },
  before: (maps) => {
    maps.inner.set(5, 55n);
    maps.outer.set(1, maps.inner);
  },
  code: (sheet) =>
    [0, 1, 2, 7, 0xffff_ffff].map((index) => {
      const none = label('none');
      return [
        [put(key, index), call(helper.map_lookup_elem, outer, key), mov(r6, r0)],
        [sheet.keepFound(`${index}`), jeq(r6, 0, none)],
        [store(key, 5), call(helper.map_lookup_elem, r6, key)],
        sheet.keepFound(`${index}, a key`, [
          load(r7, u64.at(r0)),
          sheet.keep(`${index}, value`, r7),
        ]),
        [store(key, 6), store(value, 66), call(helper.map_update_elem, r6, key, value, 1)],
        [sheet.keep(`${index}, update`), call(helper.map_delete_elem, r6, key)],
        [sheet.keep(`${index}, delete`), store(key, 7)],
        [call(helper.map_update_elem, r6, key, value, 0), none],
      ];
    }),
  after: (maps) => [...maps.inner.entries()].sort(),
});

const few = { maxEntries: 4 };
const Prefix = struct('prefix', { length: u32, address: u32 });
/** 10.index.0.0/16. */
const prefixOf = (index: number): bigint => 16n | ((0x0an | (BigInt(index) << 8n)) << 32n);
const leastRecent = { maxEntries: 4096, flags: 0 };

export const MAP_CALLS: readonly Calls[] = [
  keyed('hash', { map: hash(u32, u64, few), room: 4 }),
  keyed('hash without preallocation', { map: hash(u32, u64, { ...few, flags: 1 }), room: 4 }),
  keyed('percpu_hash', { map: percpuHash(u32, u64, few), room: 4 }),
  keyed('array', { map: arrayMap(u64, few), room: 4 }),
  keyed('percpu_array', { map: percpuArray(u64, few), room: 4 }),
  // Far from full: which entry has to go is the business of each kernel.
  keyed('lru_hash', { map: lruHash(u32, u64, leastRecent), room: 4 }),
  keyed('lru_percpu_hash', { map: lruPercpuHash(u32, u64, leastRecent), room: 4 }),
  keyed('lpm_trie', {
    map: lpmTrie(Prefix, u64, few),
    room: 4,
    visits: false,
    keyOf: prefixOf,
  }),
  ofCpus('percpu_hash', percpuHash(u32, u64, few)),
  ofCpus('percpu_array', percpuArray(u64, few)),
  ofCpus('lru_percpu_hash', lruPercpuHash(u32, u64, leastRecent)),
  keyless('queue', queueMap(u64, few), 'queue'),
  keyless('stack', stackMap(u64, few), 'queue'),
  keyless('bloom_filter', bloomFilter(u64, { maxEntries: 1000 }), 'filter'),
  nested('array_of_maps', arrayOfMaps(inner, few)),
  nested('hash_of_maps', hashOfMaps(u32, inner, few)),
];
