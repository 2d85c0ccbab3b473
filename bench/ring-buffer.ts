/**
 * What reading a ring buffer costs: ns per record, events per second of a flood, and how long a timer waits
 * meanwhile; beside a consumer in C that uses libbpf. Needs root; where there is no gcc or libbpf, prints our
 * figures only.
 *
 *     npm run bench ring-buffer
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { RingBuffer } from '../src/kernel/ring-buffer.ts';
import { type Decoder, decoder } from '../src/layout/index.ts';
import { FileDescriptor, fdById, mapInfo } from '../src/syscall/index.ts';
import { Maps, runAtOnce } from '../test/kernel/ring-support.ts';
import { once, rounds, row } from './report.ts';
import { compareFloods, use } from './ring/flood.ts';
import { FloodProcess, isFlood, Peer } from './ring/peer.ts';
import { Sample, samples, sendToRing } from './ring/sample.ts';

/** A little less than fits in. */
const FULL = Math.floor((samples.maxEntries / 72) * 0.99);

async function main(): Promise<void> {
  using maps = new Maps();
  const send = maps.load(sendToRing());
  const mapId = mapInfo(maps.of(samples).fd).id;
  using peer = Peer.start(new URL('ring/consumer.c', import.meta.url), 'ring', mapId);
  const lost = () => maps.lost(samples);

  /** A reader of its own for each round, since the consumer in C has moved the position. */
  const open = <T>(decode: Decoder<T>): RingBuffer<T> => {
    const map = new FileDescriptor(fdById('map', mapId)!, 'map samples');
    return new RingBuffer({ name: 'samples', map, size: samples.maxEntries, decode, lost });
  };

  const drain = <T>(decode: Decoder<T>, onEvent: (event: T) => void): number => {
    runAtOnce(send, FULL);
    using buffer = open(decode);
    const start = performance.now();
    buffer.drain(onEvent);
    return ((performance.now() - start) * 1e6) / FULL;
  };

  const decode = decoder(Sample);
  const bare: number[] = [];
  const decoded: number[] = [];
  const inC: number[] = [];
  for (let i = 0; i < rounds(20); i++) {
    bare.push(
      drain(
        () => 0,
        () => {},
      ),
    );
  }
  for (let i = 0; i < rounds(20); i++) {
    decoded.push(drain(decode, use));
    if (!peer) continue;
    runAtOnce(send, FULL);
    const { events, ns } = await peer.tell('drain');
    inC.push(ns / events);
  }
  const libbpf = inC.length > 0 ? { name: 'libbpf', value: Math.min(...inC) } : undefined;
  row('a record, before decoding', Math.min(...bare), 'ns', { goal: '10' });
  row('a record, decoded and handed out', Math.min(...decoded), 'ns', { peer: libbpf });

  using _flood = new FloodProcess(send);
  await sleep(once ? 500 : 1500);
  await compareFloods(() => open(decode), peer);
}

if (!isFlood()) await main();
