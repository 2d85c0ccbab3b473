/**
 * Builds the JavaScript of the package once for the tests that need it, in a folder of their own: `dist` may be older
 * than the sources, and others may be using it.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    /** A folder with what is published, but for the types: package.json, dist, LICENSE, README.md. */
    readonly built: string;
  }
}

const root = join(import.meta.dirname, '../..');
// Inside node_modules, so that koffi is found from there.
const cache = join(root, 'node_modules/.cache/beespoke');

export const setup = ({ provide }: TestProject): (() => void) => {
  mkdirSync(cache, { recursive: true });
  const directory = mkdtempSync(join(cache, 'built-'));
  execFileSync('npx', ['rolldown', '-c', '-d', join(directory, 'dist')], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  for (const file of ['package.json', 'LICENSE', 'README.md']) {
    cpSync(join(root, file), join(directory, file));
  }
  provide('built', directory);
  return () => rmSync(directory, { recursive: true, force: true });
};
