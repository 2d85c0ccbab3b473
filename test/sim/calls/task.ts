/**
 * @module
 * Calls about who runs, where and when: the same task in the kernel and here; of clocks and of random numbers only what
 * holds of all of them.
 */
import {
  add,
  type Code,
  call,
  type Helper,
  helper,
  jgt,
  jle,
  label,
  mov,
  r0,
  r1,
  r2,
  r6,
  r7,
  r10,
  rawTracepoint,
  store,
  u64,
} from '../../../src/index.ts';
import { kernelBtf } from '../../../src/kernel/index.ts';
import { possibleCpus } from '../../../src/syscall/index.ts';
import type { Calls } from './sheet.ts';

const raw = (body: Code) => rawTracepoint('sys_enter', body);

/** r0 becomes 1 where it is at most `most`. */
const atMost = (most: number | bigint): Code => {
  const more = label('more');
  return [mov(r1, most), mov(r2, r0), mov(r0, 0), jgt(r2, r1, more), mov(r0, 1), more];
};

const numbers: Calls = {
  name: 'who runs',
  hook: raw,
  code: (sheet) => [
    [call(helper.get_current_pid_tgid), sheet.keep('process and thread')],
    [call(helper.get_current_uid_gid), sheet.keep('user and group')],
    [call(helper.get_smp_processor_id), atMost(possibleCpus().length - 1), sheet.keep('a CPU')],
    [call(helper.get_numa_node_id), atMost(1023), sheet.keep('a node')],
    [call(helper.get_prandom_u32), atMost(0xffff_ffff), sheet.keep('a number of 32 bits')],
    [call(helper.get_current_task), sheet.keepFound('a task')],
    [call(helper.get_current_task_btf), sheet.keepFound('a task that is typed')],
    [call(helper.get_current_cgroup_id), sheet.keep('the number of its cgroup')],
  ],
  world: () => ({ btf: kernelBtf() }),
};

const names: Calls = {
  name: 'get_current_comm',
  hook: raw,
  code: (sheet) =>
    [1, 2, 5, 8, 16, 24, 32].map((size) => [
      [0, 8, 16, 24].map((at) => [mov(r0, -1), store(u64.at(r10, at - 32), r0)]),
      [mov(r1, r10), add(r1, -32), mov(r2, size), call(helper.get_current_comm, r1, r2 as never)],
      sheet.keep(`${size} bytes`),
      sheet.keepMemory(`${size} bytes, memory`, 32),
    ]),
};

const CLOCKS = [
  helper.ktime_get_ns,
  helper.ktime_get_boot_ns,
  helper.ktime_get_coarse_ns,
  helper.ktime_get_tai_ns,
  helper.jiffies64,
] as const;

/** They do not go back, and are not far apart: the coarse one lags by a tick, sleep is only in the second. */
const clocks: Calls = {
  name: 'clocks',
  since: '6.1',
  // Programs of tracing have no coarse clock.
  code: (sheet) =>
    CLOCKS.map((clock: Helper) => {
      const early = label('early');
      const read = call(clock as typeof helper.ktime_get_ns);
      return [
        [read, mov(r6, r0), read, mov(r7, 0), jle(r0, 0, early), jgt(r6, r0, early), mov(r7, 1)],
        [early, sheet.keep(`${clock.name} does not go back`, r7)],
      ];
    }),
};

export const TASK_CALLS: readonly Calls[] = [numbers, names, clocks];
