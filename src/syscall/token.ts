/**
 * Tokens: what a privileged process lets others do with bpf(2), by the options of a BPF file system that it mounts
 * for them (`delegate_cmds` and its kin). Follows kernel/bpf/token.c (Linux 6.9).
 *
 *     const fd = tokenCreate('/sys/fs/bpf');
 *     mapCreate({ type: BPF_MAP_TYPE.BPF_MAP_TYPE_HASH, keySize: 4, valueSize: 8, maxEntries: 64, tokenFd: fd });
 * @module
 */

import { bpfOrThrow } from './bpf.ts';
import { BPF_CMD, TOKEN_CREATE_ATTR } from './bpf-attr.ts';
import { closeFd, OPEN_FLAG, openFile } from './files.ts';
import { clearAttr, putU32 } from './scratch.ts';

const BPF_F_TOKEN_FD = 1 << 16;

/** Flags, with the one that says that there is a token. */
export const withToken = (flags: number, tokenFd: number | undefined): number =>
  tokenFd === undefined ? flags : flags | BPF_F_TOKEN_FD;

/**
 * BPF_TOKEN_CREATE: the descriptor of a token from the BPF file system that is mounted at a path, in the user
 * namespace that it was mounted for. Linux 6.9.
 */
export function tokenCreate(path: string): number {
  const directory = openFile(path, OPEN_FLAG.O_RDONLY);
  try {
    clearAttr(TOKEN_CREATE_ATTR.size);
    putU32(TOKEN_CREATE_ATTR.bpffs_fd, directory);
    return bpfOrThrow(
      BPF_CMD.BPF_TOKEN_CREATE,
      TOKEN_CREATE_ATTR.size,
      `get a token from the BPF file system at ${path}`,
    );
  } finally {
    closeFd(directory);
  }
}
