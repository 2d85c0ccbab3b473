/**
 * @module
 * The version of the package.
 */
import { readFileSync } from 'node:fs';

/** As in package.json, which lies two folders above this file in the sources and in the package. */
export const version = (): string =>
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
