/**
 * @module
 * Calls that call back, wait and lock: loops that are too long, timers in the wrong order, values with locks.
 */
import {
  type AnyMapSpec,
  add,
  arrayMap,
  type Code,
  call,
  exit,
  fn,
  hash,
  helper,
  jeq,
  jge,
  label,
  lea,
  load,
  lsh,
  mov,
  r0,
  r1,
  r2,
  r3,
  r6,
  r7,
  r8,
  r10,
  store,
  struct,
  u32,
  u64,
  w8,
} from '../../../src/index.ts';
import type { Calls, Sheet } from './sheet.ts';

const key = u64.at(r10, -8);

/** Adds up its turns; ends at one of them. */
const turns = (sheet: Sheet, last: number) => {
  const end = label('end');
  return fn('turns', 2, [
    [
      lea(r6, sheet.cells),
      load(r0, sheet.counter(0, r6)),
      add(r0, r1),
      store(sheet.counter(0, r6), r0),
    ],
    [jge(r1, last, end), mov(r0, 0), exit(), end, mov(r0, 1), exit()],
  ]);
};

const loops: Calls = {
  name: 'loop',
  since: '5.17',
  code: (sheet) =>
    [0, 1, 10, 1000, 8 * 1024 * 1024, 8 * 1024 * 1024 + 1, 0xffff_ffff, -1, 0x1_0000_0003n].map(
      (count) =>
        [0, 1, 0x1_0000_0000n].map((flags) => [
          [store(sheet.counter(0), 0), mov(r1, count), mov(r3, 0)],
          call(helper.loop, r1 as never, turns(sheet, 20), r3 as never, flags),
          sheet.keep(`${count} turns, flags ${flags}`),
          [load(r0, sheet.counter(0)), sheet.keep(`${count} turns, flags ${flags}: their sum`)],
        ]),
    ),
};

const Timer = struct('bpf_timer', { opaque1: u64, opaque2: u64 });
const Timed = struct('timed', { timer: Timer, fired: u64 });
const timers = arrayMap(Timed, { maxEntries: 2 });

const done = fn('done', 3, [mov(r0, 0), exit()]);

/** A far future: none of them fires. 7 is CLOCK_BOOTTIME, 1 CLOCK_MONOTONIC, 0 CLOCK_REALTIME. */
const HOUR = 3_600_000_000_000n;

const timing: Calls = {
  name: 'timers',
  since: '6.7',
  maps: { timers },
  code: (sheet) => {
    const out = label('out');
    return [
      [0, 1].map((index) => [
        [store(key, index), call(helper.map_lookup_elem, timers, key), jeq(r0, 0, out)],
        index === 0 ? mov(r6, r0) : mov(r7, r0),
      ]),
      [call(helper.timer_start, r6, HOUR, 0), sheet.keep('starts what is none')],
      [call(helper.timer_cancel, r6), sheet.keep('cancels what is none')],
      [call(helper.timer_set_callback, r6, done), sheet.keep('sets a function of what is none')],
      [2, 3, 16, 0x80, 0xff, 0x1_0000_0001n].map((clock) => [
        [mov(r3, clock), call(helper.timer_init, r6, timers, r3 as never)],
        sheet.keep(`clock ${clock}`),
      ]),
      [call(helper.timer_init, r6, timers, 1), sheet.keep('clock 1')],
      [call(helper.timer_init, r6, timers, 1), sheet.keep('clock 1 again')],
      [call(helper.timer_init, r7, timers, 7), sheet.keep('clock 7')],
      [call(helper.timer_start, r6, HOUR, 0), sheet.keep('starts without a function')],
      [call(helper.timer_cancel, r6), sheet.keep('cancels without a function')],
      [call(helper.timer_set_callback, r6, done), sheet.keep('sets a function')],
      [call(helper.timer_cancel, r6), sheet.keep('cancels what is not started')],
      [1, 2, 3, 4, 8, 0x1_0000_0000n, -1].map((flags) => [
        [call(helper.timer_set_callback, r6, done), sheet.keep(`sets a function, flags ${flags}`)],
        [mov(r2, HOUR * 24n * 365n), mov(r3, flags)],
        [
          call(helper.timer_start, r6, r2 as never, r3 as never),
          sheet.keep(`starts, flags ${flags}`),
        ],
        [call(helper.timer_cancel, r6), sheet.keep(`cancels after flags ${flags}`)],
      ]),
      [call(helper.timer_set_callback, r6, done), sheet.keep('sets a function again')],
      [call(helper.timer_start, r6, HOUR, 0), call(helper.timer_start, r6, HOUR, 0)],
      sheet.keep('starts again'),
      [call(helper.timer_cancel, r6), sheet.keep('cancels')],
      [call(helper.timer_cancel, r6), sheet.keep('cancels again')],
      out,
    ];
  },
};

/** A timer that starts itself again, twice: what it is called with, and what it finds in its value. */
const firing = (name: string, map: AnyMapSpec): Calls => ({
  name: `a timer that fires, in ${name}`,
  since: '5.15',
  maps: { map },
  fires: 3,
  code: (sheet) => {
    const [out, last] = [label('out'), label('last')];
    const again = fn('again', 3, [
      [mov(r7, r3), lea(r6, sheet.cells), load(w8, u32.at(r2))],
      [load(r0, sheet.counter(1, r6)), lsh(r0, 8), add(r0, r8), store(sheet.counter(1, r6), r0)],
      [load(r8, u64.at(r7, 16)), add(r8, 1), store(u64.at(r7, 16), r8)],
      [load(r0, sheet.counter(2, r6)), lsh(r0, 8), add(r0, r8), store(sheet.counter(2, r6), r0)],
      [jge(r8, 13, last), call(helper.timer_start, r7, 1000, 0), last],
      // At last: user space looks at the others when this has its number.
      [load(r0, sheet.counter(0, r6)), add(r0, 1), store(sheet.counter(0, r6), r0)],
      [mov(r0, 0), exit()],
    ]);
    const empty = [-32, -24].map((at) => store(u64.at(r10, at), 0));
    return [
      [store(key, 1), empty, store(u64.at(r10, -16), 10), mov(r6, r10), add(r6, -32)],
      [call(helper.map_update_elem, map, key, r6, 0), sheet.keep('update')],
      [call(helper.map_lookup_elem, map, key), jeq(r0, 0, out), mov(r6, r0)],
      [call(helper.timer_init, r6, map, 1), sheet.keep('init')],
      [call(helper.timer_set_callback, r6, again), sheet.keep('function')],
      [call(helper.timer_start, r6, 1000, 0), sheet.keep('start'), out],
    ];
  },
  after: (maps) => [maps.cells.get('cell').slice(-4), maps.map.get(1).fired],
});

const Lock = struct('bpf_spin_lock', { value: u32 });
const Locked = struct('locked', { lock: Lock, kept: u32, count: u64 });

const locks = (name: string, map: AnyMapSpec): Calls => ({
  name: `locks in ${name}`,
  maps: { map },
  code: (sheet) => {
    const content: Code = [
      mov(r0, 5n << 32n),
      store(u64.at(r10, -24), r0),
      store(u64.at(r10, -16), 7),
    ];
    return [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 0x1_0000_0000n, 0x1_0000_0004n, -1].map((flags) => {
      const none = label('none');
      return [
        [store(key, 1), content, mov(r6, r10), add(r6, -24)],
        [call(helper.map_update_elem, map, key, r6, flags), sheet.keep(`flags ${flags}`)],
        [call(helper.map_lookup_elem, map, key), mov(r6, r0), jeq(r6, 0, none)],
        [call(helper.spin_lock, r6), load(r7, u64.at(r6, 8)), add(r7, 1), store(u64.at(r6, 8), r7)],
        [call(helper.spin_unlock, r6), sheet.keep(`flags ${flags}: a value`, r7)],
        none,
        [call(helper.map_delete_elem, map, key), sheet.keep(`flags ${flags}: delete`)],
      ];
    });
  },
});

export const CONTROL_CALLS: readonly Calls[] = [
  loops,
  timing,
  firing('array', arrayMap(Timed, { maxEntries: 2 })),
  firing('hash', hash(u32, Timed, { maxEntries: 2 })),
  locks('hash', hash(u32, Locked, { maxEntries: 2 })),
  locks('array', arrayMap(Locked, { maxEntries: 2 })),
];
