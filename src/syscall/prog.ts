/**
 * The commands of bpf(2) for programs: load, run on data of one's own, bind a map, count.
 *
 *     const { fd } = progLoad({ type: BPF_PROG_TYPE.BPF_PROG_TYPE_SOCKET_FILTER, insns, license: 'GPL' });
 *     progTestRun(fd, { dataIn: new Uint8Array(64) }).returnValue;
 * @module
 */

import { bpf, bpfError, bpfOrThrow } from './bpf.ts';
import {
  BPF_CMD,
  ENABLE_STATS_ATTR,
  PROG_BIND_MAP_ATTR,
  PROG_LOAD_ATTR,
  PROG_STREAM_READ_ATTR,
  PROG_TEST_RUN_ATTR,
} from './bpf-attr.ts';
import { needsOfProgram } from './capability-needs.ts';
import { ERRNO } from './errno.ts';
import { clearAttr, cString, putName, putPointer, putText, putU32, u32At } from './scratch.ts';
import { withoutSignals } from './signals.ts';
import { withToken } from './token.ts';
import { BPF_PROG_TYPE, typeName } from './types.ts';

/** Records for the kernel that are all of one size: func_info, line_info, core_relo. */
export interface Records {
  readonly bytes: Uint8Array;
  readonly recordSize: number;
}

export interface ProgLoadOptions {
  /** One of {@link BPF_PROG_TYPE}. */
  readonly type: number;
  /** The instructions, 8 bytes each. */
  readonly insns: Uint8Array;
  readonly license: string;
  /** 1 the verifier's states, 2 more of them, 4 statistics; 1 if there is a log and nothing else is said. */
  readonly logLevel?: number | undefined;
  /** The size of the log buffer in bytes; 0 for no log. */
  readonly logSize?: number | undefined;
  /** LINUX_VERSION_CODE, which kprobe programs needed before Linux 5.0. */
  readonly kernVersion?: number | undefined;
  readonly flags?: number | undefined;
  /** At most 15 letters, digits, `_` and `.`. */
  readonly name?: string | undefined;
  readonly ifindex?: number | undefined;
  readonly expectedAttachType?: number | undefined;
  readonly btfFd?: number | undefined;
  readonly funcInfo?: Records | undefined;
  readonly lineInfo?: Records | undefined;
  readonly attachBtfId?: number | undefined;
  /** The program that this one extends or traces. */
  readonly attachProgFd?: number | undefined;
  /** The BTF object of a module that attachBtfId is in. */
  readonly attachBtfObjFd?: number | undefined;
  /** Descriptors that instructions refer to by index. */
  readonly fdArray?: Int32Array | undefined;
  /** How many of them the kernel shall bind to the program (Linux 6.14); 0 for those it finds in use. */
  readonly fdArrayCount?: number | undefined;
  readonly coreRelos?: Records | undefined;
  /** From {@link tokenCreate}, to load it with rights that a token gives. */
  readonly tokenFd?: number | undefined;
}

export interface ProgLoaded {
  readonly fd: number;
  /** What the verifier wrote; '' without a log buffer. */
  readonly log: string;
  /** The size that the whole log has, which can be more than the buffer; since Linux 6.4. */
  readonly logTrueSize: number | undefined;
}

/** BPF_PROG_LOAD: verifies and loads a program. The error of a refusal carries the log. */
export function progLoad(options: ProgLoadOptions): ProgLoaded {
  const { type, insns, name = '', logSize = 0 } = options;
  if (insns.byteLength % 8 !== 0) {
    throw new RangeError(`instructions take 8 bytes each, got ${insns.byteLength} bytes`);
  }
  const log = logSize > 0 ? new Uint8Array(logSize) : undefined;
  const load = (): number => {
    writeProgLoad(options, log);
    return bpf(BPF_CMD.BPF_PROG_LOAD, PROG_LOAD_ATTR.size);
  };
  let result = load();
  // The verifier gives up when a signal comes. A profiler sends one each millisecond, in which few programs are verified.
  if (result === -ERRNO.EAGAIN[0]) result = withoutSignals(load);
  const text = log ? cString(log) : '';
  const logTrueSize = u32At(PROG_LOAD_ATTR.log_true_size) || undefined;
  if (result >= 0) return { fd: result, log: text, logTrueSize };
  const kind = typeName(BPF_PROG_TYPE, type);
  throw bpfError(
    BPF_CMD.BPF_PROG_LOAD,
    result,
    `load the ${kind} program ${name && `'${name}'`}`.trimEnd(),
    { needs: needsOfProgram(type), log: log && text, logTrueSize },
  );
}

function writeProgLoad(options: ProgLoadOptions, log: Uint8Array | undefined): void {
  clearAttr(PROG_LOAD_ATTR.size);
  putU32(PROG_LOAD_ATTR.prog_type, options.type);
  putU32(PROG_LOAD_ATTR.insn_cnt, options.insns.byteLength / 8);
  putPointer(PROG_LOAD_ATTR.insns, options.insns);
  putText(PROG_LOAD_ATTR.license, options.license);
  putU32(PROG_LOAD_ATTR.log_level, options.logLevel ?? (log ? 1 : 0));
  putU32(PROG_LOAD_ATTR.log_size, log?.byteLength ?? 0);
  putPointer(PROG_LOAD_ATTR.log_buf, log);
  putU32(PROG_LOAD_ATTR.kern_version, options.kernVersion ?? 0);
  putU32(PROG_LOAD_ATTR.prog_flags, withToken(options.flags ?? 0, options.tokenFd));
  putName(PROG_LOAD_ATTR.prog_name, options.name);
  putU32(PROG_LOAD_ATTR.prog_ifindex, options.ifindex ?? 0);
  putU32(PROG_LOAD_ATTR.expected_attach_type, options.expectedAttachType ?? 0);
  putU32(PROG_LOAD_ATTR.prog_btf_fd, options.btfFd ?? 0);
  const { funcInfo, lineInfo, coreRelos, fdArray } = options;
  if (funcInfo) {
    putU32(PROG_LOAD_ATTR.func_info_rec_size, funcInfo.recordSize);
    putPointer(PROG_LOAD_ATTR.func_info, funcInfo.bytes);
    putU32(PROG_LOAD_ATTR.func_info_cnt, recordCount(funcInfo));
  }
  if (lineInfo) {
    putU32(PROG_LOAD_ATTR.line_info_rec_size, lineInfo.recordSize);
    putPointer(PROG_LOAD_ATTR.line_info, lineInfo.bytes);
    putU32(PROG_LOAD_ATTR.line_info_cnt, recordCount(lineInfo));
  }
  putU32(PROG_LOAD_ATTR.attach_btf_id, options.attachBtfId ?? 0);
  putU32(PROG_LOAD_ATTR.attach_prog_fd, options.attachProgFd ?? options.attachBtfObjFd ?? 0);
  putPointer(PROG_LOAD_ATTR.fd_array, fdArray);
  putU32(PROG_LOAD_ATTR.prog_token_fd, options.tokenFd ?? 0);
  putU32(PROG_LOAD_ATTR.fd_array_cnt, options.fdArrayCount ?? 0);
  if (coreRelos) {
    putU32(PROG_LOAD_ATTR.core_relo_cnt, recordCount(coreRelos));
    putPointer(PROG_LOAD_ATTR.core_relos, coreRelos.bytes);
    putU32(PROG_LOAD_ATTR.core_relo_rec_size, coreRelos.recordSize);
  }
}

function recordCount({ bytes, recordSize }: Records): number {
  const count = bytes.byteLength / recordSize;
  if (Number.isInteger(count)) return count;
  throw new RangeError(`records of ${recordSize} bytes do not fill ${bytes.byteLength} bytes`);
}

export interface ProgTestRunOptions {
  readonly dataIn?: Uint8Array | undefined;
  /** Room for what becomes of the data; 0 for not asking. */
  readonly dataOutSize?: number | undefined;
  readonly contextIn?: Uint8Array | undefined;
  readonly contextOutSize?: number | undefined;
  readonly repeat?: number | undefined;
  readonly flags?: number | undefined;
  readonly cpu?: number | undefined;
  readonly batchSize?: number | undefined;
}

export interface ProgTestRunResult {
  /** r0 at the end, unsigned. */
  readonly returnValue: number;
  /** The average of one run in nanoseconds. */
  readonly duration: number;
  readonly dataOut: Uint8Array;
  readonly contextOut: Uint8Array;
}

/** BPF_PROG_TEST_RUN: runs a program on data and a context of one's own. */
export function progTestRun(fd: number, options: ProgTestRunOptions = {}): ProgTestRunResult {
  const { dataIn, contextIn } = options;
  const dataOut = new Uint8Array(options.dataOutSize ?? 0);
  const contextOut = new Uint8Array(options.contextOutSize ?? 0);
  clearAttr(PROG_TEST_RUN_ATTR.size);
  putU32(PROG_TEST_RUN_ATTR.prog_fd, fd);
  putU32(PROG_TEST_RUN_ATTR.data_size_in, dataIn?.byteLength ?? 0);
  putU32(PROG_TEST_RUN_ATTR.data_size_out, dataOut.byteLength);
  putPointer(PROG_TEST_RUN_ATTR.data_in, dataIn);
  putPointer(PROG_TEST_RUN_ATTR.data_out, dataOut);
  putU32(PROG_TEST_RUN_ATTR.repeat, options.repeat ?? 0);
  putU32(PROG_TEST_RUN_ATTR.ctx_size_in, contextIn?.byteLength ?? 0);
  putU32(PROG_TEST_RUN_ATTR.ctx_size_out, contextOut.byteLength);
  putPointer(PROG_TEST_RUN_ATTR.ctx_in, contextIn);
  putPointer(PROG_TEST_RUN_ATTR.ctx_out, contextOut);
  putU32(PROG_TEST_RUN_ATTR.flags, options.flags ?? 0);
  putU32(PROG_TEST_RUN_ATTR.cpu, options.cpu ?? 0);
  putU32(PROG_TEST_RUN_ATTR.batch_size, options.batchSize ?? 0);
  bpfOrThrow(BPF_CMD.BPF_PROG_TEST_RUN, PROG_TEST_RUN_ATTR.size, 'run the program', {
    needs: ['CAP_BPF'],
  });
  return {
    returnValue: u32At(PROG_TEST_RUN_ATTR.retval),
    duration: u32At(PROG_TEST_RUN_ATTR.duration),
    dataOut: dataOut.subarray(0, u32At(PROG_TEST_RUN_ATTR.data_size_out)),
    contextOut: contextOut.subarray(0, u32At(PROG_TEST_RUN_ATTR.ctx_size_out)),
  };
}

/** BPF_PROG_BIND_MAP: the map lives as long as the program, although no instruction refers to it. */
export function progBindMap(progFd: number, mapFd: number): void {
  clearAttr(PROG_BIND_MAP_ATTR.size);
  putU32(PROG_BIND_MAP_ATTR.prog_fd, progFd);
  putU32(PROG_BIND_MAP_ATTR.map_fd, mapFd);
  bpfOrThrow(BPF_CMD.BPF_PROG_BIND_MAP, PROG_BIND_MAP_ATTR.size, 'bind the map to the program');
}

/** Of `enum bpf_stream_id`: what a program printed with bpf_stream_printk, and what the kernel says of its mistakes. */
export const BPF_STREAM = { stdout: 1, stderr: 2 } as const;

/** BPF_PROG_STREAM_READ_BY_FD (Linux 6.17): takes what a stream of a program holds, as much as fits; how many bytes. */
export function progStreamRead(fd: number, stream: number, into: Uint8Array): number {
  clearAttr(PROG_STREAM_READ_ATTR.size);
  putPointer(PROG_STREAM_READ_ATTR.stream_buf, into);
  putU32(PROG_STREAM_READ_ATTR.stream_buf_len, into.byteLength);
  putU32(PROG_STREAM_READ_ATTR.stream_id, stream);
  putU32(PROG_STREAM_READ_ATTR.prog_fd, fd);
  return bpfOrThrow(
    BPF_CMD.BPF_PROG_STREAM_READ_BY_FD,
    PROG_STREAM_READ_ATTR.size,
    'read a stream of the program',
  );
}

/** BPF_ENABLE_STATS: run times and counts of all programs are kept while the descriptor is open. */
export function enableStats(): number {
  clearAttr(ENABLE_STATS_ATTR.size);
  return bpfOrThrow(
    BPF_CMD.BPF_ENABLE_STATS,
    ENABLE_STATS_ATTR.size,
    'count the runs of programs',
    {
      needs: ['CAP_SYS_ADMIN'],
    },
  );
}
