/** Pointers that may be 0, used before they are compared with it. */
import {
  add,
  array,
  atomicAdd,
  call,
  exit,
  fn,
  helper,
  jeq,
  jne,
  label,
  load,
  mov,
  perfEvent,
  r0,
  r1,
  r2,
  r6,
  r7,
  r10,
  Socket,
  SocketBuffer,
  socketFilter,
  stack,
  store,
  struct,
  tc,
  tracepoint,
  u32,
  u64,
  w0,
  w1,
  xdp,
} from '../../../src/index.ts';
import {
  counts,
  done,
  Entry,
  entries,
  events,
  lookUp,
  outer,
  perCpu,
  rejected,
  table,
  Words,
} from './support.ts';

const key = stack(u32);
const saved = stack(u64);
const dynptr = stack(struct('dynptr', { opaque: array(u64, 2) }));

const findSocket = [
  store(u64.at(r10, -16), 0),
  store(u64.at(r10, -8), 0),
  mov(r2, r10),
  add(r2, -16),
  call(helper.sk_lookup_tcp, r1, r2, 12, 0, 0),
];

export const nullChecks = rejected('null-check', {
  'a load from what was looked up': () =>
    socketFilter([
      lookUp(counts),
      load(r1, u64.at(r0)), // mistake
      done,
    ]),
  'a store to what was looked up': () =>
    socketFilter([
      lookUp(entries),
      store(Entry.at(r0).flags, 1), // mistake
      done,
    ]),
  'an atomic add to what was looked up': () =>
    tracepoint('sched/sched_switch', [
      lookUp(counts),
      mov(r1, 1),
      atomicAdd(u64.at(r0), r1), // mistake
      done,
    ]),
  'a look-up in an array': () =>
    tc([
      call(helper.get_prandom_u32),
      store(key, w0),
      call(helper.map_lookup_elem, table, key),
      load(r1, Words.at(r0).words[0]), // mistake
      done,
    ]),
  'a look-up in a per-CPU array': () =>
    perfEvent([
      store(key, 1),
      call(helper.map_lookup_elem, perCpu, key),
      mov(r6, r0),
      load(w1, Entry.at(r6).flags), // mistake
      done,
    ]),
  'a check of the wrong register': () => {
    const out = label('out');
    return socketFilter([
      lookUp(counts),
      mov(r6, r0),
      lookUp(entries),
      jeq(r0, 0, out),
      load(r1, u64.at(r6)), // mistake
      out,
      done,
    ]);
  },
  'a check the wrong way round': () => {
    const out = label('out');
    return socketFilter([
      lookUp(counts),
      jne(r0, 0, out),
      load(r1, u64.at(r0)), // mistake
      out,
      done,
    ]);
  },
  'a check after the access': () => {
    const out = label('out');
    return socketFilter([
      lookUp(counts),
      load(r6, u64.at(r0)), // mistake
      jeq(r0, 0, out),
      out,
      done,
    ]);
  },
  'a check with another number': () => {
    const out = label('out');
    return socketFilter([
      lookUp(counts),
      jeq(r0, 1, out),
      load(r1, u64.at(r0)), // mistake
      out,
      done,
    ]);
  },
  'a pointer that was kept on the stack': () =>
    socketFilter([
      lookUp(entries),
      store(saved, r0),
      call(helper.get_prandom_u32),
      load(r7, saved),
      load(r1, Entry.at(r7).count), // mistake
      done,
    ]),
  'a second look-up after a check of the first': () => {
    const out = label('out');
    return socketFilter([
      lookUp(counts),
      jeq(r0, 0, out),
      lookUp(counts),
      store(u64.at(r0), 1), // mistake
      out,
      done,
    ]);
  },
  'one of two ways without a check': () => {
    const [out, use, other] = [label('out'), label('use'), label('other')];
    return socketFilter([
      lookUp(entries),
      mov(r6, r0),
      call(helper.get_prandom_u32),
      jeq(r0, 7, use),
      jeq(r6, 0, out),
      use,
      load(w1, Entry.at(r6).flags), // mistake
      out,
      other,
      done,
    ]);
  },
  'a subprogram that looks up': () => {
    const count = fn('count', 1, [
      lookUp(counts),
      load(r0, u64.at(r0)), // mistake
      exit(),
    ]);
    return socketFilter([mov(r6, r1), mov(r1, 1), call(count, r1), done]);
  },
  'a subprogram that is given the pointer': () => {
    const count = fn('count', 1, [
      load(r0, u64.at(r1)), // mistake
      exit(),
    ]);
    return socketFilter([lookUp(counts), call(count, r0), done]);
  },
  'a callback that looks up': () => {
    const step = fn('step', 2, [
      lookUp(entries),
      load(r1, Entry.at(r0).count), // mistake
      done,
    ]);
    return socketFilter([call(helper.loop, 4, step, 0, 0), done]);
  },
  'a record that may not have been reserved': () =>
    socketFilter([
      call(helper.ringbuf_reserve, events, 32, 0),
      store(Entry.at(r0).count, 1), // mistake
      call(helper.ringbuf_submit, r0, 0),
      done,
    ]),
  'a record that is submitted without a check': () =>
    socketFilter([
      call(helper.ringbuf_reserve, events, 32, 0),
      call(helper.ringbuf_submit, r0, 0), // mistake
      done,
    ]),
  'arithmetic before the check': () => {
    const out = label('out');
    return socketFilter([
      lookUp(entries),
      add(r0, 8), // mistake
      jeq(r0, 0, out),
      load(w1, u32.at(r0)),
      out,
      done,
    ]);
  },
  'a key in what was looked up': () =>
    socketFilter([
      lookUp(entries),
      call(helper.map_lookup_elem, counts, r0), // mistake
      done,
    ]),
  'an update with what was looked up': () =>
    socketFilter([
      lookUp(counts),
      store(key, 1),
      call(helper.map_update_elem, counts, key, r0, 0), // mistake
      done,
    ]),
  'a map in a map': () =>
    socketFilter([
      lookUp(outer),
      store(key, 0),
      call(helper.map_lookup_elem, r0, key), // mistake
      done,
    ]),
  'a socket that was not found': () =>
    tc([
      findSocket,
      load(w1, Socket.at(r0).family), // mistake
      call(helper.sk_release, r0),
      done,
    ]),
  'a socket that is released without a check': () =>
    tc([
      findSocket,
      call(helper.sk_release, r0), // mistake
      done,
    ]),
  'the socket of a packet': () =>
    tc([
      load(r6, SocketBuffer.at(r1).sk as never),
      load(w1, Socket.at(r6).family), // mistake
      done,
    ]),
  'the whole socket of a socket': () => {
    const out = label('out');
    return tc([
      load(r1, SocketBuffer.at(r1).sk as never),
      jeq(r1, 0, out),
      call(helper.sk_fullsock, r1),
      load(w1, Socket.at(r0).mark), // mistake
      out,
      done,
    ]);
  },
  'a slice of a dynamic pointer': () =>
    xdp([
      call(helper.ringbuf_reserve_dynptr, events, 32, 0, dynptr),
      call(helper.dynptr_data, dynptr, 0, 8),
      load(r6, u64.at(r0)), // mistake
      call(helper.ringbuf_discard_dynptr, dynptr, 0),
      done,
    ]),
});
