/**
 * Events per second of a flood through perf buffers, and how long a timer waits meanwhile; beside a consumer
 * in C that uses libbpf. Needs root; where there is no gcc or libbpf, prints our figures only.
 *
 *     npm run bench perf-buffer
 * @module
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { PerfBuffer } from '../src/kernel/perf-buffer.ts';
import { decoder } from '../src/layout/index.ts';
import { FileDescriptor, fdById, mapInfo } from '../src/syscall/index.ts';
import { Maps, runAtOnce } from '../test/kernel/ring-support.ts';
import { once, rounds, row } from './report.ts';
import { compareFloods } from './ring/flood.ts';
import { FloodProcess, isFlood, Peer } from './ring/peer.ts';
import { perfSamples, Sample, sendToPerf } from './ring/sample.ts';

async function main(): Promise<void> {
  using maps = new Maps();
  const send = maps.load(sendToPerf());
  const mapId = mapInfo(maps.of(perfSamples).fd).id;
  using peer = Peer.start(new URL('ring/consumer.c', import.meta.url), 'perf', mapId);
  const open = () => {
    const map = new FileDescriptor(fdById('map', mapId)!, 'map samples');
    const lost = () => maps.lost(perfSamples);
    return new PerfBuffer({ name: 'samples', map, decode: decoder(Sample), lost });
  };

  const perRecord: number[] = [];
  {
    using buffer = open();
    for (let i = 0; i < rounds(200); i++) {
      runAtOnce(send, 2000);
      let count = 0;
      const start = performance.now();
      buffer.drain(() => count++);
      perRecord.push(((performance.now() - start) * 1e6) / count);
    }
  }
  row('a record, decoded and handed out', Math.min(...perRecord), 'ns');

  using _flood = new FloodProcess(send);
  await sleep(once ? 500 : 1500);
  await compareFloods(open, peer);
}

if (!isFlood()) await main();
