/**
 * Mistakes with memory as users make them: look-ups, packets, numbers without limits. The line and the class of each
 * were written down before a kernel or a rule had seen it; two lines were moved to the sum that the kernel refuses
 * before the access.
 */
import {
  add,
  and,
  call,
  exit,
  fn,
  helper,
  jeq,
  jgt,
  jne,
  jsgt,
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
  r9,
  rsh,
  SocketBuffer,
  stack,
  store,
  struct,
  sub,
  tc,
  tracepoint,
  u8,
  u16,
  u32,
  u64,
  w0,
  w1,
  w2,
  w3,
  w4,
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
  Ethernet,
  entries,
  events,
  Ip,
  lookUp,
  orOut,
  outer,
  packet,
  perCpu,
  rejected,
  table,
  variables,
} from './support.ts';

const key = stack(u32);
const one = stack(u64);
const line = stack(struct('line', { bytes: u64, more: u64 }));
const pass = [mov(r0, 2), exit()];
const onExec = 'sched/sched_process_exec';

export const blindNullChecks = rejected('null-check', {
  'the way without an entry goes on to the entry': () => {
    const there = label('there');
    return tracepoint(onExec, [
      call(helper.get_current_pid_tgid),
      rsh(r0, 32),
      store(key, w0),
      call(helper.map_lookup_elem, counts, key),
      jne(r0, 0, there),
      store(one, 1),
      there,
      load(r1, u64.at(r0)), // mistake
      add(r1, 1),
      store(u64.at(r0), r1),
      done,
    ]);
  },
  'only the lower half is compared': () => {
    const out = label('out');
    return tracepoint(onExec, [
      lookUp(entries),
      jeq(w0, 0, out),
      load(r1, Entry.at(r0).count), // mistake
      out,
      done,
    ]);
  },
  'a check that is only on the way of one process': () => {
    const out = label('out');
    return tracepoint(onExec, [
      call(helper.get_current_pid_tgid),
      mov(r7, r0),
      lookUp(entries),
      mov(r6, r0),
      when(r7, '==', 1, jeq(r6, 0, out)),
      load(w1, Entry.at(r6).flags), // mistake
      out,
      done,
    ]);
  },
  'the map in a map is checked, what is in it not': () => {
    const out = label('out');
    return tc([
      lookUp(outer),
      orOut(out),
      mov(r6, r0),
      store(key, 7),
      call(helper.map_lookup_elem, r6, key),
      load(r1, u64.at(r0)), // mistake
      out,
      done,
    ]);
  },
  'the value of another CPU': () =>
    tracepoint(onExec, [
      store(key, 0),
      call(helper.map_lookup_percpu_elem, perCpu, key, 1),
      load(r1, Entry.at(r0).count), // mistake
      done,
    ]),
  'a record that is written where there is none': () => {
    const out = label('out');
    return tracepoint(onExec, [
      call(helper.ringbuf_reserve, events, 32, 0),
      jne(r0, 0, out),
      store(Entry.at(r0).count, 1), // mistake
      out,
      done,
    ]);
  },
});

export const blindNotPointers = rejected('not-a-pointer', {
  'the result of an update is taken for the entry': () => {
    const found = label('found');
    return tracepoint(onExec, [
      store(one, 0),
      lookUp(counts),
      jne(r0, 0, found),
      store(key, 0),
      call(helper.map_update_elem, counts, key, one, 0),
      found,
      load(r1, u64.at(r0)), // mistake
      done,
    ]);
  },
  'a pointer to a task is followed by a plain load': () => {
    const Task = struct('task', { state: u64, flags: u64 });
    return tracepoint(onExec, [
      call(helper.get_current_task),
      mov(r6, r0),
      load(r1, Task.at(r6).flags), // mistake
      done,
    ]);
  },
});

export const blindPackets = rejected('packet-bounds', {
  'the address of IP when only Ethernet was checked': () => {
    const out = label('out');
    return xdp([
      load(w6, XdpContext.at(r1).data),
      load(w7, XdpContext.at(r1).data_end),
      mov(r2, r6),
      add(r2, Ethernet.size),
      jgt(r2, r7, out),
      load(w3, Ethernet.at(r6).type),
      jne(w3, 8, out),
      mov(r8, r6),
      add(r8, Ethernet.size),
      load(w4, Ip.at(r8).from), // mistake
      out,
      pass,
    ]);
  },
  'the port behind options of IP': () => {
    const out = label('out');
    return tc([
      packet(SocketBuffer, w6, w7, 34, out),
      load(w2, u8.at(r6, 14)),
      and(w2, 15),
      lsh(w2, 2),
      mov(r8, r6),
      add(r8, 14),
      add(r8, r2),
      load(w3, u16.at(r8, 2)), // mistake
      out,
      done,
    ]);
  },
  'a time to live that is written too far behind': () => {
    const out = label('out');
    return tc([
      packet(SocketBuffer, w6, w7, 14, out),
      store(u8.at(r6, 22), 64), // mistake
      out,
      done,
    ]);
  },
  'the address in the packet as a key': () => {
    const out = label('out');
    return xdp([
      packet(XdpContext, w6, w7, 28, out),
      add(r6, 26),
      call(helper.map_lookup_elem, counts, r6), // mistake
      out,
      pass,
    ]);
  },
  'a comparison of the lower halves': () => {
    const out = label('out');
    return xdp([
      load(w6, XdpContext.at(r1).data),
      load(w7, XdpContext.at(r1).data_end),
      mov(r2, r6),
      add(r2, 14),
      mov(r3, r7),
      sub(r3, r2),
      jgt(w3, 1000, out),
      load(w4, Ethernet.at(r6).type), // mistake
      out,
      pass,
    ]);
  },
});

export const blindStalePackets = rejected('stale-packet', {
  'the packet is loaded again, its end is not': () => {
    const out = label('out');
    return xdp([
      mov(r9, r1),
      packet(XdpContext, w6, w7, 14, out),
      call(helper.xdp_adjust_head, r9, 14),
      jne(w0, 0, out),
      load(w6, XdpContext.at(r9).data),
      mov(r2, r6),
      add(r2, 20),
      jgt(r2, r7, out),
      load(w3, u8.at(r6)), // mistake
      out,
      pass,
    ]);
  },
  'after a tag was pushed': () => {
    const out = label('out');
    return tc([
      mov(r9, r1),
      packet(SocketBuffer, w6, w7, 14, out),
      call(helper.skb_vlan_push, r9, 0x81, 7),
      load(w2, Ethernet.at(r6).type), // mistake
      out,
      done,
    ]);
  },
});

export const blindBounds = rejected('bounds', {
  'an index of 32 into 20 characters': () => {
    const out = label('out');
    return tracepoint(onExec, [
      lookUp(entries),
      orOut(out),
      mov(r6, r0),
      call(helper.get_prandom_u32),
      and(r0, 31),
      add(r6, r0),
      store(Entry.at(r6).name[0], 0), // mistake
      out,
      done,
    ]);
  },
  'one more than the last index': () => {
    const out = label('out');
    return tracepoint(onExec, [
      call(helper.get_current_pid_tgid),
      mov(r7, r0),
      jgt(r7, 8, out),
      lsh(r7, 3),
      lea(r6, variables),
      add(r6, r7),
      load(r1, u64.at(r6)), // mistake
      out,
      done,
    ]);
  },
  'an index that was multiplied by too much': () =>
    tracepoint(onExec, [
      call(helper.get_current_uid_gid),
      and(r0, 7),
      lsh(r0, 4),
      lea(r6, variables),
      add(r6, r0),
      load(r1, u64.at(r6)), // mistake
      done,
    ]),
  'the length of a string that could not be read': () => {
    const out = label('out');
    return tracepoint(onExec, [
      lookUp(table),
      orOut(out),
      mov(r6, r0),
      load(r3, u64.at(r6)),
      call(helper.probe_read_user_str, r6, 64, r3),
      call(helper.ringbuf_output, events, r6, r0, 0), // mistake
      out,
      done,
    ]);
  },
  'the length of a packet as a size': () => {
    const out = label('out');
    return tc([
      mov(r8, r1),
      load(w7, SocketBuffer.at(r1).len),
      lookUp(table),
      orOut(out),
      call(helper.skb_load_bytes, r8, 0, r0, r7), // mistake
      out,
      done,
    ]);
  },
  'the entry before the first': () => {
    const out = label('out');
    return tracepoint(onExec, [
      call(helper.get_prandom_u32),
      mov(r7, r0),
      and(r7, 7),
      sub(r7, 1),
      lsh(r7, 3),
      lookUp(table),
      orOut(out),
      add(r0, r7), // mistake
      load(r1, u64.at(r0)),
      out,
      done,
    ]);
  },
  'a signed limit': () => {
    const out = label('out');
    return tracepoint(onExec, [
      lookUp(counts),
      orOut(out),
      load(r7, u64.at(r0)),
      jsgt(r7, 7, out),
      lsh(r7, 3),
      lea(r6, variables),
      add(r6, r7), // mistake
      load(r1, u64.at(r6)),
      out,
      done,
    ]);
  },
  'a slot of another process': () => {
    const put = fn('put', 2, [
      lea(r3, variables),
      and(r1, 63),
      add(r3, r1),
      store(u64.at(r3), r2), // mistake
      mov(r0, 0),
      exit(),
    ]);
    return tracepoint(onExec, [
      call(helper.get_current_pid_tgid),
      mov(r6, r0),
      rsh(r6, 32),
      call(put, r6, 1),
      done,
    ]);
  },
});

export const blindStackBounds = rejected('stack-bounds', {
  'a name that is longer than its slot': () =>
    tracepoint(onExec, [
      call(helper.get_current_comm, line, 32), // mistake
      done,
    ]),
});
