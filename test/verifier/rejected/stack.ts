/** The stack: read before it is written, beyond its bounds, too deep. */
import {
  add,
  and,
  array,
  call,
  exit,
  fn,
  helper,
  jeq,
  jlt,
  label,
  lea,
  load,
  mov,
  r0,
  r1,
  r2,
  r6,
  r10,
  socketFilter,
  stack,
  store,
  struct,
  tc,
  tracepoint,
  u8,
  u16,
  u32,
  u64,
  w1,
} from '../../../src/index.ts';
import { counts, done, Entry, entries, events, queue, rejected } from './support.ts';

const Holed = struct('holed', { first: u64, second: u16, third: u32 });
const key = stack(u32);
const word = stack(u64);
const holed = stack(Holed);
const entry = stack(Entry);
const large = struct('large', { words: array(u64, 50) });

/** r6 = a number from 0 to `most`, a mask. */
const small = (most: number) => [call(helper.get_prandom_u32), mov(r6, r0), and(r6, most)];

export const stackBounds = rejected('stack-bounds', {
  'below the frame': () =>
    tc([
      store(u64.at(r10, -520), 0), // mistake
      done,
    ]),
  'a load below the frame': () =>
    tc([
      load(r1, u64.at(r10, -600)), // mistake
      done,
    ]),
  'at the frame pointer': () =>
    tc([
      store(u64.at(r10), 0), // mistake
      done,
    ]),
  'above the frame pointer': () =>
    tc([
      store(u32.at(r10, 4), 0), // mistake
      done,
    ]),
  'a buffer that is too small for what is written': () =>
    tracepoint('sched/sched_switch', [
      mov(r1, r10),
      add(r1, -8),
      call(helper.get_current_comm, r1, 16), // mistake
      done,
    ]),
  'an index that leaves the frame': () =>
    tc([
      store(u64.at(r10, -8), 0),
      store(u64.at(r10, -16), 0),
      small(31),
      mov(r2, r10),
      add(r2, -16),
      add(r2, r6),
      load(w1, u8.at(r2)), // mistake
      done,
    ]),
  'an index without a limit': () =>
    tc([
      call(helper.get_prandom_u32),
      mov(r2, r10),
      add(r2, r0), // mistake
      store(u8.at(r2), 1),
      done,
    ]),
  'a pointer that goes up': () => {
    const top = label('top');
    return tc([
      mov(r1, r10),
      add(r1, -16),
      mov(r2, 0),
      top,
      store(u64.at(r1), 0), // mistake
      add(r1, 8),
      add(r2, 1),
      jlt(r2, 4, top),
      done,
    ]);
  },
});

export const uninitialisedStack = rejected(
  'uninitialised-stack',
  {
    'a key that nothing has written': () =>
      socketFilter([
        call(helper.map_lookup_elem, counts, key), // mistake
        done,
      ]),
    'a value that nothing has written': () =>
      socketFilter([
        store(key, 1),
        call(helper.map_update_elem, counts, key, word, 0), // mistake
        done,
      ]),
    'padding that nothing has written': () =>
      socketFilter([
        store(holed.first, 1),
        store(holed.second, 2),
        store(holed.third, 3),
        call(helper.ringbuf_output, events, holed, 16, 0), // mistake
        done,
      ]),
    'an event of which only one field is written': () =>
      tc([
        store(entry.count, 1),
        call(helper.ringbuf_output, events, entry, 32, 0), // mistake
        done,
      ]),
    'written on one of two ways': () => {
      const [other, use] = [label('other'), label('use')];
      return socketFilter([
        call(helper.get_prandom_u32),
        jeq(r0, 1, other),
        store(key, 1),
        other,
        use,
        call(helper.map_lookup_elem, counts, key), // mistake
        done,
      ]);
    },
    'a number that is only half as wide as what is read': () =>
      socketFilter([
        store(u16.at(r10, -4), 1),
        mov(r2, r10),
        add(r2, -4),
        call(helper.map_delete_elem, counts, r2), // mistake
        done,
      ]),
    'a struct of which two fields are written': () =>
      socketFilter([
        store(key, 1),
        store(entry.count, 0),
        store(entry.flags, 1),
        call(helper.map_update_elem, entries, key, entry, 0), // mistake
        done,
      ]),
    'a frame of the caller': () => {
      const find = fn('find', 1, [
        call(helper.map_lookup_elem, counts, r1), // mistake
        mov(r0, 0),
        exit(),
      ]);
      return socketFilter([lea(r1, key), call(find, r1), done]);
    },
    'the frame of a subprogram is a new one': () => {
      const find = fn('find', 0, [
        mov(r2, r10),
        add(r2, -8),
        call(helper.map_lookup_elem, counts, r2), // mistake
        mov(r0, 0),
        exit(),
      ]);
      return socketFilter([store(u64.at(r10, -8), 1), call(find), done]);
    },
    'an element of a queue that nothing has written': () =>
      socketFilter([
        call(helper.map_push_elem, queue, word, 0), // mistake
        done,
      ]),
  },
  { restricted: true },
);

export const stackDepth = rejected('stack-depth', {
  'a caller and what it calls': () => {
    const deep = fn('deep', 0, [store(large.at(r10, -400).words[0], 0), mov(r0, 0), exit()]);
    return socketFilter([
      store(large.at(r10, -400).words[0], 0),
      call(deep), // mistake
      done,
    ]);
  },
  'three functions': () => {
    const third = fn('third', 0, [store(u64.at(r10, -200), 0), mov(r0, 0), exit()]);
    const second = fn('second', 0, [
      store(u64.at(r10, -200), 0),
      call(third), // mistake
      exit(),
    ]);
    return socketFilter([store(u64.at(r10, -200), 0), call(second), done]);
  },
  'a callback': () => {
    const step = fn('step', 2, [store(u64.at(r10, -304), 0), mov(r0, 0), exit()]);
    return socketFilter([
      store(u64.at(r10, -304), 0),
      call(helper.loop, 4, step, 0, 0), // mistake
      done,
    ]);
  },
  'nine functions deep': () => {
    let callee = fn('f9', 0, [mov(r0, 0), exit()]);
    for (let depth = 8; depth > 0; depth--) callee = fn(`f${depth}`, 0, [call(callee), exit()]);
    return socketFilter([call(callee), done]);
  },
});
