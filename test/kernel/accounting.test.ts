/**
 * Nothing is lost silently: what was received and every kind of loss add up to what was sent, to the last event.
 *
 * The helper trace_printk passes the tracepoint bpf_trace/bpf_trace_printk, so a program that prints is an exact source
 * of events. Where the printing program is itself a tracepoint program, the kernel skips other such programs on that
 * CPU while it runs, and counts them.
 */
import { describe, expect, it } from 'vitest';
import { encode as encodeInstructions } from '../../src/asm/index.ts';
import {
  assemble,
  atomicAdd,
  bytes,
  type Code,
  call,
  clear,
  exit,
  globals,
  hash,
  helper,
  jne,
  KiB,
  type Label,
  label,
  lea,
  mov,
  object,
  perfEventArray,
  perfOutput,
  r0,
  r1,
  r2,
  r7,
  r8,
  rawTracepoint,
  reserve,
  ringbuf,
  rsh,
  stack,
  store,
  struct,
  times,
  tpBtf,
  tracepoint,
  u32,
  u64,
  update,
  w6,
} from '../../src/index.ts';
import { loadObject } from '../../src/kernel/index.ts';
import {
  BPF_PROG_TYPE,
  FileDescriptor,
  PERF_COUNT_SW,
  PERF_TYPE,
  perfEventEnable,
  perfEventOpen,
  perfEventSetBpf,
  progLoad,
} from '../../src/syscall/index.ts';
import { noBpf } from '../syscall/support.ts';

const Event = struct('event', { filler: bytes(64) });
const Sent = struct('sent', { events: u64.number });

/** Goes on in this process only. */
const oursOnly = (out: Label): Code => [
  call(helper.get_current_pid_tgid),
  rsh(r0, 32),
  jne(r0, process.pid, out),
];

/** Prints so often, and counts it. */
const printing = (count: number, sent: ReturnType<typeof counter>): Code => {
  const format = stack(u64);
  const out = label('out');
  return [
    oursOnly(out),
    store(format, 0x2e),
    times(w6, count, [
      call(helper.trace_printk, format, 2),
      lea(r1, sent),
      mov(r2, 1),
      atomicAdd(Sent.at(r1).events, r2),
    ]),
    out,
    mov(r0, 0),
    exit(),
  ];
};
const counter = () => globals(Sent);

/** Sends an event each time that something is printed. */
const sending = (send: (out: Label) => Code): Code => {
  const out = label('out');
  return [mov(r7, r1), oursOnly(out), send(out), out, mov(r0, 0), exit()];
};

const BUFFERS = {
  'ring buffer': () => {
    const events = ringbuf(Event, { maxEntries: 4 * KiB });
    const send = (out: Label): Code => [
      reserve(r8, events, out),
      call(helper.ringbuf_submit, r8, 0),
    ];
    return { events, send };
  },
  'perf buffer': () => {
    const events = perfEventArray(Event, { bufferSize: 4 * KiB });
    const event = stack(Event);
    const send = (): Code => [clear(event), perfOutput(r7, events, event)];
    return { events, send };
  },
} as const;

const hooks = {
  tracepoint: (body: Code) => tracepoint('bpf_trace/bpf_trace_printk', body),
  raw_tp: (body: Code) => rawTracepoint('bpf_trace_printk', body),
  tp_btf: (body: Code) => tpBtf('bpf_trace_printk', body),
} as const;

/** Runs a program at each tick of this thread's clock, in the interrupt. */
const sampler = (body: Code, mapFd: number): Disposable => {
  const { instructions } = assemble(body, () => true);
  const insns = encodeInstructions(
    instructions.map((each) => (each.reference ? { ...each, imm64: BigInt(mapFd) } : each)),
  );
  const program = new FileDescriptor(
    progLoad({ type: BPF_PROG_TYPE.BPF_PROG_TYPE_PERF_EVENT, insns, license: 'GPL' }).fd,
    'program busy',
  );
  const event = new FileDescriptor(
    perfEventOpen({
      type: PERF_TYPE.PERF_TYPE_SOFTWARE,
      config: PERF_COUNT_SW.PERF_COUNT_SW_CPU_CLOCK,
      samplePeriod: 1_000_000,
      pid: 0,
      cpu: -1,
    }),
    'clock',
  );
  perfEventSetBpf(event.fd, program.fd);
  perfEventEnable(event.fd);
  return {
    [Symbol.dispose]() {
      event.close();
      program.close();
    },
  };
};

describe.skipIf(noBpf)('accounting', () => {
  for (const [kind, make] of Object.entries(BUFFERS)) {
    for (const [hook, at] of Object.entries(hooks)) {
      it(`adds up for a full ${kind} of a ${hook} program, also while another program keeps the CPU busy`, async () => {
        const { events, send } = make();
        const sent = counter();
        using loaded = loadObject(
          object({
            license: 'GPL',
            maps: { events, sent },
            programs: {
              sender: at(sending(send)),
              printer: rawTracepoint('sys_exit', printing(7, sent)),
            },
          }),
        );
        const received: unknown[] = [];
        const controller = new AbortController();
        loaded.attach();
        {
          using _busy = sampler(printing(5, sent), loaded.maps.sent.fd);
          const until = Date.now() + 150;
          while (Date.now() < until) {
            // process.ppid is a system call each time that it is read.
            expect(process.ppid).toBeGreaterThan(0);
            // What was read makes room for more.
            if (received.length === 0) loaded.maps.events.drain((event) => received.push(event));
          }
        }
        loaded.detach();
        controller.abort();
        for await (const event of loaded.maps.events.read({ signal: controller.signal }))
          received.push(event);
        const { refused, missed } = loaded.losses();
        const lost = refused.events! + missed.sender!;
        expect(received.length + lost).toBe(loaded.maps.sent.get('events'));
        expect(received.length).toBeGreaterThan(10);
        expect(refused.events).toBeGreaterThan(0);
        if (hook === 'tracepoint') expect(missed.sender).toBeGreaterThan(0);
      });
    }
  }

  it('adds up for a map of 16 entries that more keys are put into', () => {
    const start = hash(u32, u64, { maxEntries: 16 });
    const key = stack(u32);
    const value = stack(u64);
    using loaded = loadObject(
      object({
        license: 'GPL',
        maps: { start },
        programs: {
          fill: rawTracepoint('sys_enter', [
            store(value, 1),
            times(w6, 50, [store(key, w6), update(start, key, value)]),
            mov(r0, 0),
            exit(),
          ]),
        },
      }),
    );
    loaded.programs.fill.testRun();
    expect(loaded.maps.start.count()).toBe(16);
    expect(loaded.losses()).toEqual({ refused: { start: 34 }, missed: { fill: 0 }, total: 34 });
  });
});
