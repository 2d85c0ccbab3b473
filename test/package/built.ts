/**
 * The package as it is published, built for one file of tests into a folder of its own: `dist` may be older than the
 * sources, and others may be using it. Everyone may read the folder, so that its command can be run without root.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '../..');

export interface Built {
  /** The folder: package.json, dist, LICENSE, README.md, and koffi in node_modules. */
  readonly directory: string;
  /** The command, for `node`. */
  readonly main: string;
  /** Removes the folder. */
  remove(): void;
}

/** Builds the JavaScript (0.7 s), and the types where they are wanted (2 s). */
export const build = ({ types = false } = {}): Built => {
  const directory = mkdtempSync(join(tmpdir(), 'beespoke-built-'));
  // Beside `dist`, since source maps hold relative paths.
  const dist = mkdtempSync(join(root, 'dist.'));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  try {
    chmodSync(directory, 0o755);
    tool('rolldown/bin/cli.mjs', '-c', '-d', dist);
    if (types) tool('typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', dist);
    cpSync(dist, join(directory, 'dist'), { recursive: true });
    chmodSync(join(directory, 'dist'), 0o755);
    // The script is not published, but some versions of npm run it before they pack.
    const files = ['package.json', 'LICENSE', 'README.md', 'scripts/prepare.js'];
    for (const file of [...files, 'node_modules/koffi', 'node_modules/@koromix']) {
      cpSync(join(root, file), join(directory, file), { recursive: true });
    }
  } catch (error) {
    remove();
    throw error;
  } finally {
    rmSync(dist, { recursive: true, force: true });
  }
  return { directory, main: join(directory, 'dist/cli/main.cjs'), remove };
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
