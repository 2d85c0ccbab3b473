/**
 * Nanoseconds per event inside the kernel (BPF_ENABLE_STATS), ours beside libbpf-tools' original, attached at the same
 * time to the same events. Needs root.
 * @module
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once as waitFor } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type EventReader, loadObject } from '../src/kernel/index.ts';
import type { ObjectSpec } from '../src/object/index.ts';
import { exitsnoop } from '../src/programs/exitsnoop.ts';
import { opensnoop } from '../src/programs/opensnoop.ts';
import { runqslower } from '../src/programs/runqslower.ts';
import { defaults } from '../src/programs/tool.ts';
import { closeFd, enableStats, fdById, ids, progInfo } from '../src/syscall/index.ts';
import { once, row } from './report.ts';

/** Something that makes events: processes that start, open files, sleep and end. */
const work = async (): Promise<void> => {
  const until = Date.now() + (once ? 300 : 3000);
  while (Date.now() < until) {
    // Not synchronous: our reader has to wake up for events as the original's does.
    const script = 'for i in 1 2 3 4 5 6 7 8 9 10; do (exit 3); cat /dev/null; done';
    await waitFor(spawn('sh', ['-c', script]), 'exit');
  }
};

const perEvent = (programs: Iterable<number>): number => {
  let time = 0;
  let count = 0;
  for (const id of programs) {
    const fd = fdById('prog', id);
    if (fd === undefined) continue;
    const info = progInfo(fd);
    closeFd(fd);
    time += Number(info.runTimeNs ?? 0);
    count += Number(info.runCount ?? 0);
  }
  return time / count;
};

const TOOLS = [
  { tool: exitsnoop, original: '/usr/sbin/exitsnoop' },
  { tool: opensnoop, original: '/usr/sbin/opensnoop' },
  { tool: runqslower, original: '/usr/sbin/runqslower' },
] as const;

const stats = enableStats();
try {
  for (const { tool, original } of TOOLS) {
    const before = new Set(ids('prog'));
    let peer: ChildProcess | undefined;
    if (existsSync(original)) {
      peer = spawn(original, [], { stdio: 'ignore' });
      await sleep(1500);
    }
    const theirs = [...ids('prog')].filter((id) => !before.has(id));
    using loaded = loadObject(tool.object(defaults(tool.options) as never) as ObjectSpec);
    loaded.attach();
    const { events } = loaded.maps as unknown as { events: EventReader<unknown> };
    using _reading = events.each(() => {});
    await work();
    const ours = Object.values(loaded.programs).flatMap((program) =>
      program ? [program.info().id] : [],
    );
    const value = perEvent(ours);
    row(`${tool.name}, per run of its programs`, value, 'ns', {
      peer: theirs.length > 0 ? { name: 'libbpf-tools', value: perEvent(theirs) } : undefined,
    });
    peer?.kill('SIGINT');
  }
} finally {
  closeFd(stats);
}
