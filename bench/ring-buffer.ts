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
import { type Decoder, decoder, type Value } from '../src/layout/index.ts';
import { FileDescriptor, fdById, mapInfo } from '../src/syscall/index.ts';
import { Maps, run, watchTimers } from '../test/kernel/ring-support.ts';
import { median, once, rounds, row } from './report.ts';
import { FloodProcess, isFlood, Peer } from './ring/peer.ts';
import { Sample, samples, sendToRing } from './ring/sample.ts';

type Event = Value<typeof Sample>;
type Face = 'each' | 'batches' | 'read';
const FLOOD_MS = once ? 200 : 1000;
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
    run(send, FULL);
    using buffer = open(decode);
    const start = performance.now();
    buffer.drain(onEvent);
    return ((performance.now() - start) * 1e6) / FULL;
  };

  const decode = decoder(Sample);
  let sum = 0;
  const onEvent = ({ pid, exitCode, comm }: Event) => {
    sum += pid + exitCode + comm.length;
  };
  const bare: number[] = [];
  const decoded: number[] = [];
  const inC: number[] = [];
  for (let i = 0; i < rounds(15); i++) {
    bare.push(
      drain(
        () => 0,
        () => {},
      ),
    );
    decoded.push(drain(decode, onEvent));
    if (!peer) continue;
    run(send, FULL);
    const { events, ns } = await peer.tell('drain');
    inC.push(ns / events);
  }
  const libbpf = inC.length > 0 ? { name: 'libbpf', value: median(inC) } : undefined;
  row('a record, before decoding', median(bare), 'ns', { goal: '10' });
  row('a record, decoded and handed out', median(decoded), 'ns', { peer: libbpf });

  const flood = async (
    face: Face,
  ): Promise<{ perSecond: number; stall: number; share: number }> => {
    using buffer = open(decode);
    const lostBefore = lost();
    let received = 0;
    const count = (event: Event) => {
      onEvent(event);
      received++;
    };
    const end = new AbortController();
    const timers = watchTimers();
    const start = performance.now();
    const listening = face === 'each' ? buffer.each(count) : undefined;
    const reading = (async () => {
      if (face === 'batches') for await (const batch of buffer.batches(end)) batch.forEach(count);
      if (face === 'read') for await (const event of buffer.read(end)) count(event);
    })();
    await sleep(FLOOD_MS);
    const stall = timers.stop();
    const perSecond = received / ((performance.now() - start) / 1000);
    listening?.[Symbol.dispose]();
    end.abort();
    await reading;
    const missed = lost() - lostBefore;
    return { perSecond, stall, share: missed / (missed + received) };
  };

  using _flood = new FloodProcess(send);
  await sleep(1500);
  for (const face of ['each', 'batches', 'read'] as const) {
    const ours: number[] = [];
    const theirs: number[] = [];
    const stalls: number[] = [];
    const shares: number[] = [];
    for (let i = 0; i < rounds(5); i++) {
      const { perSecond, stall, share } = await flood(face);
      ours.push(perSecond / 1e6);
      stalls.push(stall);
      shares.push(share * 100);
      if (!peer) continue;
      const { events, ns } = await peer.tell(`flood ${FLOOD_MS}`);
      theirs.push((events / ns) * 1e3);
    }
    const other = theirs.length > 0 ? { name: 'libbpf', value: median(theirs) } : undefined;
    row(`a flood, ${face}`, median(ours), 'M/s', { peer: other, goal: '0.95 of libbpf' });
    row('  lost', median(shares), '%');
    row('  longest wait of a 5 ms timer', Math.max(...stalls), 'ms');
  }
  if (sum === 0) throw new Error('nothing was read');
  if (!peer) console.log('without gcc and libbpf there is nothing to compare with');
}

if (!isFlood()) await main();
