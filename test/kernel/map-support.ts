/** A thread of its own that makes bpf(2) calls over and over, for tests of what happens meanwhile. */
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { syscallNumbers } from '../../src/syscall/index.ts';

const SOURCE = `
  const { workerData, parentPort } = require('node:worker_threads');
  const koffi = require(workerData.koffi);
  const syscall = koffi.load(null).func('syscall', 'int64_t', Array(7).fill('int64_t'));
  const words = new Uint32Array(128);
  const address = Number(koffi.address(words));
  const pointer = (index, offset) => {
    words[index] = address + offset;
    words[index + 1] = Math.floor((address + offset) / 2 ** 32);
  };
  const bpf = (command, size) => syscall(workerData.bpf, command, address, size, 0, 0, 0);
  const prepare = new Function('words', 'pointer', 'fd', workerData.prepare);
  const step = new Function('n', 'words', 'bpf', workerData.step);
  const stop = new Int32Array(workerData.stop);
  prepare(words, pointer, workerData.fd);
  let n = 0;
  parentPort.postMessage('running');
  for (; Atomics.load(stop, 0) === 0; n++) step(n, words, bpf);
  parentPort.postMessage(n);
`;

/**
 * Starts the thread. `prepare` and `step` are JavaScript over `words`, the attribute and 256 bytes behind it at 256;
 * `pointer(index, offset)` puts an address there in, and `bpf(command, size)` calls the kernel.
 * @returns what ends the thread and says how many steps it made
 */
export async function hammer(
  fd: number,
  prepare: string,
  step: string,
): Promise<() => Promise<number>> {
  const stop = new SharedArrayBuffer(4);
  const koffi = createRequire(import.meta.url).resolve('koffi');
  const workerData = { fd, prepare, step, stop, koffi, bpf: syscallNumbers().bpf };
  const worker = new Worker(SOURCE, { eval: true, workerData });
  const message = () =>
    new Promise<unknown>((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
  await message();
  return async () => {
    const done = message();
    Atomics.store(new Int32Array(stop), 0, 1);
    const steps = (await done) as number;
    await worker.terminate();
    return steps;
  };
}
