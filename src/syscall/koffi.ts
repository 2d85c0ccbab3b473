/**
 * koffi, loaded synchronously and as late as possible: `--help` pays nothing for it.
 *
 * The package finds its binary through five files of JavaScript, which take 5 ms of its 6.5 (Node 20.20). So the
 * binary is asked for directly, in the version that package.json pins, and the package only where that fails:
 * on musl and unusual machines, and where a package manager hides what was not asked for by name.
 * @module
 */

import { closeSync, openSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import { UnsupportedError } from './errors.ts';

export type Koffi = typeof import('koffi');

/** As in package.json. */
export const KOFFI_VERSION = '3.3.4';

/** Loads koffi. Throws an {@link UnsupportedError} where there is none for this machine. */
export function loadKoffi(): Koffi {
  // The name is there sooner than the address; some test runners and bundlers have the address only.
  const require = createRequire(import.meta.filename ?? import.meta.url);
  try {
    return loadBinary(require) ?? require('koffi');
  } catch (cause) {
    throw new UnsupportedError(
      `beespoke calls the kernel through koffi, which did not load: ${(cause as Error).message}`,
      { cause },
    );
  }
}

/** koffi's binary for glibc; undefined when it is not there, or is not the one that we know. */
export function loadBinary(require: NodeJS.Require): Koffi | undefined {
  const { platform, arch } = process;
  if (platform !== 'linux') return undefined;
  try {
    if (!isLinkedWithGlibc(process.execPath)) return undefined;
    const binary = require(`@koromix/koffi-linux-${arch}/linux_${arch}/koffi.node`);
    return binary.version === KOFFI_VERSION ? binary : undefined;
  } catch {
    return undefined;
  }
}

/** Whether glibc loads this program. Its first page holds the name of its loader: `/lib64/ld-linux-x86-64.so.2`. */
export function isLinkedWithGlibc(program: string): boolean {
  const page = new Uint8Array(4096);
  const fd = openSync(program, 'r');
  try {
    readSync(fd, page);
  } finally {
    closeSync(fd);
  }
  return Buffer.from(page.buffer).includes('/ld-linux');
}
