/** What may be read and written: contexts, read-only memory, objects of the kernel; alignment; sleeping; leaks. */
import {
  add,
  atomicAdd,
  call,
  cgroup,
  exit,
  fn,
  helper,
  jeq,
  jgt,
  label,
  lea,
  load,
  mov,
  perfEvent,
  r0,
  r1,
  r2,
  r6,
  r7,
  r10,
  rawTracepoint,
  SocketAddress,
  SocketBuffer,
  SocketEvent,
  skLookup,
  skMsg,
  socketFilter,
  sockops,
  stack,
  store,
  sub,
  tc,
  tpBtf,
  tracepoint,
  u8,
  u16,
  u32,
  u64,
  w1,
  w2,
  w6,
  w7,
  XdpContext,
  xdp,
} from '../../../src/index.ts';
import {
  callKernel,
  constants,
  counts,
  done,
  Entry,
  entries,
  lookUp,
  orOut,
  packet,
  rejected,
  unchecked,
  variables,
} from './support.ts';

const word = stack(u64);

export const contextAccess = rejected('context-access', {
  'a field that socket filters may not read': () =>
    socketFilter([
      load(w2, SocketBuffer.at(r1).data), // mistake
      done,
    ]),
  'a field that only packets of cgroups have': () =>
    tc([
      load(r2, SocketBuffer.at(r1).flow_keys as never), // mistake
      done,
    ]),
  'beyond the end': () =>
    xdp([
      load(w2, u32.at(r1, 64)), // mistake
      done,
    ]),
  'before the start': () =>
    tc([
      load(w2, u32.at(r1, -4)), // mistake
      done,
    ]),
  'half a field': () =>
    xdp([
      load(w2, u16.at(r1)), // mistake
      done,
    ]),
  'twice a field': () =>
    xdp([
      load(r2, u64.at(r1)), // mistake
      done,
    ]),
  'a field written that is only to be read': () =>
    xdp([
      store(XdpContext.at(r1).data, 0), // mistake
      done,
    ]),
  'the length of a packet written': () =>
    tc([
      mov(r2, 4),
      store(SocketBuffer.at(r1).len, w2), // mistake
      done,
    ]),
  'the record of a tracepoint written': () =>
    tracepoint('sched/sched_switch', [
      store(u64.at(r1, 8), 0), // mistake
      done,
    ]),
  'beyond the arguments of a raw tracepoint': () =>
    rawTracepoint('sched_switch', [
      load(r2, u64.at(r1, 8 * 30)), // mistake
      done,
    ]),
  'between two arguments of a raw tracepoint': () =>
    rawTracepoint('sched_switch', [
      load(r2, u64.at(r1, 4)), // mistake
      done,
    ]),
  'beyond the arguments of a tracepoint with types': () =>
    tpBtf('sched_switch', [
      load(r2, u64.at(r1, 8 * 9)), // mistake
      done,
    ]),
  'an argument of a tracepoint with types in 32 bits': () =>
    tpBtf('sched_switch', [
      load(w2, u32.at(r1, 8)), // mistake
      done,
    ]),
  'the address of another family': () =>
    cgroup('connect4', [
      load(w2, SocketAddress.at(r1).user_ip6[0]), // mistake
      mov(r0, 1),
      exit(),
    ]),
  'a field of a socket event that is only to be read': () =>
    sockops([
      mov(r2, 1),
      store(SocketEvent.at(r1).family, w2), // mistake
      done,
    ]),
  'an unaligned field': () =>
    tc([
      load(w2, u32.at(r1, 2)), // mistake
      done,
    ]),
  'a number added to a field': () =>
    tc([
      mov(r2, 1),
      atomicAdd(SocketBuffer.at(r1).mark, w2), // mistake
      done,
    ]),
  'beyond the context of a look-up of sockets': () =>
    skLookup([
      load(w2, u32.at(r1, 128)), // mistake
      mov(r0, 1),
      exit(),
    ]),
  'beyond the message of a socket': () =>
    skMsg([
      load(w2, u32.at(r1, 128)), // mistake
      mov(r0, 1),
      exit(),
    ]),
  'beyond the registers of a perf event': () =>
    perfEvent([
      load(r2, u64.at(r1, 512)), // mistake
      done,
    ]),
});

export const readOnly = rejected('read-only', {
  'a constant': () =>
    socketFilter([
      lea(r6, constants),
      store(u64.at(r6), 1), // mistake
      done,
    ]),
  'a constant through a helper': () =>
    tracepoint('sched/sched_switch', [
      lea(r6, constants),
      call(helper.get_current_comm, r6, 16), // mistake
      done,
    ]),
  'a constant as an atomic number': () =>
    socketFilter([
      lea(r6, constants),
      mov(r1, 1),
      atomicAdd(u64.at(r6), r1), // mistake
      done,
    ]),
  'the packet of a program that may only look': () => {
    const out = label('out');
    return unchecked('cgroup_skb/ingress', [
      packet(SocketBuffer, w6, w7, 14, out),
      store(u8.at(r6), 1), // mistake
      out,
      mov(r0, 1),
      exit(),
    ]);
  },
  'a field of a task': () =>
    tpBtf('sched_switch', [
      load(r6, u64.at(r1, 8)),
      store(u64.at(r6, 16), 0), // mistake
      done,
    ]),
  'the map itself': () =>
    socketFilter([
      lea(r6, counts),
      store(u64.at(r6), 0), // mistake
      done,
    ]),
});

export const kernelMemory = rejected('kernel-memory', {
  'before an object of the kernel': () =>
    tpBtf('sched_switch', [
      load(r6, u64.at(r1, 8)),
      load(r7, u64.at(r6, -8)), // mistake
      done,
    ]),
  'beyond an object of the kernel': () =>
    tpBtf('sched_switch', [
      load(r6, u64.at(r1, 8)),
      load(r7, u64.at(r6, 30000)), // mistake
      done,
    ]),
  'an object of the kernel at an offset that nobody knows': () =>
    tpBtf('sched_switch', [
      load(r6, u64.at(r1, 8)),
      call(helper.get_prandom_u32),
      add(r6, r0), // mistake
      load(r7, u64.at(r6)),
      done,
    ]),
  'a socket beyond its end': () => {
    const out = label('out');
    return tc([
      load(r6, SocketBuffer.at(r1).sk as never),
      jeq(r6, 0, out),
      load(w1, u32.at(r6, 400)), // mistake
      out,
      done,
    ]);
  },
});

export const alignment = rejected('misaligned-access', {
  'on the stack': () =>
    socketFilter([
      store(u64.at(r10, -12), 0), // mistake
      done,
    ]),
  'a load from the stack': () =>
    socketFilter([
      store(u64.at(r10, -8), 0),
      store(u64.at(r10, -16), 0),
      load(r1, u64.at(r10, -13)), // mistake
      done,
    ]),
  'an atomic operation': () =>
    socketFilter([
      lea(r6, variables),
      mov(r1, 1),
      atomicAdd(u64.at(r6, 4), r1), // mistake
      done,
    ]),
  'an atomic operation on the stack': () =>
    socketFilter([
      store(u64.at(r10, -8), 0),
      store(u64.at(r10, -16), 0),
      mov(r1, 1),
      atomicAdd(u64.at(r10, -12), r1), // mistake
      done,
    ]),
});

export const sleeping = rejected('sleepable', {
  'a helper that sleeps in a program that may not': () =>
    tpBtf('sched_switch', [
      call(helper.copy_from_user, word, 8, 0), // mistake
      done,
    ]),
  'a raw tracepoint that sleeps': () => unchecked('raw_tp.s/sched_switch', done),
  'a tracepoint that sleeps': () => unchecked('tp_btf.s/sched_switch', done),
  'a helper that sleeps in a region of RCU': ({ functionId }) =>
    unchecked('iter.s/task', [
      callKernel(functionId('bpf_rcu_read_lock')),
      call(helper.copy_from_user, word, 8, 0), // mistake
      callKernel(functionId('bpf_rcu_read_unlock')),
      done,
    ]),
  'a helper that sleeps in a subprogram': () => {
    const copy = fn('copy', 0, [
      call(helper.copy_from_user, word, 8, 0), // mistake
      exit(),
    ]);
    return tracepoint('sched/sched_switch', [call(copy), done]);
  },
});

export const leaks = rejected(
  'pointer-leak',
  {
    'a pointer as the result': () =>
      socketFilter([
        mov(r0, r1), // mistake
        exit(),
      ]),
    'a pointer in the value of a map': () => {
      const out = label('out');
      return socketFilter([
        mov(r6, r1),
        lookUp(entries),
        orOut(out),
        store(Entry.at(r0).count, r6), // mistake
        out,
        done,
      ]);
    },
    'a pointer kept in a field': () =>
      tc([
        store(u64.at(r1, 48), r10), // mistake
        done,
      ]),
    'a comparison of pointers': () => {
      const out = label('out');
      return socketFilter([
        mov(r6, r10),
        jgt(r6, r1, out), // mistake
        out,
        done,
      ]);
    },
    'the difference of two pointers': () =>
      socketFilter([
        mov(r6, r10),
        sub(r6, r1), // mistake
        mov(r0, r6),
        exit(),
      ]),
    'half a pointer': () =>
      socketFilter([
        store(u32.at(r10, -8), w1), // mistake
        done,
      ]),
    'a pointer in the value of an atomic operation': () => {
      const out = label('out');
      return socketFilter([
        mov(r6, r1),
        lookUp(counts),
        orOut(out),
        atomicAdd(u64.at(r0), r6), // mistake
        out,
        done,
      ]);
    },
  },
  { restricted: true },
);

/** What CAP_PERFMON is needed for. */
export const capabilities = rejected(
  'capability',
  {
    'reading the memory of the kernel': () =>
      socketFilter([
        call(helper.probe_read_kernel, word, 8, 0), // mistake
        done,
      ]),
    'printing to the trace': () =>
      tc([
        lea(r1, constants),
        call(helper.trace_printk, r1, 8), // mistake
        done,
      ]),
    'the current task': () =>
      socketFilter([
        call(helper.get_current_task_btf), // mistake
        done,
      ]),
    'reading the memory of a user program': () =>
      socketFilter([
        call(helper.probe_read_user, word, 8, 0), // mistake
        done,
      ]),
  },
  { restricted: true },
);
