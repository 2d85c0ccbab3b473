/**
 * @module
 * Readers of our output that go away, as `head` does.
 */

let forgiven = false;

/**
 * Makes a reader that went away no failure. To be called before anything is written to `process.stdout` and
 * `process.stderr`, and not sooner than that: Node takes 3 ms to set them up, in which a tool can be attached.
 */
export const forgiveReaders = (): void => {
  if (forgiven) return;
  forgiven = true;
  for (const output of [process.stdout, process.stderr]) {
    output.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
};
