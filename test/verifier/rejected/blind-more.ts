/**
 * More mistakes as users make them, written after those of blind-memory.ts and its neighbours were explained: again the
 * line and the class of each were written down before a kernel or a rule had seen it. Two were moved to what the kernel
 * says first: of a size that it may be 0, of a global function that it is called.
 */
import {
  add,
  and,
  array,
  atomicAdd,
  call,
  cgroup,
  cgroupSkb,
  exit,
  fn,
  helper,
  jeq,
  jgt,
  jne,
  label,
  ldAbs,
  lea,
  load,
  loop,
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
  SocketBuffer,
  skLookup,
  stack,
  store,
  struct,
  tc,
  tpBtf,
  tracepoint,
  u8,
  u16,
  u32,
  u64,
  w0,
  w2,
  w3,
  w6,
  w7,
  XdpContext,
  xdp,
} from '../../../src/index.ts';
import {
  callKernel,
  counts,
  done,
  entries,
  events,
  locked,
  lookUp,
  orOut,
  packet,
  programs,
  rejected,
  table,
} from './support.ts';

const word = stack(u64);
const pair = stack(array(u64, 2));
const tuple = stack(struct('tuple', { from: u32, to: u32, ports: u32 }));
const dynptr = stack(struct('dynptr', { opaque: array(u64, 2) }));
const iterator = stack(struct('iterator', { opaque: u64 }));
const onExec = 'sched/sched_process_exec';
const pass = [mov(r0, 2), exit()];

export const moreNullChecks = rejected('null-check', {
  'the TCP of a socket that may be of another kind': () => {
    const out = label('out');
    return tc([
      load(r6, SocketBuffer.at(r1).sk),
      jeq(r6, 0, out),
      call(helper.tcp_sock, r6),
      load(w2, u32.at(r0)), // mistake
      out,
      done,
    ]);
  },
  'an entry that is looked at in the callback of a loop': () => {
    const step = fn('step', 2, [
      load(r3, u64.at(r2)),
      load(r0, u64.at(r3)), // mistake
      mov(r0, 0),
      exit(),
    ]);
    return tracepoint(onExec, [
      lookUp(counts),
      store(word, r0),
      call(helper.loop, 4, step, word, 0),
      done,
    ]);
  },
});

export const morePackets = rejected('packet-bounds', {
  'a checksum of more than was compared': () => {
    const out = label('out');
    return tc([
      packet(SocketBuffer, w6, w7, 20, out),
      call(helper.csum_diff, 0, 0, r6, 40, 0), // mistake
      out,
      done,
    ]);
  },
  'a length of 16 bits from the packet, compared afterwards': () => {
    const out = label('out');
    return xdp([
      packet(XdpContext, w6, w7, 16, out),
      load(w2, u16.at(r6, 14)),
      mov(r8, r6),
      add(r8, r2),
      mov(r3, r8),
      add(r3, 4),
      jgt(r3, r7, out),
      load(w2, u32.at(r8)), // mistake
      out,
      pass,
    ]);
  },
  'options that are skipped byte by byte': () => {
    const out = label('out');
    return xdp([
      packet(XdpContext, w6, w7, 14, out),
      mov(r8, r6),
      loop([
        load(w2, u8.at(r8)), // mistake
        jeq(w2, 0, out),
        add(r8, 1),
      ]),
      out,
      pass,
    ]);
  },
});

export const moreBounds = rejected('bounds', {
  'a field before the value': () => {
    const out = label('out');
    return tracepoint(onExec, [
      lookUp(table),
      orOut(out),
      mov(r6, r0),
      add(r6, 8),
      load(r2, u64.at(r6, -16)), // mistake
      out,
      done,
    ]);
  },
  'bytes of a packet into a value that is too small': () => {
    const out = label('out');
    return xdp([
      mov(r6, r1),
      lookUp(entries),
      orOut(out),
      call(helper.xdp_load_bytes, r6, 0, r0, 64), // mistake
      out,
      pass,
    ]);
  },
  'a size to compare that may be 0': () => {
    const out = label('out');
    return tracepoint(onExec, [
      call(helper.get_prandom_u32),
      mov(r7, r0),
      and(r7, 7),
      lookUp(table),
      orOut(out),
      call(helper.strncmp, r0, r7, r0), // mistake
      out,
      done,
    ]);
  },
  'an index into a record': () => {
    const out = label('out');
    return tracepoint(onExec, [
      call(helper.get_prandom_u32),
      mov(r7, r0),
      and(r7, 7),
      lsh(r7, 3),
      call(helper.ringbuf_reserve, events, 32, 0),
      orOut(out),
      mov(r6, r0),
      mov(r1, r6),
      add(r1, r7),
      store(u64.at(r1), 0), // mistake
      call(helper.ringbuf_submit, r6, 0),
      out,
      done,
    ]);
  },
});

export const moreStackBounds = rejected('stack-bounds', {
  'a random element of two': () =>
    tracepoint(onExec, [
      store(pair[0], 1),
      store(pair[1], 2),
      call(helper.get_prandom_u32),
      and(r0, 31),
      lea(r1, pair),
      add(r1, r0),
      load(w2, u8.at(r1)), // mistake
      done,
    ]),
});

export const moreUninitialised = rejected(
  'uninitialised-stack',
  {
    'ports that are left out': () =>
      tc([
        store(tuple.from, 1),
        store(tuple.to, 2),
        call(helper.sk_lookup_tcp, r1, tuple, 12, 0, 0), // mistake
        done,
      ]),
  },
  { restricted: true },
);

export const morePointers = rejected('pointer-arithmetic', {
  'a pointer into the packet that is aligned': () =>
    xdp([
      load(w2, XdpContext.at(r1).data),
      and(r2, -4), // mistake
      pass,
    ]),
});

export const moreNotPointers = rejected('not-a-pointer', {
  'a mark for an address': () =>
    tc([
      load(w2, SocketBuffer.at(r1).mark),
      load(w3, u32.at(r2)), // mistake
      done,
    ]),
});

export const moreAlignment = rejected('misaligned-access', {
  'a counter of 64 bits at an odd place': () => {
    const out = label('out');
    return tracepoint(onExec, [
      lookUp(entries),
      orOut(out),
      mov(r2, 1),
      atomicAdd(u64.at(r0, 12), r2), // mistake
      out,
      done,
    ]);
  },
});

export const moreReadOnly = rejected('read-only', {
  'a packet of a cgroup': () => {
    const out = label('out');
    return cgroupSkb('ingress', [
      packet(SocketBuffer, w6, w7, 14, out),
      store(u8.at(r6), 0), // mistake
      out,
      mov(r0, 1),
      exit(),
    ]);
  },
});

export const moreArguments = rejected('helper-argument', {
  'the stack for the context of a tail call': () =>
    tracepoint(onExec, [
      call(helper.tail_call, r10, programs, 0), // mistake
      done,
    ]),
  'a second dynamic pointer in the same place': () => {
    const out = label('out');
    return tracepoint(onExec, [
      call(helper.ringbuf_reserve_dynptr, events, 16, 0, dynptr),
      call(helper.ringbuf_reserve_dynptr, events, 16, 0, dynptr), // mistake
      out,
      call(helper.ringbuf_discard_dynptr, dynptr, 0),
      done,
    ]);
  },
});

export const moreForbidden = rejected('forbidden-helper', {
  'a tag of VLAN in a cgroup': () =>
    cgroupSkb('egress', [
      call(helper.skb_vlan_push, r1, 0x81, 7), // mistake
      mov(r0, 1),
      exit(),
    ]),
  'a result set in traffic control': () =>
    tc([
      call(helper.set_retval, -1), // mistake
      done,
    ]),
});

export const moreLeaks = rejected('reference-leak', {
  'an iterator that is not ended': ({ functionId }) =>
    tracepoint(onExec, [
      lea(r1, iterator),
      mov(r2, 0),
      mov(r3, 4),
      callKernel(functionId('bpf_iter_num_new')), // mistake
      done,
    ]),
  'a group of processes': ({ functionId }) => {
    const out = label('out');
    return tpBtf('sched_switch', [
      mov(r1, 1),
      callKernel(functionId('bpf_cgroup_from_id')), // mistake
      jeq(r0, 0, out),
      out,
      done,
    ]);
  },
});

export const moreLocks = rejected('lock', {
  'a record reserved under a lock': () => {
    const out = label('out');
    return tc([
      lookUp(locked),
      orOut(out),
      mov(r6, r0),
      call(helper.spin_lock, r6),
      call(helper.ringbuf_reserve, events, 32, 0), // mistake
      call(helper.spin_unlock, r6),
      out,
      done,
    ]);
  },
});

export const moreLoops = rejected('endless-loop', {
  'in the callback of a loop': () => {
    const top = label('top');
    const step = fn('step', 2, [
      top,
      call(helper.get_prandom_u32),
      jne(w0, 0, top), // mistake
      mov(r0, 0),
      exit(),
    ]);
    return tracepoint(onExec, [call(helper.loop, 4, step, 0, 0), done]);
  },
});

export const moreResults = rejected('return-value', {
  'the count of a sysctl': () =>
    cgroup('sysctl', [
      mov(r0, 5), // mistake
      exit(),
    ]),
  'what a helper returned': () =>
    skLookup([
      call(helper.ktime_get_ns), // mistake
      exit(),
    ]),
});

export const moreInstructions = rejected('invalid-instruction', {
  'a classic load of a packet in XDP': () =>
    xdp([
      mov(r6, r1),
      ldAbs(u16, 12), // mistake
      pass,
    ]),
});

export const moreSubprograms = rejected('subprogram', {
  'a global function that writes where its argument points': () => {
    const clear = fn('clear', 1, [store(u64.at(r1), 0), mov(r0, 0), exit()], { global: true });
    return tracepoint(onExec, [
      lea(r1, word),
      call(clear, r1), // mistake
      done,
    ]);
  },
});
