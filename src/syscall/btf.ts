/**
 * The command of bpf(2) that gives the kernel type information.
 * @module
 */

import { bpf, bpfError } from './bpf.ts';
import { BPF_CMD, BTF_LOAD_ATTR } from './bpf-attr.ts';
import { clearAttr, cString, putPointer, putU32, u32At } from './scratch.ts';
import { withToken } from './token.ts';

export interface BtfLoadOptions {
  /** The size of the log buffer in bytes; 0 for no log. */
  readonly logSize?: number | undefined;
  readonly logLevel?: number | undefined;
  /** From {@link tokenCreate}, to load it with rights that a token gives. */
  readonly tokenFd?: number | undefined;
}

/** BPF_BTF_LOAD: the descriptor of a BTF object. The error of a refusal carries the log. */
export function btfLoad(
  btf: Uint8Array,
  { logSize = 0, logLevel, tokenFd }: BtfLoadOptions = {},
): number {
  const log = logSize > 0 ? new Uint8Array(logSize) : undefined;
  clearAttr(BTF_LOAD_ATTR.size);
  putPointer(BTF_LOAD_ATTR.btf, btf);
  putU32(BTF_LOAD_ATTR.btf_size, btf.byteLength);
  putPointer(BTF_LOAD_ATTR.btf_log_buf, log);
  putU32(BTF_LOAD_ATTR.btf_log_size, logSize);
  putU32(BTF_LOAD_ATTR.btf_log_level, logLevel ?? (log ? 1 : 0));
  putU32(BTF_LOAD_ATTR.btf_flags, withToken(0, tokenFd));
  putU32(BTF_LOAD_ATTR.btf_token_fd, tokenFd ?? 0);
  const result = bpf(BPF_CMD.BPF_BTF_LOAD, BTF_LOAD_ATTR.size);
  if (result >= 0) return result;
  throw bpfError(BPF_CMD.BPF_BTF_LOAD, result, 'load the BTF', {
    needs: ['CAP_BPF'],
    log: log && cString(log),
    logTrueSize: u32At(BTF_LOAD_ATTR.btf_log_true_size) || undefined,
  });
}
