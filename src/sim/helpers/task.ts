/**
 * @module
 * Helpers about who runs, where and when: what they return, the test's world says.
 */
import { type HelperFunction, writable } from '../helper.ts';
import type { Machine } from '../machine.ts';
import { EINVAL } from '../maps/errors.ts';

const get_current_pid_tgid: HelperFunction = ({ task }) =>
  (BigInt(task.tgid) << 32n) | BigInt(task.pid);

const get_current_uid_gid: HelperFunction = ({ world: { uid = 0, gid = 0 } }) =>
  (BigInt(gid) << 32n) | BigInt(uid);

/** The name with its NUL, cut to fit, and zeros behind it. */
const get_current_comm: HelperFunction = (machine, registers) => {
  const size = registers.word(2);
  const to = writable(machine, 1, size);
  if (size === 0) return -EINVAL;
  const room = machine.memory.bytes.subarray(to, to + size);
  room.fill(0);
  room.set(new TextEncoder().encode(machine.task.comm).subarray(0, size - 1));
  return 0;
};

const get_current_task: HelperFunction = ({ task }) => task.address;
const get_current_task_btf: HelperFunction = ({ task }) => task.address;
const get_smp_processor_id: HelperFunction = ({ cpu }) => cpu;
const get_numa_node_id: HelperFunction = () => 0;

const cgroupId = ({ world }: Machine): bigint => BigInt(world.cgroup?.id ?? 1);
const get_current_cgroup_id: HelperFunction = cgroupId;

const now: HelperFunction = ({ time }) => time;
const ktime_get_ns: HelperFunction = now;
const ktime_get_boot_ns: HelperFunction = now;
const ktime_get_coarse_ns: HelperFunction = now;
const ktime_get_tai_ns: HelperFunction = now;
/** 250 ticks a second, from five minutes before the counter wraps at 32 bits, as in the kernel. */
const jiffies64: HelperFunction = ({ time }) => 0xffff_edb0n + time / 4_000_000n;

const get_prandom_u32: HelperFunction = (machine) => machine.random();

export const taskHelpers = {
  get_current_pid_tgid,
  get_current_uid_gid,
  get_current_comm,
  get_current_task,
  get_current_task_btf,
  get_smp_processor_id,
  get_numa_node_id,
  get_current_cgroup_id,
  ktime_get_ns,
  ktime_get_boot_ns,
  ktime_get_coarse_ns,
  ktime_get_tai_ns,
  jiffies64,
  get_prandom_u32,
};
