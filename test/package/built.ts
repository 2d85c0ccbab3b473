/**
 * The package as it is published, built for one file of tests into a folder of its own: `dist` may be older than the
 * sources, and others may be using it.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '../..');

/** Inside node_modules, so that koffi is found from there. */
export const cache = join(root, 'node_modules/.cache/beespoke');

export interface Built {
  /** The folder: package.json, dist, LICENSE and README.md. */
  readonly directory: string;
  /** The command, for `node`. */
  readonly main: string;
  /** Removes the folder. */
  remove(): void;
}

/** Builds the JavaScript (0.7 s), and the types where they are wanted (2 s). */
export const build = ({ types = false } = {}): Built => {
  mkdirSync(cache, { recursive: true });
  const directory = mkdtempSync(join(cache, 'built-'));
  const dist = join(directory, 'dist');
  const remove = () => rmSync(directory, { recursive: true, force: true });
  try {
    tool('rolldown/bin/cli.mjs', '-c', '-d', dist);
    if (types) tool('typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', dist);
    for (const file of ['package.json', 'LICENSE', 'README.md']) {
      cpSync(join(root, file), join(directory, file));
    }
  } catch (error) {
    remove();
    throw error;
  }
  return { directory, main: join(dist, 'cli/main.js'), remove };
};

const tool = (path: string, ...args: readonly string[]): void => {
  try {
    execFileSync(process.execPath, [join(root, 'node_modules', path), ...args], {
      cwd: root,
      encoding: 'utf8',
    });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${path} ${args.join(' ')} failed:\n${stdout}${stderr}`);
  }
};
