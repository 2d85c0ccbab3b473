/**
 * @module
 * Cgroups by their directories (Documentation/admin-guide/cgroup-v2.rst).
 */
import { statfsSync, statSync } from 'node:fs';
import { NotFoundError } from '../object/index.ts';
import { duplicateFd, FileDescriptor, openFile } from '../syscall/index.ts';

/** CGROUP2_SUPER_MAGIC */
const MAGIC = 0x63677270;

/** A descriptor of our own of a cgroup. */
export const openCgroup = (cgroup: string | number): FileDescriptor => {
  if (typeof cgroup === 'number')
    return new FileDescriptor(duplicateFd(cgroup), `cgroup with descriptor ${cgroup}`);
  if (!isCgroup(cgroup))
    throw new NotFoundError(
      `${cgroup} is not a directory of a cgroup2 file system: mount -t cgroup2 lists those, and mkdir makes a cgroup`,
    );
  return new FileDescriptor(openFile(cgroup), `cgroup ${cgroup}`);
};

const isCgroup = (path: string): boolean => {
  try {
    return statfsSync(path).type === MAGIC && statSync(path).isDirectory();
  } catch {
    return false;
  }
};
