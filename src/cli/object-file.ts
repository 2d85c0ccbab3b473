/**
 * @module
 * Object files that are named on the command line.
 */
import { readFileSync, statSync } from 'node:fs';
import { readObject } from '../elf/index.ts';
import type { ObjectSpec } from '../object/index.ts';

/** The object in a file. Throws an error of one sentence that names the file. */
export const openObject = (file: string): ObjectSpec => {
  const bytes = readNamed(file);
  try {
    return readObject(bytes, { label: file });
  } catch (error) {
    const { message } = error as Error;
    throw new Error(message.includes(file) ? message : `${file}: ${message}`, { cause: error });
  }
};

/** The bytes of a file. Throws an error that says what is wrong with it. */
export const readNamed = (file: string): Uint8Array => {
  try {
    const stats = statSync(file);
    // Some have no end.
    if (stats.isCharacterDevice() || stats.isBlockDevice()) throw new Error('it is a device');
    return readFileSync(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new Error(`there is no file ${file}`);
    if (code === 'EISDIR') throw new Error(`${file} is a directory`);
    throw new Error(`cannot read ${file}: ${message}`);
  }
};
