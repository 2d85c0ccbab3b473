/** What the tests of loading share: small objects, what is there before and after, children of their own. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'vitest';
import { type ObjectSpec, object, type ProgramEntry } from '../../src/index.ts';
import { closeFd, fdById, ids, linkInfo, mapInfo, progInfo } from '../../src/syscall/index.ts';

export { done, holdings } from './checks.ts';

/** An object of one program. */
export const only = <P extends ProgramEntry>(program: P) =>
  object({ license: 'GPL', programs: { program } }) satisfies ObjectSpec as ObjectSpec<
    Record<string, never>,
    { program: P }
  >;

/** What of the kernel's has one of these names, as `prog handleExit`, and how many links there are to such programs. */
export const inKernel = (...names: readonly string[]): string[] => {
  const found: string[] = [];
  const programs = new Set<number>();
  const each = (kind: 'prog' | 'map' | 'link', look: (fd: number, id: number) => void) => {
    for (const id of ids(kind)) {
      const fd = fdById(kind, id);
      if (fd === undefined) continue;
      try {
        look(fd, id);
      } finally {
        closeFd(fd);
      }
    }
  };
  each('prog', (fd, id) => {
    const { name } = progInfo(fd);
    if (!names.includes(name)) return;
    programs.add(id);
    found.push(`prog ${name}`);
  });
  each('map', (fd) => {
    const { name } = mapInfo(fd);
    if (names.includes(name)) found.push(`map ${name}`);
  });
  each('link', (fd) => {
    const { progId } = linkInfo(fd);
    if (programs.has(progId)) found.push('link');
  });
  return found.sort();
};

/** Programs and maps end a moment after their last descriptor, when no CPU can be using them. */
export const expectGone = (...names: readonly string[]): Promise<void> =>
  expect.poll(() => inKernel(...names), { timeout: 5000, interval: 20 }).toEqual([]);

/** The error that a function throws. */
export const thrown = <E extends Error = Error>(run: () => unknown): E => {
  try {
    run();
  } catch (error) {
    return error as E;
  }
  throw new Error('expected it to throw');
};

export const fixture = (name: string): string =>
  fileURLToPath(new URL(`./${name}`, import.meta.url));

/** Runs a script with tsx in a process of its own; resolves to what it printed, whatever its status. */
export const runTsx = async (
  file: string,
  options: { readonly uid?: number; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<string> => {
  try {
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      ['--import', import.meta.resolve('tsx'), file],
      { ...options, encoding: 'utf8' },
    );
    return stdout + stderr;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    return stdout + stderr;
  }
};
