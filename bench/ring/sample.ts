/**
 * The event of the benchmarks: 64 bytes, as many small tools send, and the programs that do.
 * @module
 */
import {
  type Code,
  call,
  exit,
  helper,
  label,
  lea,
  mov,
  r0,
  r1,
  r6,
  r7,
  r8,
  stack,
  store,
  w7,
} from '../../src/asm/index.ts';
import { chars, i32, struct, u32, u64 } from '../../src/layout/index.ts';
import { perfEventArray, perfOutput, reserve, ringbuf } from '../../src/object/index.ts';

export const Sample = struct('sample', {
  timeNs: u64.number,
  durationNs: u64.number,
  pid: u32,
  ppid: i32,
  tid: u32,
  uid: u32,
  exitCode: i32,
  signal: u32,
  comm: chars(16),
  flags: u32,
  cpu: u32,
});

/** Fills in what a tool would have in its registers. */
const fill = (sample: ReturnType<typeof Sample.at>): Code => [
  mov(r7, 0x1234_5678),
  [sample.timeNs, sample.durationNs].map((field) => store(field, r7)),
  [sample.pid, sample.ppid, sample.tid, sample.uid].map((field) => store(field, w7)),
  [sample.exitCode, sample.signal, sample.flags, sample.cpu].map((field) => store(field, w7)),
  // 'node' and zeros
  store(u64.at(r8, COMM), 0x6564_6f6e),
  store(u64.at(r8, COMM + 8), 0),
];
const COMM = Sample.members.find(({ name }) => name === 'comm')!.offset;

export const samples = ringbuf(Sample, { maxEntries: 16 << 20 });

/** Sends one event by the ring buffer. */
export const sendToRing = (): Code => {
  const full = label('full');
  const send = call(helper.ringbuf_submit, r8, 0);
  return [reserve(r8, samples, full), fill(Sample.at(r8)), send, full, mov(r0, 0), exit()];
};

export const perfSamples = perfEventArray(Sample);

/** Sends one event by the perf buffer of the CPU. */
export const sendToPerf = (): Code => {
  const sample = stack(Sample);
  return [
    mov(r6, r1),
    [lea(r8, sample), fill(Sample.at(r8))],
    [perfOutput(r6, perfSamples, sample), mov(r0, 0), exit()],
  ];
};
