import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  BPF_MAP_TYPE,
  FileDescriptor,
  mapCreate,
  mapFile,
  mapLookup,
  mmap,
  openDescriptors,
  PERF_COUNT_SW,
  PERF_SAMPLE,
  pageSize,
  perfEventOpen,
  progInfo,
  watchReadable,
} from '../../src/syscall/index.ts';
import { kernel, noBpf, returns, socketFilter } from './support.ts';

const ROUNDS = 1000;

function round(): void {
  using ring = new FileDescriptor(
    mapCreate({ type: BPF_MAP_TYPE.BPF_MAP_TYPE_RINGBUF, maxEntries: pageSize() }),
    'ring',
  );
  using consumer = mmap({ fd: ring.fd, length: pageSize(), writable: true });
  using producer = mmap({ fd: ring.fd, offset: pageSize(), length: 3 * pageSize() });
  using program = new FileDescriptor(socketFilter(returns(0)).fd, 'program');
  using event = new FileDescriptor(
    perfEventOpen({
      type: 1,
      config: PERF_COUNT_SW.PERF_COUNT_SW_BPF_OUTPUT,
      sampleType: PERF_SAMPLE.PERF_SAMPLE_RAW,
      samplePeriod: 1,
    }),
    'event',
  );
  using records = mmap({ fd: event.fd, length: 2 * pageSize(), writable: true });
  using _watch = watchReadable(ring.fd, () => {});
  consumer.bytes[0] = 0;
  progInfo(program.fd);
  for (const memory of [consumer, producer, records]) memory.bytes[0];
  expect(() => mapCreate({ type: 9999 })).toThrow();
  expect(() => mapLookup(program.fd, new Uint8Array(4), new Uint8Array(4))).toThrow();
  mapFile('/proc/self/stat').close();
}

const descriptors = () => readdirSync('/proc/self/fd').length;
const mappings = () =>
  readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => /bpf|perf_event/.test(line)).length;
const allMappings = () => readFileSync('/proc/self/maps', 'utf8').split('\n').length;

describe.skipIf(noBpf)(kernel('opening and closing a thousand times'), () => {
  it('leaves no descriptor and no mapping behind', async () => {
    round(); // what is loaded on first use
    await new Promise(setImmediate);
    const before = { descriptors: descriptors(), open: openDescriptors(), mappings: mappings() };
    const memory = allMappings();
    for (let i = 0; i < ROUNDS; i++) {
      round();
      if (i % 50 === 0) await new Promise(setImmediate);
    }
    await new Promise(setImmediate);
    expect({ descriptors: descriptors(), open: openDescriptors(), mappings: mappings() }).toEqual(
      before,
    );
    // Node's own heap grows and shrinks by some; three mappings a round would be 3000.
    expect(allMappings() - memory).toBeLessThan(100);
  }, 60_000);
});
