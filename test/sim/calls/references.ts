/**
 * @module
 * Calls on maps that hold programs, cgroups, devices and CPUs, and on storage of tasks, sockets and cgroups.
 */
import {
  type AnyMapSpec,
  type Code,
  call,
  cgroupArray,
  exit,
  helper,
  i32,
  jeq,
  kernelStruct,
  type Layout,
  label,
  load,
  type MapType,
  mov,
  pointer,
  progArray,
  r0,
  r6,
  r7,
  r8,
  r10,
  rawTracepoint,
  SocketBuffer,
  store,
  tc,
  u32,
  u64,
  w6,
  xdp,
} from '../../../src/index.ts';
import { kernelBtf } from '../../../src/kernel/index.ts';
import { mapUpdate } from '../../../src/syscall/index.ts';
import { type Calls, cgroupRoot, type OpenMaps, type Sheet } from './sheet.ts';

const key = u64.at(r10, -8);
const value = u64.at(r10, -16);

const put = (to: typeof key, content: number | bigint): Code => [mov(r0, content), store(to, r0)];

/** A map that the language has no word for. */
export const plain = (
  type: MapType,
  valueLayout: Layout,
  maxEntries: number,
  flags = 0,
): AnyMapSpec => ({
  ...{ kind: 'map', type, key: type.endsWith('storage') ? i32 : u32, value: valueLayout },
  ...{ maxEntries, flags, extra: 0, bufferSize: 0 },
});

const next = progArray({ maxEntries: 3 });

/** Only what comes back is looked at: programs that go on in the place of this one keep nothing. */
const tailCalls: Calls = {
  name: 'prog_array',
  maps: { next },
  programs: { other: tc([mov(r0, 7), exit()]) },
  before: (maps, program) => maps.next.set(1, program('other')),
  code: (sheet) => [
    [0, 2, 3, 0xffff_ffff, 0x1_0000_0000n].map((index) => [
      call(helper.tail_call, r8, next, index),
      // r0 has no meaning here.
      [mov(r0, 1), sheet.keep(`goes on behind index ${index}`)],
    ]),
    [call(helper.tail_call, r8, next, 0x1_0000_0001n), mov(r0, 1), sheet.keep('is not reached')],
  ],
};

const cgroups = cgroupArray({ maxEntries: 3 });

const cgroupMembers: Calls = {
  name: 'cgroup_array',
  maps: { cgroups },
  needs: () => (cgroupRoot() ? undefined : 'no cgroup2 is mounted'),
  before: (maps) => maps.cgroups.set(1, cgroupRoot()),
  code: (sheet) =>
    [0, 1, 2, 3, -1, 0x1_0000_0001n].map((index) => [
      call(helper.current_task_under_cgroup, cgroups, index),
      sheet.keep(`index ${index}`),
    ]),
};

/** The device `lo`, and CPU 0 with a queue of eight. */
const inhabited = (maps: OpenMaps): void => {
  const { fd } = maps.map;
  const [index, content] = [Uint8Array.of(1, 0, 0, 0), Uint8Array.of(1, 0, 0, 0)];
  if (fd === undefined) maps.map.set(1, 1);
  else mapUpdate(fd, index, content);
};

/** 8 is BPF_F_BROADCAST, 16 BPF_F_EXCLUDE_INGRESS; the lowest bits are what to do where nothing is. */
const REDIRECTS = [0, 1, 2, 3, 4, 8, 16, 24, 10, 32, 0x1_0000_0000n, -1] as const;

const redirects = (type: MapType, isInhabited: boolean): Calls => {
  const map = plain(type, u32, 4);
  // Programs look up no CPUs, and of sockets no numbers.
  const isFound = type.startsWith('devmap');
  return {
    name: type,
    maps: { map },
    hook: xdp,
    since: '5.14',
    before: (maps) => isInhabited && inhabited(maps),
    code: (sheet) =>
      [0, 1, 4, 0xffff_ffff, 0x1_0000_0001n].map((index) => [
        REDIRECTS.map((flags) => [
          call(helper.redirect_map, map, index, flags),
          sheet.keep(`index ${index}, flags ${flags}`),
        ]),
        isFound && [
          [put(key, index), call(helper.map_lookup_elem, map, key)],
          sheet.keepFound(`look-up of ${index}`, [
            load(w6, u32.at(r0)),
            sheet.keep(`value of ${index}`, r6),
          ]),
        ],
      ]),
  };
};

interface Owner {
  readonly get: typeof helper.task_storage_get;
  readonly remove: typeof helper.task_storage_delete;
  /** Puts the owner into r7, or goes to a label. */
  readonly owner: (none: ReturnType<typeof label>) => Code;
}

const storage = (type: MapType, { get, remove, owner }: Owner, more: Partial<Calls>): Calls => {
  const map = plain(type, u64, 0, 1);
  const find = (
    sheet: Sheet,
    name: string,
    initial: Code | typeof value,
    flags: number | bigint,
  ) => [
    call(get, map, r7, initial as never, flags),
    sheet.keepFound(name, [load(r6, u64.at(r0)), sheet.keep(`${name}, value`, r6)]),
  ];
  return {
    name: type,
    maps: { map },
    code: (sheet) => {
      const none = label('none');
      return [
        [store(value, 77), owner(none)],
        [call(remove, map, r7), sheet.keep('delete before all')],
        find(sheet, 'before all', 0 as never, 0),
        find(sheet, 'unknown flags', 0 as never, 2),
        find(sheet, 'wide flags', 0 as never, 0x1_0000_0001n),
        find(sheet, 'an initial value and no flags', value, 0),
        find(sheet, 'made', 0 as never, 1),
        [call(get, map, r7, 0, 0), sheet.keepFound('changed', store(u64.at(r0), 5))],
        find(sheet, 'made again, with another value', value, 1),
        [call(remove, map, r7), sheet.keep('delete')],
        [call(remove, map, r7), sheet.keep('delete again')],
        find(sheet, 'made with a value', value, 1),
        find(sheet, 'found', 0 as never, 0),
        none,
      ];
    },
    ...more,
  };
};

const Group = kernelStruct('cgroup', {});
const Groups = kernelStruct('css_set', { dfl_cgrp: pointer(Group) });
const Task = kernelStruct('task_struct', { cgroups: pointer(Groups) });

const rawTracing = { hook: (body: Code) => rawTracepoint('sys_enter', body) } as const;

export const REFERENCE_CALLS: readonly Calls[] = [
  tailCalls,
  cgroupMembers,
  redirects('devmap', true),
  redirects('devmap_hash', true),
  redirects('cpumap', true),
  redirects('xskmap', false),
  storage(
    'task_storage',
    {
      get: helper.task_storage_get,
      remove: helper.task_storage_delete,
      owner: () => [call(helper.get_current_task_btf), mov(r7, r0)],
    },
    { ...rawTracing, since: '5.15' },
  ),
  storage(
    'sk_storage',
    {
      get: helper.sk_storage_get,
      remove: helper.sk_storage_delete,
      owner: (none) => [load(r7, SocketBuffer.at(r8).sk as never), jeq(r7, 0, none)],
    },
    { simulated: { packet: new Uint8Array(64).map((_, index) => 0x80 + index), sk: {} } },
  ),
  storage(
    'cgrp_storage',
    {
      get: helper.cgrp_storage_get,
      remove: helper.cgrp_storage_delete,
      owner: (none) => [
        [call(helper.get_current_task_btf), load(r7, Task.at(r0).cgroups as never)],
        [load(r7, Groups.at(r7).dfl_cgrp as never), jeq(r7, 0, none)],
      ],
    },
    {
      hook: (body) => rawTracepoint('sys_enter', body),
      since: '6.2',
      world: () => ({ btf: kernelBtf(), task: { cgroups: { dfl_cgrp: {} } } }),
    },
  ),
];
