/**
 * @module
 * The machine of the recorded worlds, as tools ask about it: the functions, tracepoints and files that it has.
 */
import { EM, parseUsdtArguments } from '../elf/index.ts';
import { NotFoundError } from '../object/index.ts';
import type { StaticProbe, System } from '../programs/system.ts';
import { nameTest } from './name-pattern.ts';

const KERNEL_FUNCTIONS = [
  'vfs_fstat',
  'vfs_fsync',
  'vfs_open',
  'vfs_read',
  'vfs_statx',
  'vfs_unlink',
  'vfs_write',
  'tcp_recvmsg',
  'tcp_sendmsg',
  'do_unlinkat',
];

const TRACEPOINTS = [
  'sched:sched_process_exec',
  'sched:sched_process_exit',
  'sched:sched_process_fork',
  'sched:sched_switch',
  'sched:sched_wakeup',
  'syscalls:sys_enter_openat',
  'syscalls:sys_exit_openat',
];

interface Place {
  readonly name: string;
  /** Bytes from the start of the file. */
  readonly offset: number;
}

interface RecordedFile {
  readonly path: string;
  readonly functions: readonly Place[];
  /** Static probes, in one place each; their arguments as the assembler wrote them. */
  readonly probes: readonly (Place & { readonly provider: string; readonly args: string })[];
}

/** Bytes from one function to the next. */
const FUNCTION_SIZE = 0x1c0;
const functions = (...names: readonly string[]): readonly Place[] =>
  names.map((name, index) => ({ name, offset: 0x28000 + FUNCTION_SIZE * index }));

const LIBC = '/usr/lib/x86_64-linux-gnu/libc.so.6';

const FILES: readonly RecordedFile[] = [
  {
    path: '/usr/bin/bash',
    functions: functions('main', 'readline', 'execute_command'),
    probes: [],
  },
  {
    path: LIBC,
    functions: functions('malloc', 'calloc', 'realloc', 'free', 'fopen', 'fclose', 'qsort'),
    probes: [
      { provider: 'libc', name: 'setjmp', offset: 0x4_2a31, args: '8@%rdi -4@%esi 8@%rax' },
      { provider: 'libc', name: 'longjmp', offset: 0x4_2a90, args: '8@%rdi -4@%esi 8@%rdx' },
    ],
  },
  {
    path: '/usr/bin/node',
    functions: functions('uv_run', 'uv_fs_open', 'uv_fs_read'),
    probes: [
      {
        provider: 'node',
        name: 'http__server__request',
        offset: 0x9_1c44,
        // The request and the connection, the remote address, its port, the method, the URL, and the descriptor.
        args: '8@%rdi 8@%rsi 8@%rdx -4@%ecx 8@%r8 8@%r9 -4@16(%rsp)',
      },
      { provider: 'node', name: 'gc__start', offset: 0x9_2010, args: '-4@%edi -4@%esi 8@%rdx' },
      { provider: 'node', name: 'gc__done', offset: 0x9_2054, args: '-4@%edi -4@%esi 8@%rdx' },
    ],
  },
];

/** What the processes have mapped that live on, by their numbers. */
const MAPPED: Readonly<Record<number, readonly string[]>> = {
  181: ['/usr/bin/bash', LIBC],
  215: ['/usr/bin/node', LIBC],
};

/** A file by its path, or a command or library by its name. */
const fileOf = (name: string): RecordedFile => {
  const found = FILES.find(({ path }) => path === name || path.endsWith(`/${name}`));
  if (found) return found;
  const paths = FILES.map(({ path }) => path).join(', ');
  throw new NotFoundError(`the recorded world has no file ${name}, but ${paths}`);
};

/** The one name of a place in a file: `uprobe//usr/bin/bash+0x281c0`. */
export const filePlace = (file: string, offset: number): string =>
  `uprobe/${fileOf(file).path}+0x${offset.toString(16)}`;

/** Where a function of a file is. */
export const functionPlace = (file: string, name: string): string =>
  filePlace(file, fileOf(file).functions.find((each) => each.name === name)!.offset);

/** Where a static probe of a file is. */
export const probePlace = (file: string, provider: string, name: string): string =>
  filePlace(file, probeOf(file, provider, name)!.offset);

const probeOf = (file: string, provider: string, name: string) =>
  fileOf(file).probes.find((each) => each.provider === provider && each.name === name);

/** What programs at a static probe know of its arguments. */
export const probeArguments = (file: string, provider: string, name: string) =>
  parseUsdtArguments(probeOf(file, provider, name)!.args, EM.X86_64);

/** Where every process has libc. */
const LIBC_START = 0x7f1c_2a00_0000n;

/** An address that a function of libc returns to, so many bytes from its start. */
export const libcAddress = (name: string, bytes: number): bigint =>
  LIBC_START + BigInt(fileOf(LIBC).functions.find((each) => each.name === name)!.offset + bytes);

/** Only libc is where addresses have names: the executables are stripped. */
const callAt = (address: bigint): string => {
  const place = Number(address - LIBC_START);
  const found = fileOf(LIBC).functions.findLast(({ offset }) => offset <= place);
  if (!found || place - found.offset >= FUNCTION_SIZE) return `0x${address.toString(16)}`;
  return `${found.name}+0x${(place - found.offset).toString(16)} (${LIBC})`;
};

export const recordedSystem: System = {
  hasHook: () => true,
  kernelFunctions: (pattern) => KERNEL_FUNCTIONS.filter(nameTest(pattern)),
  tracepoints: (pattern) => TRACEPOINTS.filter(nameTest(pattern)),
  hasFile: (file) => FILES.some(({ path }) => path === file || path.endsWith(`/${file}`)),
  functions: (file, pattern) => {
    const fits = nameTest(pattern);
    return fileOf(file).functions.filter(({ name }) => fits(name));
  },
  staticPlaces: (file, pattern) => {
    const fits = nameTest(pattern);
    return fileOf(file)
      .probes.filter(({ provider, name }) => fits(name) || fits(`${provider}:${name}`))
      .map(({ provider, name, offset }) => ({
        name: `${provider}:${name}`,
        offset,
        referenceCounter: 0,
      }));
  },
  staticProbes: (file) =>
    fileOf(file).probes.map(
      ({ provider, name, args: text }): StaticProbe => ({
        file,
        provider,
        name,
        text,
        args: probeArguments(file, provider, name),
        places: 1,
      }),
    ),
  mappedFiles: (pid) => {
    const files = MAPPED[pid];
    if (files) return files;
    const pids = Object.keys(MAPPED).join(' and ');
    throw new NotFoundError(`of the recorded processes, ${pids} have files mapped, not ${pid}`);
  },
  ownPid: () => undefined,
  userStacks: (stacks) => stacks.map(({ addresses }) => addresses.map(callAt)),
};
