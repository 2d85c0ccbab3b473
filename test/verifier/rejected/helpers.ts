/** Helpers and functions of the kernel: wrong arguments, and those that a program may not call. */
import {
  add,
  array,
  call,
  cgroup,
  exit,
  fn,
  helper,
  jeq,
  label,
  lea,
  load,
  mov,
  perfEvent,
  r0,
  r1,
  r2,
  r3,
  r4,
  r6,
  r10,
  SocketBuffer,
  socketFilter,
  stack,
  store,
  struct,
  tc,
  tpBtf,
  tracepoint,
  u32,
  u64,
  w6,
  xdp,
} from '../../../src/index.ts';
import {
  callKernel,
  counts,
  done,
  entries,
  events,
  orOut,
  perfEvents,
  programs,
  queue,
  raw,
  rejected,
  stacks,
  table,
  timed,
  unchecked,
  variables,
} from './support.ts';

const key = stack(u32);
const word = stack(u64);
const text = stack(u64);
const dynptr = stack(struct('dynptr', { opaque: array(u64, 2) }));

export const helperArguments = rejected('helper-argument', {
  'a number for a key': () =>
    socketFilter([
      mov(r6, 4),
      call(helper.map_lookup_elem, counts, r6), // mistake
      done,
    ]),
  'the context for a key': () =>
    socketFilter([
      mov(r6, r1),
      call(helper.map_lookup_elem, counts, r6), // mistake
      done,
    ]),
  'a number for a map': () =>
    socketFilter([
      store(key, 0),
      mov(r6, 7),
      call(helper.map_lookup_elem, r6, key), // mistake
      done,
    ]),
  'the stack for a map': () =>
    socketFilter([
      store(key, 0),
      call(helper.map_lookup_elem, r10, key), // mistake
      done,
    ]),
  'the value of a map for the map': () =>
    socketFilter([
      store(key, 0),
      lea(r6, variables),
      call(helper.map_lookup_elem, r6, key), // mistake
      done,
    ]),
  'a map for a key': () =>
    socketFilter([
      lea(r6, counts),
      call(helper.map_lookup_elem, counts, r6), // mistake
      done,
    ]),
  'a number for the context': () =>
    tc([
      mov(r6, 0),
      call(helper.skb_load_bytes, r6, 0, word, 8), // mistake
      done,
    ]),
  'the stack for the context': () =>
    tc([
      call(helper.skb_pull_data, r10, 0), // mistake
      done,
    ]),
  'a number for memory': () =>
    tracepoint('sched/sched_switch', [
      mov(r6, 100),
      call(helper.get_current_comm, r6, 16), // mistake
      done,
    ]),
  '0 for memory': () =>
    tracepoint('sched/sched_switch', [
      mov(r6, 0),
      call(helper.probe_read_kernel, r6, 8, r1), // mistake
      done,
    ]),
  'a pointer for a size': () =>
    tracepoint('sched/sched_switch', [
      call(helper.get_current_comm, word, r10), // mistake
      done,
    ]),
  'the arguments of an update in the wrong order': () =>
    socketFilter([
      store(key, 1),
      mov(r6, 5),
      call(helper.map_update_elem, counts, r6, key, 0), // mistake
      done,
    ]),
  'a number for a socket': () =>
    tc([
      mov(r6, 1),
      call(helper.sk_release, r6), // mistake
      done,
    ]),
  'the context for a socket': () =>
    tc([
      mov(r6, r1),
      call(helper.sk_fullsock, r6), // mistake
      done,
    ]),
  'the stack for a record': () =>
    socketFilter([
      call(helper.ringbuf_submit, word, 0), // mistake
      done,
    ]),
  'the second half of a record': () => {
    const out = label('out');
    return socketFilter([
      call(helper.ringbuf_reserve, events, 32, 0),
      orOut(out),
      mov(r6, r0),
      add(r6, 8),
      call(helper.ringbuf_submit, r6, 0), // mistake
      out,
      done,
    ]);
  },
  'a size that is not constant': () =>
    socketFilter([
      call(helper.get_prandom_u32),
      mov(r6, r0),
      call(helper.ringbuf_reserve, events, r6, 0), // mistake
      done,
    ]),
  'a format that can be written': () =>
    tracepoint('sched/sched_switch', [
      store(text, 0x6425),
      call(helper.snprintf, word, 8, text, 0, 0), // mistake
      done,
    ]),
  'a number for a callback': () =>
    unchecked('socket', [
      mov(r1, 4),
      mov(r2, 0),
      mov(r3, 0),
      mov(r4, 0),
      raw({ opcode: 0x85, imm: helper.loop.id }), // mistake
      done,
    ]),
  'a task that is a number': () =>
    tracepoint('sched/sched_switch', [
      call(helper.get_current_task),
      mov(r6, r0),
      call(helper.task_pt_regs, r6), // mistake
      done,
    ]),
  'the stack for a timer': () =>
    tracepoint('sched/sched_switch', [
      call(helper.timer_start, word, 0, 0), // mistake
      done,
    ]),
  'a dynamic pointer that was never made': () =>
    socketFilter([
      store(dynptr.opaque[0], 0),
      store(dynptr.opaque[1], 0),
      call(helper.dynptr_data, dynptr, 0, 8), // mistake
      done,
    ]),
  'a timer of another map': () => {
    const out = label('out');
    return tc([
      store(key, 0),
      call(helper.map_lookup_elem, timed, key),
      orOut(out),
      call(helper.timer_init, r0, table, 0), // mistake
      out,
      done,
    ]);
  },
});

export const wrongMaps = rejected('wrong-map', {
  'a look-up in a ring buffer': () =>
    socketFilter([
      store(key, 0),
      call(helper.map_lookup_elem, events, key), // mistake
      done,
    ]),
  'a record of a hash': () =>
    socketFilter([
      call(helper.ringbuf_reserve, counts, 8, 0), // mistake
      done,
    ]),
  'a push to a hash': () =>
    socketFilter([
      store(word, 0),
      call(helper.map_push_elem, counts, word, 0), // mistake
      done,
    ]),
  'a tail call through an array': () =>
    socketFilter([
      call(helper.tail_call, r1, table, 0), // mistake
      done,
    ]),
  'a look-up in a queue': () =>
    socketFilter([
      store(key, 0),
      call(helper.map_lookup_elem, queue, key), // mistake
      done,
    ]),
  'a stack of calls in a hash': () =>
    tracepoint('sched/sched_switch', [
      call(helper.get_stackid, r1, counts, 0), // mistake
      done,
    ]),
  'an event into a hash': () =>
    tracepoint('sched/sched_switch', [
      store(word, 0),
      call(helper.perf_event_output, r1, entries, 0, word, 8), // mistake
      done,
    ]),
  'an update of a program array': () =>
    socketFilter([
      store(key, 0),
      call(helper.map_update_elem, programs, key, key, 0), // mistake
      done,
    ]),
});

export const forbiddenHelpers = rejected('forbidden-helper', {
  'of XDP in a socket filter': () =>
    socketFilter([
      call(helper.xdp_adjust_head, r1, 0), // mistake
      done,
    ]),
  'of traffic control in XDP': () =>
    xdp([
      call(helper.skb_store_bytes, r1, 0, r10, 1, 0), // mistake
      done,
    ]),
  'of tracing in a socket filter': () =>
    socketFilter([
      call(helper.get_stackid, r1, stacks, 0), // mistake
      done,
    ]),
  'of fentry in a tracepoint': () =>
    tracepoint('sched/sched_switch', [
      call(helper.get_func_arg_cnt, r1), // mistake
      done,
    ]),
  'of sockets in a perf event': () =>
    perfEvent([
      mov(r6, r1),
      call(helper.sk_release, r6), // mistake
      done,
    ]),
  'that returns for the kernel': () =>
    tracepoint('sched/sched_switch', [
      call(helper.override_return, r1, 1), // mistake
      done,
    ]),
  'in a subprogram': () => {
    const move = fn('move', 1, [
      call(helper.xdp_adjust_tail, r1, 0), // mistake
      exit(),
    ]);
    return tc([call(move, r1), done]);
  },
  'of packets in a sysctl program': () =>
    cgroup('sysctl', [
      call(helper.get_route_realm, r1), // mistake
      mov(r0, 1),
      exit(),
    ]),
});

export const unknownHelpers = rejected('unknown-helper', {
  'a number that no kernel knows': () =>
    socketFilter([
      raw({ opcode: 0x85, imm: 9999 }), // mistake
      exit(),
    ]),
  'a field that this kernel does not have': () =>
    socketFilter([
      raw({ opcode: 0x85, imm: 0xbad2310 }), // mistake
      exit(),
    ]),
});

export const licences = rejected(
  'licence',
  {
    'a helper for the GPL': () =>
      tracepoint('sched/sched_switch', [
        call(helper.get_current_task), // mistake
        done,
      ]),
    'a helper for the GPL, later': () => {
      const out = label('out');
      return tc([
        load(w6, SocketBuffer.at(r1).len),
        jeq(r6, 0, out),
        store(word, 0),
        call(helper.perf_event_output, r1, perfEvents, 0, word, 8), // mistake
        out,
        done,
      ]);
    },
    'reading the memory of the kernel': () =>
      tracepoint('sched/sched_switch', [
        call(helper.probe_read_kernel, word, 8, 0), // mistake
        done,
      ]),
    'a function of the kernel': ({ functionId }) =>
      tpBtf('sched_switch', [
        callKernel(functionId('bpf_rcu_read_lock')), // mistake
        done,
      ]),
  },
  { license: 'Proprietary' },
);

export const kernelFunctions = rejected('kernel-function', {
  'one that programs of this type may not call': ({ functionId }) =>
    socketFilter([
      callKernel(functionId('bpf_task_acquire')), // mistake
      done,
    ]),
  'one that no program may call': ({ functionId }) =>
    tc([
      callKernel(functionId('schedule')), // mistake
      done,
    ]),
  'one that does not exist': () =>
    tc([
      callKernel(0x7fff_0000), // mistake
      done,
    ]),
  'a number for a task': ({ functionId }) =>
    tpBtf('sched_switch', [
      mov(r1, 1),
      callKernel(functionId('bpf_task_acquire')), // mistake
      done,
    ]),
  'the stack for a task': ({ functionId }) =>
    tpBtf('sched_switch', [
      mov(r1, r10),
      callKernel(functionId('bpf_task_release')), // mistake
      done,
    ]),
});
