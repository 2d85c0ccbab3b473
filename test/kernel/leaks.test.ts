import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import {
  hash,
  lea,
  object,
  perfEventArray,
  r1,
  rawTracepoint,
  ringbuf,
  struct,
  tpBtf,
  tracepoint,
  u32,
  u64,
} from '../../src/index.ts';
import { loadObject } from '../../src/kernel/index.ts';
import { exitsnoop } from '../../src/programs/exitsnoop.ts';
import { defaults } from '../../src/programs/tool.ts';
import { kernel, noBpf } from '../syscall/support.ts';
import { done, expectGone, fixture, holdings, inKernel } from './object-support.ts';

const ROUNDS = 1000;
const Event = struct('event', { pid: u32 });

describe.skipIf(noBpf)(kernel('opening, attaching and closing a thousand times'), () => {
  it('leaves no descriptor and no mapping of exitsnoop behind', async () => {
    const spec = exitsnoop.object(defaults(exitsnoop.options) as never);
    const round = () => {
      using tool = loadObject(spec);
      tool.attach();
      tool.losses();
    };
    round(); // what is loaded on first use
    await new Promise(setImmediate);
    const before = holdings();
    for (let i = 0; i < ROUNDS; i++) {
      round();
      if (i % 50 === 0) await new Promise(setImmediate);
    }
    await new Promise(setImmediate);
    expect(holdings()).toEqual(before);
    await expectGone('handleExit', 'events.lost');
  }, 120_000);

  it('leaves nothing of every kind of map, program and link behind', async () => {
    const round = () => {
      const table = hash(u32, u64);
      using tool = loadObject(
        object({
          license: 'GPL',
          maps: { le_table: table, ring: ringbuf(Event), perf: perfEventArray(Event) },
          programs: {
            le_typed: tpBtf('sched_process_exit', [lea(r1, table), done]),
            le_raw: rawTracepoint('sched_process_exit', done),
            le_plain: tracepoint('sched/sched_process_exit', done),
          },
        }),
        { lines: true },
      );
      tool.attach();
    };
    round();
    await new Promise(setImmediate);
    const before = holdings();
    for (let i = 0; i < 50; i++) round();
    await new Promise(setImmediate);
    expect(holdings()).toEqual(before);
    await expectGone('le_typed', 'le_raw', 'le_plain', 'le_table');
  }, 60_000);
});

describe.skipIf(noBpf)(kernel('a process that is killed'), () => {
  it('leaves no program, map or link of exitsnoop behind', async () => {
    const names = ['handleExit', 'events', 'events.lost'] as const;
    await expectGone('handleExit');
    const before = inKernel(...names);
    const child = spawn(process.execPath, [
      '--import',
      import.meta.resolve('tsx'),
      fixture('endless-exitsnoop.ts'),
    ]);
    try {
      await once(child.stdout!, 'data');
      expect(inKernel(...names)).toEqual(
        [...before, 'link', 'map events', 'map events.lost', 'prog handleExit'].sort(),
      );
    } finally {
      child.kill('SIGKILL');
    }
    await once(child, 'exit');
    await expect.poll(() => inKernel(...names), { timeout: 5000, interval: 20 }).toEqual(before);
  }, 30_000);
});
