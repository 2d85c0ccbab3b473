/**
 * The errors of this room. A message says what was attempted, what the kernel answered, and, where it can
 * be known, why and what to do about it (causes.ts).
 *
 *     cannot create the map 'events': EPERM (operation not permitted). This process lacks CAP_BPF: ...
 * @module
 */

import { type Failure, likelyCause } from './causes.ts';
import { errnoName, errnoText } from './errno.ts';

/** This operating system or processor cannot load BPF programs through beespoke. */
export class UnsupportedError extends Error {
  override readonly name: string = 'UnsupportedError';
}

/** A system call that the kernel refused. */
export class SystemCallError extends Error {
  override readonly name: string = 'SystemCallError';
  /** The system call: `mmap`, or the command of bpf(2): `BPF_MAP_CREATE`. */
  readonly call: string;
  readonly errno: number;
  /** The name of the error number: `EPERM`. */
  readonly code: string;

  constructor(failure: Failure) {
    const code = errnoName(failure.errno);
    const cause = likelyCause(failure, code);
    const text = `cannot ${failure.attempt}: ${code} (${errnoText(failure.errno)})`;
    super(cause ? `${text}. ${cause}` : text);
    this.call = failure.call;
    this.errno = failure.errno;
    this.code = code;
  }
}

export interface BpfFailure extends Failure {
  /** The size that the log would have had, in bytes with its terminator; kernels since 6.4 say it. */
  readonly logTrueSize?: number | undefined;
  /** How many elements a batch had processed when it failed. */
  readonly count?: number | undefined;
}

/** A command of bpf(2) that the kernel refused. */
export class BpfError extends SystemCallError {
  override readonly name: string = 'BpfError';
  /** The command: `BPF_MAP_CREATE`. */
  readonly command: string;
  /** What the kernel wrote into the log, for commands that have one and were given a buffer. */
  readonly log: string | undefined;
  readonly logTrueSize: number | undefined;
  readonly count: number | undefined;

  constructor(failure: BpfFailure) {
    super(failure);
    this.command = failure.call;
    this.log = failure.log;
    this.logTrueSize = failure.logTrueSize;
    this.count = failure.count;
  }
}
