/**
 * @module
 * Readers of our output that go away, as `head` does; and output that nothing takes, as a disk that is full.
 */
import { writeSync } from 'node:fs';
import { FAILED } from './errors.ts';

/** Of the process: a command may have a second copy of this file, from another part of the package. */
const FORGIVEN = Symbol.for('beespoke.forgiveReaders');

/**
 * Makes a reader that went away no failure, and any other error of writing one sentence. To be called before anything
 * is written to `process.stdout` and `process.stderr`, and not sooner than that: Node takes 3 ms to set them up, in
 * which a tool can be attached.
 */
export const forgiveReaders = (): void => {
  const own = process as { [FORGIVEN]?: boolean };
  if (own[FORGIVEN]) return;
  own[FORGIVEN] = true;
  for (const output of [process.stdout, process.stderr]) output.on('error', tell);
};

let told = false;

/** The command goes on to its own end, which closes what it holds; only its status changes. */
const tell = ({ code, message }: NodeJS.ErrnoException): void => {
  if (code === 'EPIPE' || told) return;
  told = true;
  process.once('exit', (status) => {
    if (status === 0) process.exitCode = FAILED;
  });
  try {
    writeSync(2, `beespoke: cannot write the output: ${message}\n`);
  } catch {
    // It is stderr itself.
  }
};
