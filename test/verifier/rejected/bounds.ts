/** Offsets, indices and sizes that the verifier cannot show to be within what they reach into. */
import {
  add,
  and,
  array,
  type Code,
  call,
  exit,
  fn,
  helper,
  jgt,
  jlt,
  jsgt,
  label,
  lea,
  load,
  lsh,
  mov,
  type R,
  r0,
  r1,
  r2,
  r6,
  r7,
  r8,
  socketFilter,
  stack,
  store,
  sub,
  tc,
  tracepoint,
  u8,
  u32,
  u64,
  w0,
  w1,
  w6,
} from '../../../src/index.ts';
import {
  counts,
  done,
  Entry,
  entries,
  events,
  lookUp,
  orOut,
  rejected,
  table,
  variables,
  Words,
} from './support.ts';

const key = stack(u32);
const buffer = stack(array(u64, 4));

/** A number that nobody knows. */
const random = (to: R): Code => [call(helper.get_prandom_u32), mov(to, r0)];
/** `to` = a value of 64 bytes. */
const value = (to: R): Code => lea(to, variables);

export const bounds = rejected('bounds', {
  'behind the value of a map': () => {
    const out = label('out');
    return socketFilter([
      lookUp(entries),
      orOut(out),
      load(r1, u64.at(r0, 32)), // mistake
      out,
      done,
    ]);
  },
  'partly behind the value of a map': () => {
    const out = label('out');
    return socketFilter([
      lookUp(counts),
      orOut(out),
      load(r1, u64.at(r0, 4)), // mistake
      out,
      done,
    ]);
  },
  'before the value of a map': () => {
    const out = label('out');
    return socketFilter([
      lookUp(entries),
      orOut(out),
      store(u32.at(r0, -4), 1), // mistake
      out,
      done,
    ]);
  },
  'behind global variables': () =>
    socketFilter([
      value(r1),
      store(u64.at(r1, 64), 1), // mistake
      done,
    ]),
  'an index without a limit': () =>
    socketFilter([
      random(r6),
      value(r7),
      add(r7, r6), // mistake
      load(w1, u8.at(r7)),
      done,
    ]),
  'an index with a limit that is too high': () => {
    const out = label('out');
    return socketFilter([
      random(r6),
      jgt(r6, 64, out),
      value(r7),
      add(r7, r6),
      load(w1, u8.at(r7)), // mistake
      out,
      done,
    ]);
  },
  'an index that forgets the size of an element': () => {
    const out = label('out');
    return socketFilter([
      random(r6),
      jgt(r6, 15, out),
      lsh(r6, 3),
      value(r7),
      add(r7, r6),
      load(r1, u64.at(r7)), // mistake
      out,
      done,
    ]);
  },
  'a mask that is too wide': () =>
    tc([
      random(r6),
      and(r6, 127),
      value(r7),
      add(r7, r6),
      load(w1, u8.at(r7)), // mistake
      done,
    ]),
  'a signed comparison only': () => {
    const out = label('out');
    return socketFilter([
      value(r7),
      load(r6, Words.at(r7).words[0]),
      jsgt(r6, 63, out),
      add(r7, r6), // mistake
      load(w1, u8.at(r7)),
      out,
      done,
    ]);
  },
  'a limit below only': () => {
    const out = label('out');
    return socketFilter([
      value(r7),
      load(r6, Words.at(r7).words[0]),
      jlt(r6, 8, out),
      add(r7, r6), // mistake
      store(u8.at(r7), 1),
      out,
      done,
    ]);
  },
  'an index that becomes negative': () => {
    const out = label('out');
    return socketFilter([
      random(r6),
      and(r6, 31),
      sub(r6, 8),
      value(r7),
      add(r7, r6),
      load(w1, u8.at(r7)), // mistake
      out,
      done,
    ]);
  },
  'a limit that was forgotten by a second load': () => {
    const out = label('out');
    return socketFilter([
      value(r7),
      load(r6, Words.at(r7).words[0]),
      jgt(r6, 55, out),
      load(r6, Words.at(r7).words[0]),
      add(r7, r6), // mistake
      load(w1, u8.at(r7)),
      out,
      done,
    ]);
  },
  'a limit for another register': () => {
    const out = label('out');
    return socketFilter([
      random(r6),
      random(r8),
      jgt(r8, 55, out),
      value(r7),
      add(r7, r6), // mistake
      load(w1, u8.at(r7)),
      out,
      done,
    ]);
  },
  'an index in a subprogram': () => {
    const element = fn('element', 1, [
      value(r2),
      add(r2, r1), // mistake
      load(w0, u8.at(r2)),
      exit(),
    ]);
    return socketFilter([random(r6), call(element, r6), done]);
  },
  'behind a record': () => {
    const out = label('out');
    return socketFilter([
      call(helper.ringbuf_reserve, events, 16, 0),
      orOut(out),
      mov(r6, r0),
      store(Entry.at(r6).name[8], 1), // mistake
      call(helper.ringbuf_submit, r6, 0),
      out,
      done,
    ]);
  },
  'an index into the value of an array': () => {
    const out = label('out');
    return tracepoint('sched/sched_switch', [
      random(r6),
      and(r6, 31),
      store(key, 7),
      call(helper.map_lookup_elem, table, key),
      orOut(out),
      lsh(r6, 3),
      add(r0, r6),
      store(u64.at(r0), 1), // mistake
      out,
      done,
    ]);
  },
  'a size without a limit': () =>
    tc([
      random(r6),
      call(helper.get_current_comm, buffer, r6), // mistake
      done,
    ]),
  'a size that may be negative': () => {
    const out = label('out');
    return tc([
      value(r7),
      load(r6, Words.at(r7).words[0]),
      jsgt(r6, 32, out),
      call(helper.probe_read_kernel, buffer, r6, r7), // mistake
      out,
      done,
    ]);
  },
  'a size that is negative': () =>
    tc([
      call(helper.skb_load_bytes, r1, 0, buffer, -4), // mistake
      done,
    ]),
  'a size that may be 0': () => {
    const out = label('out');
    return tc([
      mov(r6, r1),
      random(r7),
      jgt(r7, 32, out),
      call(helper.skb_load_bytes, r6, 0, buffer, r7), // mistake
      out,
      done,
    ]);
  },
  'a size that is greater than the value of the map': () => {
    const out = label('out');
    return tracepoint('sched/sched_switch', [
      lookUp(entries),
      orOut(out),
      call(helper.get_current_comm, r0, 40), // mistake
      out,
      done,
    ]);
  },
  'a size with a limit that is too high': () => {
    const out = label('out');
    return tracepoint('sched/sched_switch', [
      value(r7),
      load(r6, Words.at(r7).words[0]),
      jgt(r6, 128, out),
      call(helper.probe_read_kernel, r7, r6, 0), // mistake
      out,
      done,
    ]);
  },
  'a key that is greater than the rest of the value': () =>
    socketFilter([
      value(r7),
      add(r7, 62),
      call(helper.map_lookup_elem, counts, r7), // mistake
      done,
    ]),
  'a loop that goes one too far': () => {
    const top = label('top');
    return socketFilter([
      value(r7),
      mov(r6, 0),
      top,
      load(r1, u64.at(r7)), // mistake
      add(r7, 8),
      add(r6, 1),
      jlt(r6, 9, top),
      done,
    ]);
  },
  'a number that is much too great': () =>
    socketFilter([
      value(r7),
      mov(r6, 0x2000_0000),
      add(r7, r6), // mistake
      load(w1, u8.at(r7)),
      done,
    ]),
  'a limit of the lower half only': () => {
    const out = label('out');
    return socketFilter([
      value(r7),
      load(r6, Words.at(r7).words[0]),
      jgt(w6, 63, out),
      add(r7, r6), // mistake
      load(w1, u8.at(r7)),
      out,
      done,
    ]);
  },
});
