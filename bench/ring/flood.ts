/**
 * Reading while another process sends as fast as it can: events per second, what is lost, how long a timer
 * waits; each way of reading in turn with the consumer in C.
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { EventReader } from '../../src/kernel/event-reader.ts';
import type { Value } from '../../src/layout/index.ts';
import { watchTimers } from '../../test/kernel/ring-support.ts';
import { median, once, rounds, row } from '../report.ts';
import type { Peer } from './peer.ts';
import type { Sample } from './sample.ts';

export type SampleValue = Value<typeof Sample>;
const FACES = ['each', 'batches', 'read'] as const;
const DURATION = once ? 200 : 1000;

/** So that what is read is used. */
let sum = 0;
export const use = ({ pid, exitCode, comm }: SampleValue): void => {
  sum += pid + exitCode + comm.length;
};

async function flood(buffer: EventReader<SampleValue>, face: (typeof FACES)[number]) {
  const lostBefore = buffer.lost;
  let received = 0;
  const count = (event: SampleValue) => {
    use(event);
    received++;
  };
  const end = new AbortController();
  const stopTimers = watchTimers();
  const start = performance.now();
  const listening = face === 'each' ? buffer.each(count) : undefined;
  const reading = (async () => {
    if (face === 'batches') for await (const batch of buffer.batches(end)) batch.forEach(count);
    if (face === 'read') for await (const event of buffer.read(end)) count(event);
  })();
  await sleep(DURATION);
  const { longest: stall } = stopTimers();
  const millions = received / (performance.now() - start) / 1e3;
  const lost = buffer.lost - lostBefore;
  listening?.[Symbol.dispose]();
  end.abort();
  await reading;
  return { millions, stall, lost: (100 * lost) / (lost + received) };
}

/** Prints how each way of reading does. `open` makes a reader for each round. */
export async function compareFloods(
  open: () => EventReader<SampleValue>,
  peer: Peer | undefined,
): Promise<void> {
  for (const face of FACES) {
    const ours: Awaited<ReturnType<typeof flood>>[] = [];
    const theirs: number[] = [];
    for (let i = 0; i < rounds(7); i++) {
      using buffer = open();
      ours.push(await flood(buffer, face));
      buffer.close();
      if (!peer) continue;
      const { events, ns } = await peer.tell(`flood ${DURATION}`);
      theirs.push((events / ns) * 1e3);
    }
    const millions = median(ours.map((each) => each.millions));
    const libbpf = theirs.length > 0 ? { name: 'libbpf', value: median(theirs) } : undefined;
    row(`a flood, ${face}`, millions, 'M/s', { peer: libbpf, goal: '0.95 of libbpf' });
    row('  lost', median(ours.map(({ lost }) => lost)), '%');
    row('  longest wait of a 5 ms timer *', median(ours.map(({ stall }) => stall)), 'ms');
  }
  if (sum === 0) throw new Error('nothing was read');
  console.log('* without the time that other processes had the CPU; median of the rounds');
  if (!peer) console.log('without gcc and libbpf there is nothing to compare with');
}
