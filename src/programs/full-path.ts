/**
 * @module
 * The directory that a relative path starts from: its names, walked from the leaf to the root across mounts.
 *
 * The names follow the path in its buffer, in the order of the walk, each after a slash. None of them has a slash in
 * it, so that with their number user space can put them first: `b.c/src/home` and 2 names are `/home/src/b.c`.
 */
import {
  add,
  bytes,
  call,
  char,
  chars,
  coreRead,
  exit,
  fieldOffset,
  fn,
  helper,
  ja,
  jeq,
  jge,
  jgt,
  jne,
  jsle,
  kernelStruct,
  label,
  load,
  lsh,
  mov,
  pointer,
  r0,
  r1,
  r2,
  r3,
  r6,
  r7,
  r8,
  r9,
  rsh,
  type Subprogram,
  stack,
  store,
  struct,
  sub,
  times,
  u8,
  u32,
  u64,
  w0,
  w1,
  w7,
} from '../index.ts';

/** The number that stands for the working directory (include/uapi/linux/fcntl.h). */
export const AT_FDCWD = -100;
/** The bytes of the longest path that the kernel takes, its NUL included. */
export const PATH_MAX = 4096;
/** A path with room for one byte more, which tells whether it goes on. */
export const PATH_ROOM = PATH_MAX + 1;
/** The bytes of the longest name, its NUL included. */
const NAME_ROOM = 256;
/** Directories deeper than this are cut, and marked so. */
const MOST_STEPS = 64;

/** What the walk says of itself, before the path in the event. */
export const pathFields = {
  /** Bytes in the buffer, with the NUL. */
  size: u32,
  /** How many names of directories follow the path. */
  names: u32,
  /** 1 when the last of them is in the root directory. */
  rooted: u32,
};
/** A path, and room for the names of its directories. */
export const LongPath = struct('long_path', {
  ...pathFields,
  path: chars(PATH_ROOM),
  directories: bytes(PATH_MAX + NAME_ROOM),
});
/** The most that the path and the names may take. */
export const LONG_PATH_MAX = 2 * PATH_MAX + 1 + NAME_ROOM;

// What is read of the kernel's structs. A vfsmount is the part of a mount that file systems see.
const Dentry = kernelStruct('dentry', {
  d_name: kernelStruct('qstr', { name: pointer(char) }),
  d_parent: pointer(),
});
const VfsMount = kernelStruct('vfsmount', { mnt_root: pointer() });
const Mount = kernelStruct('mount', {
  mnt: VfsMount,
  mnt_parent: pointer(),
  mnt_mountpoint: pointer(),
});
const Path = kernelStruct('path', { mnt: pointer(), dentry: pointer() });
const Files = kernelStruct('files_struct', {
  fdt: pointer(kernelStruct('fdtable', { max_fds: u32, fd: pointer() })),
});
const Task = kernelStruct('task_struct', {
  fs: pointer(kernelStruct('fs_struct', { pwd: Path })),
  files: pointer(Files),
});
const File = kernelStruct('file', { f_path: Path });

/**
 * Appends the directory of a relative path: `addDirectories(path, directory)`, where r1 points to a LongPath whose
 * `size` is that of its path, and r2 is the descriptor that the path is relative to, or AT_FDCWD.
 */
export const addDirectories = (): Subprogram => {
  const path = LongPath.at(r6);
  const entry = Dentry.at(r8);
  const mount = Mount.at(r9);
  const file = stack(u64);
  const [working, known, below, next, rooted, done] = labels();
  const task = Task.at(r8);
  return fn('add_directories', 2, [
    mov(r6, r1), // r6 = the path
    mov(r7, r2), // w7 = the directory
    store(path.names, 0),
    store(path.rooted, 0),
    load(w1, u8.at(r6, PATH_OFFSET)),
    jeq(w1, '/'.charCodeAt(0), done), // absolute
    jeq(w1, 0, done), // not readable, or empty

    call(helper.get_current_task),
    mov(r8, r0), // r8 = the task
    jeq(w7, AT_FDCWD, working),
    coreRead(w1, task.files.fdt.max_fds),
    jge(w7, w1, done),
    coreRead(r8, task.files.fdt.fd),
    lsh(r7, 32),
    rsh(r7, 32 - 3),
    add(r8, r7),
    call(helper.probe_read_kernel, file, 8, r8),
    load(r8, file), // r8 = the file
    jeq(r8, 0, done), // no such descriptor
    coreRead(r9, File.at(r8).f_path.mnt),
    coreRead(r8, File.at(r8).f_path.dentry),
    ja(known),
    working,
    coreRead(r9, task.fs.pwd.mnt),
    coreRead(r8, task.fs.pwd.dentry),
    known,
    mov(r1, fieldOffset(mount.mnt)),
    sub(r9, r1), // r9 = the mount, r8 = the entry in it

    times(r7, MOST_STEPS, [
      coreRead(r1, mount.mnt.mnt_root),
      jne(r1, r8, below),
      coreRead(r8, mount.mnt_mountpoint), // the root of this mount: go on where it is mounted
      coreRead(r1, mount.mnt_parent),
      jeq(r1, r9, rooted), // nowhere: the root of all
      mov(r9, r1),
      ja(next),

      below,
      coreRead(r1, entry.d_parent),
      jeq(r1, r8, done), // of no mount: a pipe, or a directory that is unmounted
      coreRead(r3, entry.d_name.name),
      load(w1, path.size),
      jgt(w1, PATH_MAX + 1 + PATH_MAX, done),
      add(r1, r6),
      store(u8.at(r1, PATH_OFFSET - 1), '/'.charCodeAt(0)), // in place of the NUL
      add(r1, PATH_OFFSET),
      call(helper.probe_read_kernel_str, r1, NAME_ROOM, r3),
      jsle(r0, 0, done),
      load(w1, path.size),
      add(w1, w0),
      store(path.size, w1),
      load(w1, path.names),
      add(w1, 1),
      store(path.names, w1),
      coreRead(r8, entry.d_parent),
      next,
    ]),
    ja(done),
    rooted,
    store(path.rooted, 1),
    done,
    mov(r0, 0),
    exit(),
  ]);
};

/** Where the path starts in a LongPath. */
const PATH_OFFSET = LongPath.members.find(({ name }) => name === 'path')!.offset;

const labels = () =>
  [
    label('working'),
    label('known'),
    label('below'),
    label('next'),
    label('rooted'),
    label('done'),
  ] as const;

/** A path as it is shown: `size` is its bytes with the NUL, as far as they were read. */
export const pathText = (path: string, size: number): string =>
  size > PATH_MAX ? `${path}...` : path;

/** What the walk found, before the path: `.../` stands for what is missing. */
export const fullPath = (
  path: string,
  { names, rooted }: { readonly names: number; readonly rooted: number },
): string => {
  if (names === 0 && !rooted) return path;
  const parts = path.split('/');
  const directories = parts.splice(parts.length - names).reverse();
  return [rooted ? '' : '...', ...directories, ...parts].join('/');
};
