/** What must be given back, and what must not be used after that; locks. */
import {
  add,
  array,
  type Code,
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
  r6,
  r7,
  r8,
  r10,
  Socket,
  socketFilter,
  stack,
  store,
  struct,
  tc,
  tpBtf,
  u32,
  u64,
  w1,
} from '../../../src/index.ts';
import {
  callKernel,
  counts,
  done,
  Entry,
  events,
  Locked,
  locked,
  lookUp,
  orOut,
  programs,
  rejected,
} from './support.ts';

const _key = stack(u32);
const saved = stack(u64);
const dynptr = stack(struct('dynptr', { opaque: array(u64, 2) }));

const tuple: Code = [
  store(u64.at(r10, -16), 0),
  store(u64.at(r10, -8), 0),
  mov(r2, r10),
  add(r2, -16),
];

export const referenceLeaks = rejected('reference-leak', {
  'a record that is never submitted': () => {
    const out = label('out');
    return socketFilter([
      call(helper.ringbuf_reserve, events, 32, 0), // mistake
      orOut(out),
      store(Entry.at(r0).count, 1),
      out,
      done,
    ]);
  },
  'a record that is submitted on one of two ways': () => {
    const [out, other] = [label('out'), label('other')];
    return socketFilter([
      call(helper.get_prandom_u32),
      mov(r7, r0),
      call(helper.ringbuf_reserve, events, 32, 0), // mistake
      orOut(out),
      mov(r6, r0),
      jeq(r7, 3, other),
      call(helper.ringbuf_submit, r6, 0),
      other,
      out,
      done,
    ]);
  },
  'a socket that is never released': () => {
    const out = label('out');
    return tc([
      tuple,
      call(helper.sk_lookup_tcp, r1, r2, 12, 0, 0), // mistake
      orOut(out),
      load(w1, Socket.at(r0).family),
      out,
      done,
    ]);
  },
  'a socket that is forgotten for the next': () => {
    const [out, next] = [label('out'), label('next')];
    return tc([
      mov(r8, r1),
      tuple,
      call(helper.sk_lookup_udp, r8, r2, 12, 0, 0), // mistake
      mov(r6, r0),
      tuple,
      call(helper.sk_lookup_udp, r8, r2, 12, 0, 0),
      jeq(r0, 0, next),
      call(helper.sk_release, r0),
      next,
      out,
      done,
    ]);
  },
  'a record that an early end forgets': () => {
    const [out, submit] = [label('out'), label('submit')];
    return socketFilter([
      call(helper.ringbuf_reserve, events, 32, 0), // mistake
      orOut(out),
      mov(r6, r0),
      lookUp(counts),
      jne(r0, 0, submit),
      mov(r0, 1),
      exit(),
      submit,
      call(helper.ringbuf_submit, r6, 0),
      out,
      done,
    ]);
  },
  'a record that a subprogram keeps': () => {
    const out = label('out');
    const take = fn('take', 0, [
      call(helper.ringbuf_reserve, events, 32, 0), // mistake
      orOut(out),
      store(Entry.at(r0).count, 1),
      out,
      mov(r0, 0),
      exit(),
    ]);
    return socketFilter([call(take), done]);
  },
  'a record of a callback': () => {
    const out = label('out');
    const step = fn('step', 2, [
      call(helper.ringbuf_reserve, events, 32, 0), // mistake
      orOut(out),
      out,
      done,
    ]);
    return socketFilter([call(helper.loop, 2, step, 0, 0), done]);
  },
  'a dynamic pointer': () =>
    socketFilter([
      call(helper.ringbuf_reserve_dynptr, events, 32, 0, dynptr), // mistake
      done,
    ]),
  'a dynamic pointer that is discarded only when it is there': () => {
    const out = label('out');
    return socketFilter([
      call(helper.ringbuf_reserve_dynptr, events, 32, 0, dynptr), // mistake
      jne(r0, 0, out),
      call(helper.ringbuf_submit_dynptr, dynptr, 0),
      out,
      done,
    ]);
  },
  'a record across a tail call': () => {
    const out = label('out');
    return socketFilter([
      mov(r7, r1),
      call(helper.ringbuf_reserve, events, 32, 0), // mistake
      orOut(out),
      mov(r6, r0),
      call(helper.tail_call, r7, programs, 0),
      call(helper.ringbuf_submit, r6, 0),
      out,
      done,
    ]);
  },
  'a task that is kept': ({ functionId }) => {
    const out = label('out');
    return tpBtf('sched_switch', [
      call(helper.get_current_task_btf),
      mov(r1, r0),
      callKernel(functionId('bpf_task_acquire')), // mistake
      orOut(out),
      out,
      done,
    ]);
  },
});

export const usedAfterRelease = rejected('use-after-release', {
  'a record after its submission': () => {
    const out = label('out');
    return socketFilter([
      call(helper.ringbuf_reserve, events, 32, 0),
      orOut(out),
      mov(r6, r0),
      call(helper.ringbuf_submit, r6, 0),
      store(Entry.at(r6).count, 1), // mistake
      out,
      done,
    ]);
  },
  'a record that is submitted twice': () => {
    const out = label('out');
    return socketFilter([
      call(helper.ringbuf_reserve, events, 32, 0),
      orOut(out),
      mov(r6, r0),
      call(helper.ringbuf_submit, r6, 0),
      call(helper.ringbuf_discard, r6, 0), // mistake
      out,
      done,
    ]);
  },
  'a socket after its release': () => {
    const out = label('out');
    return tc([
      tuple,
      call(helper.sk_lookup_tcp, r1, r2, 12, 0, 0),
      orOut(out),
      mov(r6, r0),
      call(helper.sk_release, r6),
      load(w1, Socket.at(r6).family), // mistake
      out,
      done,
    ]);
  },
  'a record from the stack after its submission': () => {
    const out = label('out');
    return socketFilter([
      call(helper.ringbuf_reserve, events, 32, 0),
      orOut(out),
      store(saved, r0),
      call(helper.ringbuf_submit, r0, 0),
      load(r6, saved),
      load(w1, Entry.at(r6).flags), // mistake
      out,
      done,
    ]);
  },
  'a slice of a dynamic pointer': () => {
    const out = label('out');
    return socketFilter([
      call(helper.ringbuf_reserve_dynptr, events, 32, 0, dynptr),
      call(helper.dynptr_data, dynptr, 0, 8),
      mov(r6, r0),
      call(helper.ringbuf_submit_dynptr, dynptr, 0),
      jeq(r6, 0, out),
      store(u64.at(r6), 1), // mistake
      out,
      done,
    ]);
  },
});

/** r6 = an entry with a lock. */
const find = (out: ReturnType<typeof label>): Code => [
  lookUp(locked),
  jeq(r0, 0, out),
  mov(r6, r0),
];

export const locks = rejected('lock', {
  'a lock that is never unlocked': () => {
    const out = label('out');
    return tc([
      find(out),
      call(helper.spin_lock, r6), // mistake
      out,
      done,
    ]);
  },
  'a lock that is taken twice': () => {
    const out = label('out');
    return tc([
      find(out),
      call(helper.spin_lock, r6),
      call(helper.spin_lock, r6), // mistake
      call(helper.spin_unlock, r6),
      out,
      done,
    ]);
  },
  'an unlock without a lock': () => {
    const out = label('out');
    return tc([
      find(out),
      call(helper.spin_unlock, r6), // mistake
      out,
      done,
    ]);
  },
  'a helper under a lock': () => {
    const out = label('out');
    return tc([
      find(out),
      call(helper.spin_lock, r6),
      call(helper.ktime_get_ns), // mistake
      call(helper.spin_unlock, r6),
      out,
      done,
    ]);
  },
  'a lock that is only a part of memory': () =>
    tc([
      store(saved, 0),
      call(helper.spin_lock, saved), // mistake
      done,
    ]),
  'a load of the lock itself': () => {
    const out = label('out');
    return tc([
      find(out),
      load(w1, u32.at(r6)), // mistake
      out,
      done,
    ]);
  },
  'the lock of another entry': () => {
    const out = label('out');
    return tc([
      find(out),
      lookUp(locked),
      orOut(out),
      mov(r7, r0),
      call(helper.spin_lock, r6),
      call(helper.spin_unlock, r7), // mistake
      out,
      done,
    ]);
  },
  'a lock in the wrong place': () => {
    const out = label('out');
    return tc([
      find(out),
      add(r6, 4),
      call(helper.spin_lock, r6), // mistake
      out,
      done,
    ]);
  },
  'a lock in a value without one': () => {
    const out = label('out');
    return tc([
      lookUp(counts),
      orOut(out),
      call(helper.spin_lock, r0), // mistake
      out,
      done,
    ]);
  },
  'a subprogram that unlocks only sometimes': () => {
    const out = label('out');
    const end = label('end');
    return tc([
      find(out),
      call(helper.spin_lock, r6), // mistake
      load(w1, Locked.at(r6).value),
      jeq(r1, 0, end),
      call(helper.spin_unlock, r6),
      end,
      out,
      done,
    ]);
  },
  'a region of RCU that does not end': ({ functionId }) =>
    tpBtf('sched_switch', [
      callKernel(functionId('bpf_rcu_read_lock')), // mistake
      done,
    ]),
  'a region of RCU that did not begin': ({ functionId }) =>
    tpBtf('sched_switch', [
      callKernel(functionId('bpf_rcu_read_unlock')), // mistake
      done,
    ]),
  'preemption that stays off': ({ functionId }) =>
    tc([
      callKernel(functionId('bpf_preempt_disable')), // mistake
      done,
    ]),
});
