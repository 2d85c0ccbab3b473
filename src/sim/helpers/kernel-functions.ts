/**
 * @module
 * Functions of the kernel that programs call by their BTF (kfuncs), as far as they are simulated: references to tasks,
 * critical sections, loops over numbers (kernel/bpf/helpers.c and bpf_iter.c). Others a test gives.
 */
import { type HelperFunction, writable } from '../helper.ts';
import type { Machine } from '../machine.ts';
import { E2BIG, EINVAL } from '../maps/errors.ts';
import type { Registers } from '../registers.ts';
import { dynptrFunctions } from './dynptr.ts';
import { stringFunctions } from './kernel-strings.ts';

/** Nothing else runs here that a section could keep out. */
const nothing: HelperFunction = () => 0;
/** A reference is the object itself. */
const same: HelperFunction = (_, registers) => registers.get(1);

/** Of all tasks, the one that runs is known. */
const bpf_task_from_pid: HelperFunction = ({ task }, registers) =>
  registers.word(1) === task.pid ? task.address : 0;

const MOST_TURNS = 8 * 1024 * 1024;

/** `struct bpf_iter_num_kern`: the number of this turn, and the one that is not reached any more. */
const iterator = (machine: Machine) => {
  const at = writable(machine, 1, 8);
  const { view } = machine.memory;
  return {
    get current() {
      return view.getInt32(at, true);
    },
    get end() {
      return view.getInt32(at + 4, true);
    },
    set: (current: number, end: number) => {
      view.setInt32(at, current, true);
      view.setInt32(at + 4, end, true);
    },
  };
};

const bpf_iter_num_new: HelperFunction = (machine, registers) => {
  const state = iterator(machine);
  const [start, end] = [registers.word(2) | 0, registers.word(3) | 0];
  state.set(0, 0);
  if (start > end) return -EINVAL;
  if (end - start > MOST_TURNS) return -E2BIG;
  state.set(start - 1, end);
  return 0;
};

const bpf_iter_num_next: HelperFunction = (machine, registers: Registers) => {
  const state = iterator(machine);
  // An int, in which the one before the least is the greatest.
  const next = (state.current + 1) | 0;
  if (next >= state.end) {
    state.set(0, 0);
    return 0;
  }
  state.set(next, state.end);
  return registers.get(1);
};

const bpf_iter_num_destroy: HelperFunction = (machine) => {
  iterator(machine).set(0, 0);
  return 0;
};

/** Under their names in the kernel. */
export const KERNEL_FUNCTIONS: Readonly<Record<string, HelperFunction>> =
  /* @__PURE__ */ Object.freeze({
    bpf_rcu_read_lock: nothing,
    bpf_rcu_read_unlock: nothing,
    bpf_preempt_disable: nothing,
    bpf_preempt_enable: nothing,
    bpf_local_irq_save: nothing,
    bpf_local_irq_restore: nothing,
    bpf_task_acquire: same,
    bpf_task_from_pid,
    bpf_task_release: nothing,
    bpf_cgroup_acquire: same,
    bpf_cgroup_release: nothing,
    bpf_rdonly_cast: same,
    bpf_iter_num_new,
    bpf_iter_num_next,
    bpf_iter_num_destroy,
    ...dynptrFunctions,
    ...stringFunctions,
  });
