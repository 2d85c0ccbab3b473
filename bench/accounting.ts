/**
 * Whether received and lost add up to sent, to the last event, under a flood at the highest rate: for both buffers,
 * without and with other BPF programs that keep the same CPUs busy, and for a map of 16 entries. Needs root.
 *
 *     BENCH_SECONDS=60 npm run bench accounting
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises';
import {
  atomicAdd,
  bytes,
  type Code,
  call,
  clear,
  exit,
  fetchAdd,
  globals,
  hash,
  helper,
  type Label,
  label,
  lea,
  MiB,
  mov,
  object,
  type ProgramSpec,
  perfEventArray,
  perfOutput,
  r0,
  r1,
  r2,
  r6,
  r8,
  rawTracepoint,
  reserve,
  ringbuf,
  stack,
  store,
  struct,
  tc,
  times,
  tracepoint,
  u32,
  u64,
  update,
  w2,
  w9,
} from '../src/index.ts';
import { loadObject } from '../src/kernel/index.ts';
import { FileDescriptor, fdById } from '../src/syscall/index.ts';
import { watchTimers } from '../test/kernel/ring-support.ts';
import { once, row } from './report.ts';
import { FloodProcess, isFlood } from './ring/peer.ts';

const SECONDS = once ? 1 : Number(process.env.BENCH_SECONDS ?? 5);

const Event = struct('event', { filler: bytes(64) });
const Sent = struct('sent', { events: u64.number });

type Counter = ReturnType<typeof counter>;
const counter = () => globals(Sent);
const count = (sent: Counter): Code => [
  lea(r1, sent),
  mov(r2, 1),
  atomicAdd(Sent.at(r1).events, r2),
];

const BUFFERS = {
  'ring buffer': () => {
    const events = ringbuf(Event, { maxEntries: 4 * MiB });
    const send = (full: Label): Code => [
      reserve(r8, events, full),
      call(helper.ringbuf_submit, r8, 0),
    ];
    return { events, send };
  },
  'perf buffer': () => {
    const events = perfEventArray(Event, { bufferSize: 2 * MiB });
    const event = stack(Event);
    const send = (): Code => [clear(event), perfOutput(r6, events, event)];
    return { events, send };
  },
} as const;

/** One event each time that it is run. */
const sender = (send: (full: Label) => Code, sent: Counter): Code => {
  const full = label('full');
  return [mov(r6, r1), count(sent), send(full), full, mov(r0, 0), exit()];
};

/** Says whether it adds up. */
const check = (
  what: string,
  received: number,
  lost: number,
  sent: number,
  stall?: number,
): void => {
  const verdict = received + lost === sent ? 'exact' : `WRONG by ${sent - received - lost}`;
  const late = stall === undefined ? '' : `, longest wait of a 5 ms timer ${stall.toFixed(1)} ms`;
  console.log(`${what}: sent ${sent}, received ${received}, lost ${lost}: ${verdict}${late}`);
  if (received + lost !== sent) process.exitCode = 1;
};

/** Reads all that `programs.send` sends when a process runs it without a pause. */
const flood = async (kind: keyof typeof BUFFERS, busy: boolean): Promise<void> => {
  const { events, send } = BUFFERS[kind]();
  const sent = counter();
  const hot: Record<string, ProgramSpec> = busy ? busyPrograms() : {};
  using loaded = loadObject(
    object({ license: 'GPL', maps: { events, sent }, programs: { send: tc(sender(send, sent)) } }),
  );
  using load = loadObject(object({ license: 'GPL', programs: hot }));
  load.attach();
  let received = 0;
  const stop = new AbortController();
  const timers = watchTimers();
  const start = performance.now();
  const reading = (async () => {
    for await (const batch of loaded.maps.events.batches({ signal: stop.signal }))
      received += batch.length;
  })();
  {
    using program = new FileDescriptor(
      fdById('prog', loaded.programs.send.info().id)!,
      'program send',
    );
    using flooding = new FloodProcess(program);
    await sleep(SECONDS * 1000);
    await flooding.end();
  }
  const { longest: stall } = timers();
  const seconds = (performance.now() - start) / 1000;
  stop.abort();
  await reading;
  const { total } = loaded.losses();
  const what = `${kind}${busy ? ', CPUs kept busy by other programs' : ''}`;
  check(what, received, total, loaded.maps.sent.get('events'), stall);
  row('  received', received / seconds / 1e6, 'M/s');
};

/** Programs at what every process does all the time, each with a loop. */
const busyPrograms = (): Record<string, ProgramSpec> => {
  const spin = (): Code => [
    mov(r6, r1),
    times(w9, 500, call(helper.ktime_get_ns)),
    mov(r0, 0),
    exit(),
  ];
  return {
    switches: tracepoint('sched/sched_switch', spin()),
    calls: rawTracepoint('sys_enter', spin()),
  };
};

/** Puts a new key into a map of 16 entries each time that it is run. */
const fullMap = async (): Promise<void> => {
  const start = hash(u32, u64, { maxEntries: 16 });
  const sent = counter();
  const key = stack(u32);
  const value = stack(u64);
  using loaded = loadObject(
    object({
      license: 'GPL',
      maps: { start, sent },
      programs: {
        send: tc([
          lea(r1, sent),
          mov(r2, 1),
          fetchAdd(Sent.at(r1).events, r2),
          store(key, w2),
          store(value, r2),
          update(start, key, value),
          mov(r0, 0),
          exit(),
        ]),
      },
    }),
  );
  {
    using program = new FileDescriptor(
      fdById('prog', loaded.programs.send.info().id)!,
      'program send',
    );
    using flooding = new FloodProcess(program);
    await sleep(SECONDS * 1000);
    await flooding.end();
  }
  check(
    'map of 16 entries',
    loaded.maps.start.count(),
    loaded.losses().total,
    loaded.maps.sent.get('events'),
  );
};

if (!isFlood()) {
  for (const kind of Object.keys(BUFFERS) as (keyof typeof BUFFERS)[]) {
    await flood(kind, false);
    await flood(kind, true);
  }
  await fullMap();
}
