/** What the tests of ring and perf buffers share: programs that send, maps that count, and a noisy worker. */
import { readFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import {
  add,
  assemble,
  type Code,
  call,
  encode,
  exit,
  fetchAdd,
  helper,
  type Instruction,
  jgt,
  label,
  lea,
  loop,
  mov,
  mul,
  r0,
  r1,
  r2,
  r6,
  r7,
  r8,
  r9,
  r10,
  stack,
  store,
  w7,
} from '../../src/asm/index.ts';
import { PerfBuffer } from '../../src/kernel/perf-buffer.ts';
import { RingBuffer } from '../../src/kernel/ring-buffer.ts';
import { decoder, type Layout, struct, u32, u64, type Value } from '../../src/layout/index.ts';
import {
  type AnyMapSpec,
  globals,
  lossOf,
  MAP_TYPES,
  type MapSpec,
  perfEventArray,
  perfOutput,
  reserve,
  ringbuf,
  ringOutput,
  tc,
} from '../../src/object/index.ts';
import {
  BPF_PROG_TYPE,
  FileDescriptor,
  mapCreate,
  mapLookup,
  possibleCpus,
  progLoad,
  progTestRun,
} from '../../src/syscall/index.ts';

const PSEUDO_MAP_FD = 1;
const keySize = ({ type }: AnyMapSpec) => (type === 'ringbuf' ? 0 : 4);
const valueSize = ({ type, value }: AnyMapSpec) =>
  type === 'ringbuf' ? 0 : type === 'perf_event_array' ? 4 : (value as Layout).size;

/** Maps and programs of a test in the kernel; maps are made when they are first needed. */
export class Maps implements Disposable {
  readonly #descriptors = new Map<unknown, FileDescriptor>();
  readonly #owned: Disposable[] = [];

  of(spec: AnyMapSpec): FileDescriptor {
    let descriptor = this.#descriptors.get(spec);
    if (!descriptor) {
      const maxEntries = spec.maxEntries || possibleCpus().at(-1)! + 1;
      const type = MAP_TYPES[spec.type].number;
      const sizes = { keySize: keySize(spec), valueSize: valueSize(spec) };
      const fd = mapCreate({ type, maxEntries, flags: spec.flags, ...sizes });
      descriptor = new FileDescriptor(fd, `map ${spec.type}`);
      this.#descriptors.set(spec, descriptor);
    }
    return descriptor;
  }

  /** How many the macros counted as refused. */
  lost(spec: AnyMapSpec): number {
    const counter = lossOf(spec);
    return counter ? Number(this.word(counter)) : 0;
  }

  /** The first u64 of the only value of an array. */
  word(spec: AnyMapSpec): bigint {
    const value = new Uint8Array((spec.value as Layout).size);
    mapLookup(this.of(spec).fd, new Uint8Array(4), value);
    return new DataView(value.buffer).getBigUint64(0, true);
  }

  /** Loads a tc program, its references to maps filled in. */
  load(body: Code): FileDescriptor {
    const { instructions } = assemble(tc(body).body, () => true);
    const linked = instructions.map((instruction): Instruction => {
      const { reference } = instruction;
      if (reference?.kind !== 'map' && reference?.kind !== 'value') return instruction;
      const fd = BigInt(this.of(reference.map as AnyMapSpec).fd);
      return reference.kind === 'map'
        ? { ...instruction, src: PSEUDO_MAP_FD, imm64: fd }
        : { ...instruction, imm64: fd | (BigInt(reference.offset) << 32n) };
    });
    const type = BPF_PROG_TYPE.BPF_PROG_TYPE_SCHED_CLS;
    const { fd } = progLoad({ type, insns: encode(linked), license: 'GPL', logSize: 1 << 20 });
    const program = new FileDescriptor(fd, 'program');
    this.#owned.push(program);
    return program;
  }

  ring<E extends Layout>(spec: MapSpec<'ringbuf', undefined, E>): RingBuffer<Value<E>> {
    const decode = decoder<E>(spec.value as E);
    const lost = () => this.lost(spec);
    const buffer = new RingBuffer({
      name: 'events',
      map: this.of(spec),
      size: spec.maxEntries,
      decode,
      lost,
    });
    this.#owned.push(buffer);
    return buffer;
  }

  perf<E extends Layout>(
    spec: MapSpec<'perf_event_array', undefined, E>,
    size?: number,
  ): PerfBuffer<Value<E>> {
    const decode = decoder<E>(spec.value as E);
    const lost = () => this.lost(spec);
    const buffer = new PerfBuffer({ name: 'events', map: this.of(spec), size, decode, lost });
    this.#owned.push(buffer);
    return buffer;
  }

  [Symbol.dispose](): void {
    // Buffers first: they close their maps.
    for (const each of [...this.#owned.reverse(), ...this.#descriptors.values()]) {
      each[Symbol.dispose]();
    }
  }
}

// ----------
// Programs that send
// ----------

/** The number of attempts so far, and what the next event is numbered with. */
export const Counter = struct('counter', { sent: u64.number });
export const Event = struct('event', {
  number: u64.number,
  times3: u64.number,
  low: u32,
  tag: u32,
});
export type EventValue = Value<typeof Event>;

/** Takes the next number into r7. Destroys r1 to r5. */
const takeNumber = (counter: MapSpec<'array', typeof u32, typeof Counter>): Code => [
  lea(r1, counter),
  mov(r7, 1),
  fetchAdd(Counter.at(r1).sent, r7),
];

const fillEvent = (event: Place, tag: number): Code => [
  store(event.number, r7),
  mov(r1, r7),
  mul(r1, 3),
  store(event.times3, r1),
  store(event.low, w7),
  store(event.tag, tag),
];
type Place = ReturnType<typeof Event.at>;

/** A ring buffer with programs that put numbered events into it. */
export function makeRing(maps: Maps, maxEntries: number) {
  const spec = ringbuf(Event, { maxEntries });
  const counter = globals(Counter);
  const sending = (end: Code) => {
    const full = label('full');
    return [
      takeNumber(counter),
      reserve(r8, spec, full),
      fillEvent(Event.at(r8), 7),
      end,
      full,
      mov(r0, 0),
      exit(),
    ];
  };
  return {
    spec,
    send: maps.load(sending(call(helper.ringbuf_submit, r8, 0))),
    discard: maps.load(sending(call(helper.ringbuf_discard, r8, 0))),
    /** Eight bytes only: no event. */
    sendShort: maps.load([
      ...[mov(r1, 5), store(u64.at(r10, -8), r1), lea(r2, u64.at(r10, -8))],
      [ringOutput(spec, r2, 8), mov(r0, 0), exit()],
    ]),
    /** Holds a record for 150 ms while another one is sent behind it. Linux 6.9. */
    sendSlowly: () => maps.load(slowly(spec, counter)),
    get sent() {
      return Number(maps.word(counter));
    },
    buffer: maps.ring(spec),
  };
}

function slowly(spec: RingSpec, counter: MapSpec<'array', typeof u32, typeof Counter>): Code {
  const full = label('full');
  const full2 = label('full2');
  const late = label('late');
  return [
    takeNumber(counter),
    reserve(r8, spec, full),
    fillEvent(Event.at(r8), 1),
    takeNumber(counter),
    reserve(r9, spec, full2),
    fillEvent(Event.at(r9), 2),
    call(helper.ringbuf_submit, r9, 0),
    [call(helper.ktime_get_ns), mov(r6, r0), add(r6, 150_000_000)],
    loop([call(helper.ktime_get_ns), jgt(r0, r6, late)]),
    late,
    full2,
    call(helper.ringbuf_submit, r8, 0),
    full,
    mov(r0, 0),
    exit(),
  ];
}
type RingSpec = MapSpec<'ringbuf', undefined, typeof Event>;

/** A perf event array with a program that puts numbered events out, on the CPU that runs it. */
export function makePerf(maps: Maps, size?: number) {
  const spec = perfEventArray(Event);
  const counter = globals(Counter);
  const event = stack(Event);
  const send = [
    mov(r6, r1),
    takeNumber(counter),
    fillEvent(event, 9),
    perfOutput(r6, spec, event),
    mov(r0, 0),
    exit(),
  ];
  return {
    spec,
    send: maps.load(send),
    get sent() {
      return Number(maps.word(counter));
    },
    buffer: maps.perf(spec, size),
  };
}

const PACKET = new Uint8Array(64);

/** Runs a program so many times, one by one: a signal would cut a run with `repeat` short. */
export function run(program: FileDescriptor, times = 1): void {
  for (let i = 0; i < times; i++) progTestRun(program.fd, { dataIn: PACKET });
}

/** As {@link run}, in one system call, for benchmarks: about so many times. */
export function runAtOnce(program: FileDescriptor, repeat: number): void {
  progTestRun(program.fd, { dataIn: PACKET, repeat });
}

/** A thread that runs a program again and again. */
export class Flood implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #stop = new Int32Array(new SharedArrayBuffer(4));
  readonly #ended: Promise<void>;
  readonly started: Promise<void>;

  /** `runs`: how often; without, until it is stopped. */
  constructor(program: FileDescriptor, { repeat = 1000, runs = Number.MAX_SAFE_INTEGER } = {}) {
    const syscall = new URL('../../src/syscall/index.ts', import.meta.url).href;
    this.#worker = new Worker(
      `import('tsx/esm/api')
        .then(({ register }) => (register(), import(${JSON.stringify(syscall)})))
        .then(({ progTestRun }) => {
          const { workerData, parentPort } = require('node:worker_threads');
          const { fd, repeat, runs, stop } = workerData;
          const dataIn = new Uint8Array(64);
          parentPort.postMessage('started');
          for (let i = 0; i < runs && Atomics.load(stop, 0) === 0; i++) {
            try {
              progTestRun(fd, { dataIn, repeat });
            } catch (error) {
              if (error.code !== 'EINTR') throw error;
            }
          }
        });`,
      { eval: true, workerData: { fd: program.fd, repeat, runs, stop: this.#stop } },
    );
    this.started = new Promise((resolve) => this.#worker.once('message', () => resolve()));
    this.#ended = new Promise((resolve, reject) => {
      this.#worker.once('exit', () => resolve());
      this.#worker.once('error', reject);
    });
  }

  /** Ends the thread after the run that it is in. */
  stop(): Promise<void> {
    Atomics.store(this.#stop, 0, 1);
    return this.#ended;
  }

  get ended(): Promise<void> {
    return this.#ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** Lets timers and sockets have their turn. */
export const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, ms));

/** How this thread has waited for a CPU that others had, in ms: no reader can help that. */
function waitedForCpu(): number {
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}

const PERIOD = 5;

/** How a 5 ms timer fared, without the time that this thread had no CPU. */
export interface TimerWatch {
  /** How often it fired, as a share of how often it could have. */
  readonly share: number;
  /** The longest that it waited, in ms. */
  readonly longest: number;
}

/** Watches a timer of 5 ms until it is called. */
export function watchTimers(): () => TimerWatch {
  const clock = () => performance.now() - waitedForCpu();
  const start = clock();
  let last = start;
  let fired = 0;
  let longest = 0;
  const look = () => {
    const now = clock();
    longest = Math.max(longest, now - last);
    last = now;
  };
  const timer = setInterval(() => {
    fired++;
    look();
  }, PERIOD);
  return () => {
    clearInterval(timer);
    look();
    return { share: (fired * PERIOD) / (last - start), longest };
  };
}
