/**
 * @module
 * Helpers that call, and that wait: loops, tail calls, timers, locks.
 */
import { type HelperFunction, hasOnly, mapIn, readable } from '../helper.ts';
import { E2BIG, EBUSY, EINVAL, ENOENT } from '../maps/errors.ts';
import { SimulatedMap } from '../maps/map.ts';
import { SimulatedReferences } from '../maps/references.ts';

/** BPF_MAX_LOOPS. */
const MAX_LOOPS = 8 * 1024 * 1024;

/**
 * Calls back with 0, 1, 2, ...; 1 ends it. Returns how many calls there were. The verifier puts a loop in its place, which
 * looks at all 64 bits of the count, and whose error has 32 (optimize_bpf_loop).
 */
const loop: HelperFunction = function* (_machine, registers) {
  const count = registers.number(1);
  const [callback, context, flags] = [2, 3, 4].map((index) => registers.get(index));
  if (flags !== 0n) return -EINVAL;
  if (count < 0 || count > MAX_LOOPS) return -E2BIG >>> 0;
  for (let index = 0; index < count; index++)
    if ((yield { function: callback!, args: [index, context!] }) !== 0n) return index + 1;
  return count;
};

/** MAX_TAIL_CALL_CNT. */
const MAX_TAIL_CALLS = 33;

/** Goes on with another program; the call does nothing where there is none, or after too many. */
const tail_call: HelperFunction = (machine, registers) => {
  const programs = mapIn(machine, 2, SimulatedReferences);
  const name = programs.thing(registers.word(3));
  const program = typeof name === 'string' ? machine.programs.get(name) : undefined;
  if (!program || machine.tailCalls >= MAX_TAIL_CALLS) return -ENOENT;
  machine.tailCalls++;
  return { kind: 'tail call', code: program.code };
};

/** `struct bpf_timer` is two u64. */
const TIMER_SIZE = 16;
/** CLOCK_REALTIME and so on, which are one clock here. */
const REALTIME = 0;
const MONOTONIC = 1;
const BOOTTIME = 7;

const timer_init: HelperFunction = (machine, registers) => {
  readable(machine, 1, TIMER_SIZE);
  const map = mapIn(machine, 2, SimulatedMap);
  const clock = registers.number(3);
  if (clock !== REALTIME && clock !== MONOTONIC && clock !== BOOTTIME) return -EINVAL;
  return machine.timers.create(registers.get(1), map) ? 0 : -EBUSY;
};

const timer_set_callback: HelperFunction = (machine, registers) =>
  machine.timers.setCallback(registers.get(1), registers.get(2), machine.running) ? 0 : -EINVAL;

/** BPF_F_TIMER_ABS: the time is not a distance. BPF_F_TIMER_CPU_PIN: on this CPU. */
const ABSOLUTE = 1;
const PINNED = 2;

const timer_start: HelperFunction = (machine, registers) => {
  if (!hasOnly(registers, 3, ABSOLUTE | PINNED)) return -EINVAL;
  const flags = registers.word(3);
  const time = registers.get(2);
  const due = (flags & ABSOLUTE) !== 0 ? time : machine.time + time;
  return machine.timers.start(registers.get(1), due) ? 0 : -EINVAL;
};

/** Whether it was running. */
const timer_cancel: HelperFunction = (machine, registers) => {
  const was = machine.timers.cancel(registers.get(1));
  return was === undefined ? -EINVAL : was ? 1 : 0;
};

const spin_lock: HelperFunction = (machine, registers) => {
  readable(machine, 1, 4);
  if (machine.locked !== undefined) throw machine.fault('a lock is held already');
  machine.locked = registers.get(1);
  return 0;
};

const spin_unlock: HelperFunction = (machine, registers) => {
  if (machine.locked !== registers.get(1)) throw machine.fault('the lock is not held');
  machine.locked = undefined;
  return 0;
};

export const controlHelpers = {
  loop,
  tail_call,
  timer_init,
  timer_set_callback,
  timer_start,
  timer_cancel,
  spin_lock,
  spin_unlock,
};
