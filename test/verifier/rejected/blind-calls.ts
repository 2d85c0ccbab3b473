/**
 * Mistakes with calls as users make them: arguments, what must be given back, what a program may not do. The line and
 * the class of each were written down before a kernel or a rule had seen it.
 */
import {
  add,
  array,
  call,
  exit,
  fn,
  helper,
  jeq,
  jne,
  label,
  load,
  mov,
  r0,
  r1,
  r2,
  r3,
  r6,
  r7,
  r8,
  r10,
  rawTracepoint,
  rsh,
  Socket,
  SocketBuffer,
  skLookup,
  stack,
  store,
  struct,
  tc,
  times,
  tracepoint,
  u32,
  u64,
  w0,
  w1,
  w6,
  w7,
  when,
  xdp,
} from '../../../src/index.ts';
import {
  callKernel,
  counts,
  done,
  Entry,
  entries,
  events,
  Locked,
  locked,
  lookUp,
  orOut,
  perfEvents,
  queue,
  rejected,
  table,
} from './support.ts';

const key = stack(u32);
const word = stack(u64);
const name = stack(array(u64, 2));
const tuple = stack(struct('tuple', { from: u32, to: u32, ports: u32 }));
const onExec = 'sched/sched_process_exec';

export const blindArguments = rejected('helper-argument', {
  'what is in a slot in place of its address': () =>
    tracepoint(onExec, [
      store(key, 3),
      store(word, 3),
      load(r2, word),
      call(helper.map_lookup_elem, counts, r2), // mistake
      done,
    ]),
  'a context that was overwritten': () =>
    tracepoint(onExec, [
      mov(r6, r1),
      call(helper.get_current_pid_tgid),
      mov(r6, r0),
      store(word, r0),
      call(helper.perf_event_output, r6, perfEvents, 0, word, 8), // mistake
      done,
    ]),
  'text to compare with that is not constant': () =>
    tracepoint(onExec, [
      store(name[0], 0x68736162n),
      store(name[1], 0),
      store(word, 0x68736162n),
      call(helper.strncmp, name, 16, word), // mistake
      done,
    ]),
  'a number for the context of a callback': () => {
    const step = fn('step', 2, [mov(r0, 0), exit()]);
    return tracepoint(onExec, [
      mov(r6, 5),
      call(helper.loop, 10, step, r6, 0), // mistake
      done,
    ]);
  },
  'an entry for a record': () => {
    const out = label('out');
    return tracepoint(onExec, [
      lookUp(entries),
      orOut(out),
      call(helper.ringbuf_submit, r0, 0), // mistake
      out,
      done,
    ]);
  },
  'the value of a map for the map of an update': () => {
    const out = label('out');
    return tracepoint(onExec, [
      store(word, 1),
      lookUp(counts),
      orOut(out),
      mov(r6, r0),
      store(key, 0),
      call(helper.map_update_elem, r6, key, word, 0), // mistake
      out,
      done,
    ]);
  },
  'the address of a packet in place of the packet': () =>
    tc([
      load(w6, SocketBuffer.at(r1).data),
      call(helper.skb_load_bytes, r6, 0, word, 8), // mistake
      done,
    ]),
});

export const blindMaps = rejected('wrong-map', {
  'each entry of a queue': () => {
    const step = fn('step', 4, [mov(r0, 0), exit()]);
    return tracepoint(onExec, [
      call(helper.for_each_map_elem, queue, step, 0, 0), // mistake
      done,
    ]);
  },
  'a redirect by a table of numbers': () =>
    xdp([
      call(helper.redirect_map, table, 0, 0), // mistake
      exit(),
    ]),
});

export const blindLeaks = rejected('reference-leak', {
  'a filter behind the reservation': () => {
    const out = label('out');
    return tracepoint(onExec, [
      call(helper.ringbuf_reserve, events, 32, 0), // mistake
      orOut(out),
      mov(r6, r0),
      call(helper.get_current_pid_tgid),
      rsh(r0, 32),
      jne(r0, 181, out),
      store(Entry.at(r6).count, r0),
      call(helper.ringbuf_submit, r6, 0),
      out,
      done,
    ]);
  },
  'a read that fails': () => {
    const out = label('out');
    return tracepoint(onExec, [
      call(helper.ringbuf_reserve, events, 32, 0), // mistake
      orOut(out),
      mov(r6, r0),
      call(helper.get_current_comm, r6, 16),
      jne(w0, 0, out),
      call(helper.ringbuf_submit, r6, 0),
      out,
      done,
    ]);
  },
  'a record for each turn, and one that is sent': () => {
    const [none, out] = [label('none'), label('out')];
    return tracepoint(onExec, [
      mov(r7, 0),
      times(r8, 2, [
        call(helper.ringbuf_reserve, events, 32, 0), // mistake
        jeq(r0, 0, none),
        mov(r7, r0),
      ]),
      call(helper.ringbuf_submit, r7, 0),
      none,
      out,
      done,
    ]);
  },
  'a socket that is released when it is established': () => {
    const out = label('out');
    return tc([
      store(tuple.from, 0),
      store(tuple.to, 0),
      store(tuple.ports, 0),
      call(helper.sk_lookup_tcp, r1, tuple, 12, 0, 0), // mistake
      orOut(out),
      mov(r6, r0),
      load(w7, Socket.at(r6).state),
      when(w7, '==', 1, call(helper.sk_release, r6)),
      out,
      done,
    ]);
  },
  'two records, of which one is sent': () => {
    const out = label('out');
    return tracepoint(onExec, [
      call(helper.ringbuf_reserve, events, 32, 0),
      orOut(out),
      mov(r6, r0),
      call(helper.ringbuf_reserve, events, 32, 0), // mistake
      mov(r7, r0),
      store(Entry.at(r6).count, 1),
      call(helper.ringbuf_submit, r6, 0),
      out,
      done,
    ]);
  },
});

export const blindLocks = rejected('lock', {
  'a way out under the lock': () => {
    const out = label('out');
    return tc([
      lookUp(locked),
      orOut(out),
      mov(r6, r0),
      call(helper.spin_lock, r6), // mistake
      load(w1, Locked.at(r6).value),
      jeq(w1, 0, out),
      store(Locked.at(r6).value, 0),
      call(helper.spin_unlock, r6),
      out,
      done,
    ]);
  },
});

export const blindReleases = rejected('use-after-release', {
  'a field of a socket behind its release': () => {
    const out = label('out');
    return tc([
      store(tuple.from, 0),
      store(tuple.to, 0),
      store(tuple.ports, 0),
      call(helper.sk_lookup_udp, r1, tuple, 12, 0, 0),
      orOut(out),
      mov(r6, r0),
      call(helper.sk_release, r6),
      load(w1, Socket.at(r6).state), // mistake
      out,
      done,
    ]);
  },
});

export const blindForbidden = rejected('forbidden-helper', {
  'the cookie of a socket in XDP': () =>
    xdp([
      call(helper.get_socket_cookie, r1), // mistake
      mov(r0, 2),
      exit(),
    ]),
  'a redirect in a look-up of sockets': () =>
    skLookup([
      call(helper.redirect, 1, 0), // mistake
      mov(r0, 1),
      exit(),
    ]),
  'an uid of a socket in a tracepoint': () =>
    tracepoint(onExec, [
      call(helper.get_socket_uid, r1), // mistake
      done,
    ]),
});

export const blindCapabilities = rejected(
  'capability',
  {
    'a string of the kernel in traffic control': () =>
      tc([
        mov(r6, r1),
        call(helper.probe_read_kernel_str, word, 8, r6), // mistake
        done,
      ]),
    'the task that sends a packet': () =>
      tc([
        call(helper.get_current_task), // mistake
        done,
      ]),
  },
  { restricted: true },
);

export const blindKernelFunctions = rejected('kernel-function', {
  'the packet of XDP in traffic control': ({ functionId }) =>
    tc([
      mov(r2, 0),
      mov(r3, r10),
      add(r3, -16),
      callKernel(functionId('bpf_dynptr_from_xdp')), // mistake
      done,
    ]),
});

export const blindSleepable = rejected('sleepable', {
  'a path of a user program that may have to be fetched': () =>
    rawTracepoint('sys_enter', [
      load(r6, u64.at(r1, 8)),
      call(helper.copy_from_user, word, 8, r6), // mistake
      done,
    ]),
});
