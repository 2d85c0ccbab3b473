/**
 * @module
 * Executables and libraries by the names that people use: a path, a command of PATH, a library as the dynamic linker
 * finds it; also inside of a container, through /proc/PID/root.
 * @example
 * findExecutable('libc.so.6');                 // '/usr/lib/x86_64-linux-gnu/libc.so.6'
 * findExecutable('libc.so.6', { pid: 4711 });  // the one that process 4711 has mapped
 */
import { existsSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { basename, delimiter, join, resolve } from 'node:path';
import { ElfFile } from '../elf/index.ts';
import { NotFoundError, RequirementError } from '../object/index.ts';
import { mapFile } from '../syscall/index.ts';
import { findInLinkerCache } from './linker-cache.ts';

export interface ExecutableOptions {
  /** The process that runs it: its libraries are taken as it has them mapped, paths as it sees them. */
  readonly pid?: number | undefined;
}

const TRIPLES: Readonly<Record<string, string>> = {
  x64: 'x86_64-linux-gnu',
  arm64: 'aarch64-linux-gnu',
};

/** The path of an executable or library, as this process sees it. Throws a NotFoundError that says where it was looked for. */
export const findExecutable = (name: string, { pid }: ExecutableOptions = {}): string => {
  const root = pid === undefined ? '' : rootOf(pid);
  const candidates = name.includes('/')
    ? [resolve(name)]
    : isLibrary(name)
      ? [...mappedBy(pid, name), ...libraryPaths(name, root)]
      : commandPaths(name);
  for (const candidate of candidates) {
    const path = pathInRoot(root, candidate);
    if (path !== undefined && isFile(path)) return path;
  }
  const [path] = candidates;
  if (name.includes('/') && path !== undefined && existsSync(root + path))
    throw new NotFoundError(`${name} is no regular file`);
  const where = name.includes('/') ? '' : `; looked for ${[...new Set(candidates)].join(', ')}`;
  throw new NotFoundError(
    `there is no file ${name}${root && ` in the file system of process ${pid}`}${where}`,
  );
};

/** Runs with an ELF file that is mapped meanwhile. */
export const withElfFile = <T>(path: string, use: (file: ElfFile) => T): T => {
  using mapping = mapFile(path);
  return use(new ElfFile(mapping.bytes, { label: path }));
};

/** `libc.so`, `libc.so.6`. */
const isLibrary = (name: string): boolean => /\.so(\.|$)/.test(name);

/** Whether there is a file, as far as this process may see. */
const isFile = (path: string): boolean => {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
};

const commandPaths = (name: string): string[] =>
  [...(process.env.PATH ?? '').split(delimiter), '/usr/bin', '/usr/sbin']
    .filter((directory) => directory !== '')
    .map((directory) => join(directory, name));

/** In the order of ld.so(8). */
const libraryPaths = (name: string, root: string): string[] => {
  const triple = TRIPLES[process.arch] ?? '';
  const environment = (process.env.LD_LIBRARY_PATH ?? '').split(delimiter);
  const usual = ['/lib', '/usr/lib', '/lib64', '/usr/lib64', '/usr/local/lib'];
  return [
    ...environment.filter((directory) => directory !== '').map((each) => join(each, name)),
    ...findInLinkerCache(name, `${root}/etc/ld.so.cache`),
    ...[...usual.slice(0, 2).map((each) => `${each}/${triple}`), ...usual].map((each) =>
      join(each, name),
    ),
  ];
};

/** What a process has mapped of that name, also with a longer version: `libssl.so.3` for `libssl.so`. */
const mappedBy = (pid: number | undefined, name: string): string[] => {
  if (pid === undefined) return [];
  const paths = readText(`/proc/${pid}/maps`)
    .split('\n')
    .map((line) => line.slice(line.indexOf('/')))
    .filter((path) => path.startsWith('/'));
  const fits = (path: string) => basename(path) === name || basename(path).startsWith(`${name}.`);
  return [...new Set(paths.filter(fits))];
};

/** The directory that is `/` to a process; '' where that is ours. */
const rootOf = (pid: number): string => {
  try {
    const same = ['ns/mnt', 'root'].every(
      (each) => readlinkSync(`/proc/${pid}/${each}`) === readlinkSync(`/proc/self/${each}`),
    );
    return same ? '' : `/proc/${pid}/root`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new NotFoundError(`there is no process ${pid}`, { cause: error });
    throw new RequirementError(
      `this process may not look at process ${pid}: run it as root (sudo)`,
      { cause: error },
    );
  }
};

/** As many symbolic links as the kernel follows. */
const MOST_LINKS = 40;

/** A path below another root. Links are followed here: absolute ones would lead out of it. */
const pathInRoot = (root: string, path: string): string | undefined => {
  if (root === '') return path;
  let done = '/';
  let rest = path.split('/');
  for (let links = 0; rest.length > 0; ) {
    const [step = '', ...after] = rest;
    rest = after;
    const next = join(done, step);
    let target: string | undefined;
    try {
      target = readlinkSync(root + next);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    }
    if (target === undefined) done = next;
    else if (++links > MOST_LINKS) return undefined;
    else {
      if (target.startsWith('/')) done = '/';
      rest = [...target.split('/'), ...rest];
    }
  }
  return root + done;
};

const readText = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};
