/**
 * @module
 * Files that commands write: whole or not at all, and never in the place of a device or a directory; or, for `-`,
 * standard output.
 */
import {
  closeSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UsageError } from './errors.ts';

/** What stands for standard output. */
export const STDOUT = '-';

/** Writes a file, or replaces one. Throws an error of one sentence that names it. */
export const writeWhole = (file: string, bytes: Uint8Array): void => {
  if (file === STDOUT) {
    if (process.stdout.isTTY)
      throw new UsageError('an object file is nothing for a terminal: put > FILE or | behind it');
    process.stdout.write(bytes);
    return;
  }
  const target = targetOf(file);
  // In the same folder, since only there it can take the other's place at once.
  const draft = join(dirname(target), `.${basename(target)}.${process.pid}`);
  let mine = false;
  try {
    const fd = openSync(draft, 'wx');
    mine = true;
    try {
      writeFileSync(fd, bytes);
    } finally {
      closeSync(fd);
    }
    renameSync(draft, target);
  } catch (error) {
    if (mine) rmSync(draft, { force: true });
    const { code, message } = error as NodeJS.ErrnoException;
    throw new Error(
      code === 'ENOENT'
        ? `cannot write ${file}: there is no folder ${dirname(target)}`
        : `cannot write ${file}: ${message}`,
    );
  }
};

/** Where a file is written: behind symbolic links, if they lead somewhere. */
const targetOf = (file: string): string => {
  const found = statSync(file, { throwIfNoEntry: false });
  if (!found) return file;
  if (!found.isFile())
    throw new Error(
      `cannot write ${file}: it is ${found.isDirectory() ? 'a directory' : 'no regular file'}`,
    );
  return realpathSync(file);
};
