/**
 * The records of tracepoints as structs of the kernel's: in a file the fields of a record are found by CO-RE, since
 * only a loader of our own reads `format` files. The tracepoint macros make `struct trace_event_raw_NAME` of every
 * record (include/trace/stages/stage1_struct_define.h), or of the class of events that it belongs to.
 *
 * @module
 */
import type { Relocation } from '../asm/index.ts';
import {
  type Access,
  type Fields,
  kernelStruct,
  type Layout,
  type Struct,
  u32,
} from '../layout/index.ts';

type RecordStruct = Struct<Fields, Access>;

/**
 * Classes of events that share a record, with the events of each (Linux 6.18, found by comparing `format` files with
 * BTF). Only what people trace most: an event that is missing here, and has no record of its own, does not load.
 */
// biome-ignore-start format: a table
const CLASSES: Readonly<Record<string, readonly string[]>> = {
  sched_wakeup_template: ['sched_waking', 'sched_wakeup', 'sched_wakeup_new'],
  sched_process_template: ['sched_process_free', 'sched_wait_task'],
  sched_numa_pair_template: ['sched_stick_numa', 'sched_swap_numa'],
  softirq: ['softirq_entry', 'softirq_exit', 'softirq_raise'],
  tasklet: ['tasklet_entry', 'tasklet_exit'],
  exceptions: ['page_fault_user', 'page_fault_kernel'],
  hrtimer_class: ['hrtimer_expire_exit', 'hrtimer_cancel'],
  timer_class: ['timer_init', 'timer_expire_exit', 'timer_cancel'],
  cpu: ['cpu_idle', 'cpu_frequency'],
  block_rq: [
    'block_rq_insert',
    'block_rq_issue',
    'block_rq_merge',
    'block_io_start',
    'block_io_done',
  ],
  block_rq_completion: ['block_rq_complete', 'block_rq_error'],
  block_bio: ['block_bio_queue', 'block_bio_backmerge', 'block_bio_frontmerge', 'block_getrq'],
  block_buffer: ['block_touch_buffer', 'block_dirty_buffer'],
  cgroup: [
    'cgroup_mkdir',
    'cgroup_rmdir',
    'cgroup_release',
    'cgroup_rename',
    'cgroup_freeze',
    'cgroup_unfreeze',
  ],
  cgroup_migrate: ['cgroup_attach_task', 'cgroup_transfer_tasks'],
  net_dev_template: ['net_dev_queue', 'netif_receive_skb', 'netif_rx'],
  sock_msg_length: ['sock_send_length', 'sock_recv_length'],
  tcp_event_sk: ['tcp_receive_reset', 'tcp_destroy_sock', 'tcp_rcv_space_adjust'],
};
// biome-ignore-end format: a table

const classOf = (event: string): string =>
  Object.keys(CLASSES).find((name) => CLASSES[name]!.includes(event)) ?? event;

const records = /* @__PURE__ */ new WeakMap<RecordStruct, Map<string, RecordStruct>>();

/** A relocation that starts from the declared fields of an event's record, as one that starts from its struct. */
export const recordRelocation = (
  { kind, root, path }: Relocation & { readonly root: RecordStruct },
  event: string,
): Relocation => {
  const known = records.get(root) ?? new Map<string, RecordStruct>();
  records.set(root, known);
  const record = known.get(event) ?? recordOf(root, event);
  known.set(event, record);
  const [name, ...rest] = path as [string, ...(string | number)[]];
  return { kind, root: record, path: [memberOf(name, root.fields[name]!), ...rest] };
};

const recordOf = ({ members }: RecordStruct, event: string): RecordStruct =>
  kernelStruct(
    `trace_event_raw_${classOf(event)}`,
    Object.fromEntries(
      members.map(({ name, layout }) => [memberOf(name, layout), isDataLoc(layout) ? u32 : layout]),
    ),
  );

/** A dynamic array is a field of another name: `__data_loc char[] filename` of a `format` file. */
const memberOf = (name: string, layout: Layout): string =>
  isDataLoc(layout) ? `__data_loc_${name}` : name;

/** By its name: programs may come from another copy of this library. */
const isDataLoc = (layout: Layout): boolean =>
  layout.kind === 'scalar' && layout.name === '__data_loc';
