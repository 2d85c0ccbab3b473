/**
 * Mistakes with what a program has written and how it goes on, as users make them. The line and the class of each were
 * written down before a kernel or a rule had seen it.
 */
import {
  add,
  and,
  call,
  cgroup,
  cgroupSkb,
  exit,
  fn,
  helper,
  jeq,
  jlt,
  jne,
  label,
  lea,
  load,
  mov,
  or,
  perfEvent,
  r0,
  r1,
  r2,
  r6,
  r7,
  r8,
  r10,
  SocketBuffer,
  SocketOptionContext,
  skLookup,
  socketFilter,
  stack,
  store,
  struct,
  tc,
  times,
  tracepoint,
  u8,
  u16,
  u32,
  u64,
  w0,
  w1,
  w2,
  w6,
  w7,
  when,
  XdpContext,
  xdp,
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
  variables,
} from './support.ts';

const key = stack(u32);
const word = stack(u64);
const flow = stack(struct('flow', { port: u16, address: u32, count: u64 }));
const _entry = stack(Entry);
const onExec = 'sched/sched_process_exec';

export const blindStack = rejected(
  'uninitialised-stack',
  {
    'a count that is left out of an event': () =>
      tc([
        store(flow.port, 80),
        store(flow.address, 0),
        call(helper.ringbuf_output, events, flow, 16, 0), // mistake
        done,
      ]),
    'a buffer that is filled only for long packets': () =>
      tc([
        mov(r6, r1),
        load(w7, SocketBuffer.at(r1).len),
        when(w7, '>', 100, call(helper.skb_load_bytes, r6, 0, word, 8)),
        call(helper.ringbuf_output, events, word, 8, 0), // mistake
        done,
      ]),
    'a whole entry of which a loop writes a half': () =>
      socketFilter([
        mov(r7, r10),
        add(r7, -32),
        times(r6, 2, [store(u64.at(r7), 0), add(r7, 8)]),
        mov(r7, r10),
        add(r7, -32),
        store(key, 1),
        call(helper.map_update_elem, entries, key, r7, 0), // mistake
        done,
      ]),
  },
  { restricted: true },
);

export const blindRegisters = rejected('uninitialised-register', {
  'a register that only one branch fills': () =>
    tracepoint(onExec, [
      call(helper.get_current_uid_gid),
      when(w0, '==', 0, mov(r8, 1)),
      store(word, r8), // mistake
      done,
    ]),
  'an end without a result behind a filter': () => {
    const out = label('out');
    return xdp([
      load(w6, XdpContext.at(r1).ingress_ifindex),
      jne(w6, 3, out),
      mov(r0, 1),
      out,
      exit(), // mistake
    ]);
  },
});

export const blindLoops = rejected('endless-loop', {
  'parents up to the first, which may never come': () => {
    const [top, out] = [label('top'), label('out')];
    return tracepoint(onExec, [
      call(helper.get_current_task),
      mov(r6, r0),
      top,
      call(helper.probe_read_kernel, word, 8, r6),
      load(r6, word),
      jne(r6, 0, top), // mistake
      out,
      done,
    ]);
  },
  'a counter goes down, another is looked at': () => {
    const top = label('top');
    return tracepoint(onExec, [
      call(helper.get_prandom_u32),
      mov(r7, r0),
      mov(r6, 10),
      top,
      mov(r6, 9),
      jne(r7, 0, top), // mistake
      done,
    ]);
  },
  'again until it works': () => {
    const top = label('top');
    return tracepoint(onExec, [
      store(key, 0),
      store(word, 1),
      top,
      call(helper.map_update_elem, counts, key, word, 1),
      jne(w0, 0, top), // mistake
      done,
    ]);
  },
  'while a flag is set': () => {
    const [top, out] = [label('top'), label('out')];
    return tc([
      lookUp(entries),
      orOut(out),
      mov(r6, r0),
      top,
      load(w1, Entry.at(r6).flags),
      and(w1, 1),
      jne(w1, 0, top), // mistake
      out,
      done,
    ]);
  },
  'skipping without going on': () => {
    const [top, next, out] = [label('top'), label('next'), label('out')];
    return tracepoint(onExec, [
      mov(r6, 0),
      top,
      call(helper.get_prandom_u32),
      jeq(w0, 7, next),
      add(r6, 1),
      next,
      jlt(r6, 8, top), // mistake
      out,
      done,
    ]);
  },
});

export const blindComplexity = rejected('complexity', {
  'steps of 3 that never meet 10': () => {
    const top = label('top');
    return tracepoint(onExec, [
      mov(r6, 0),
      top,
      add(r6, 3),
      jne(r6, 10, top), // mistake
      done,
    ]);
  },
  'as many turns as a map says': () => {
    const [top, out] = [label('top'), label('out')];
    return tracepoint(onExec, [
      lookUp(entries),
      orOut(out),
      load(w7, Entry.at(r0).flags),
      mov(w6, 0),
      top,
      add(w6, 1),
      jlt(w6, w7, top), // mistake
      out,
      done,
    ]);
  },
  'each pair of a long list': () =>
    tracepoint(onExec, [
      mov(r8, 1),
      times(r6, 1000, [
        times(r7, 1000, [add(r8, r7)]), // mistake
      ]),
      done,
    ]),
  'bits that are gathered one by one': () => {
    const out = label('out');
    return tracepoint(onExec, [
      mov(r7, 0),
      times(r6, 24, [call(helper.get_prandom_u32), add(r7, r7), when(w0, '>', 1000, or(r7, 1))]), // mistake
      jeq(r7, 12345, out),
      and(r7, 7),
      lea(r1, variables),
      add(r1, r7),
      load(w2, u8.at(r1)),
      out,
      done,
    ]);
  },
  'a subprogram in a long loop': () => {
    const mix = fn('mix', 1, [mov(r0, r1), add(r0, 7), and(r0, 1023), exit()]);
    return tracepoint(onExec, [
      mov(r7, 0),
      times(r6, 500_000, [call(mix, r7), mov(r7, r0)]), // mistake
      done,
    ]);
  },
});

export const blindContext = rejected('context-access', {
  'an interface written into a packet': () =>
    tc([
      mov(r0, 0),
      store(SocketBuffer.at(r1).ifindex, 2), // mistake
      exit(),
    ]),
  'where a packet leaves, before it is known': () =>
    xdp([
      load(w2, XdpContext.at(r1).egress_ifindex), // mistake
      mov(r0, 2),
      exit(),
    ]),
  'the class of a packet in a cgroup': () =>
    cgroupSkb('egress', [
      load(w2, SocketBuffer.at(r1).tc_classid), // mistake
      mov(r0, 1),
      exit(),
    ]),
  'the result of an option that is only being set': () =>
    cgroup('setsockopt', [
      load(w2, SocketOptionContext.at(r1).retval), // mistake
      mov(r0, 1),
      exit(),
    ]),
  'two addresses at once': () =>
    skLookup([
      load(r2, u64.at(r1, 20)), // mistake
      mov(r0, 1),
      exit(),
    ]),
  'the period of a sample written': () =>
    perfEvent([
      store(u64.at(r1, 168), 0), // mistake
      done,
    ]),
  'half a field of a tracepoint': () =>
    tracepoint(onExec, [
      load(r2, u64.at(r1, 12)), // mistake
      done,
    ]),
  'a mark in a socket filter': () =>
    socketFilter([
      store(SocketBuffer.at(r1).mark, 1), // mistake
      done,
    ]),
});
