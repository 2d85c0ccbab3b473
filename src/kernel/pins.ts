/**
 * @module
 * What lives on under a path in a BPF file system: programs, maps and links that are pinned stay when their process
 * ends. Follows kernel/bpf/inode.c (Linux 6.18).
 *
 *     pin(map.fd, '/sys/fs/bpf/starts');
 *     unpin('/sys/fs/bpf/starts');
 */
import { mkdirSync, statfsSync, statSync, unlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { NotFoundError, RequirementError } from '../object/index.ts';
import { BpfError, objGet, objPin } from '../syscall/index.ts';

/** Where BPF file systems are mounted by custom. */
export const BPF_FILE_SYSTEM = '/sys/fs/bpf';

/** BPF_FS_MAGIC */
const MAGIC = 0xcafe4a11;

/**
 * Keeps a program, a map or a link under a path. The directory is made, if only the last one is missing.
 * @throws RequirementError where no BPF file system is mounted; BpfError when something is pinned there already.
 */
export const pin = (fd: number, path: string): void => {
  const directory = dirname(path);
  checkFileSystem(path);
  if (!isThere(directory)) mkdirSync(directory, { mode: 0o700 });
  objPin(fd, path);
};

/** Removes a pin. What was pinned ends with its last user. */
export const unpin = (path: string): void => {
  checkFileSystem(path);
  unlinkSync(path);
};

/** A descriptor of what is pinned at a path; undefined where nothing is. */
export const openPinned = (path: string): number | undefined => {
  try {
    return objGet(path);
  } catch (error) {
    if (error instanceof BpfError && error.code === 'ENOENT') return undefined;
    throw error;
  }
};

/** Throws a NotFoundError that says why nothing can be pinned at a path, where that can be told. */
export const checkPinnable = (path: string): void => {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isDirectory()) throw new NotFoundError(`${path} is a directory`);
  if (stats && statfsSync(path).type !== MAGIC)
    throw new NotFoundError(
      `${path} is not in a BPF file system, where programs and maps are pinned`,
    );
};

const checkFileSystem = (path: string): void => {
  const directory = dirname(path);
  const found = isThere(directory) ? directory : dirname(directory);
  if (isThere(found) && statfsSync(found).type === MAGIC) return;
  throw new RequirementError(
    `cannot pin to ${path}: there is no BPF file system; mount one: mount -t bpf bpf ${BPF_FILE_SYSTEM}`,
  );
};

const isThere = (directory: string): boolean => {
  try {
    statfsSync(directory);
    return true;
  } catch {
    return false;
  }
};
