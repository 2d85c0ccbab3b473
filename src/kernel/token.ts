/**
 * @module
 * The token that an object is loaded with where a BPF file system delegates rights to this user namespace: in a
 * container without capabilities of the host. Follows bpf_object_prepare_token of libbpf (tools/lib/bpf/libbpf.c).
 */
import { FileDescriptor, SystemCallError, tokenCreate } from '../syscall/index.ts';
import { BPF_FILE_SYSTEM } from './pins.ts';

/**
 * The token of the BPF file system at a path, of that in LIBBPF_BPF_TOKEN_PATH, or of /sys/fs/bpf; '' for none. Throws
 * a SystemCallError only when someone has said where it is.
 */
export const openToken = (
  path: string | undefined = process.env.LIBBPF_BPF_TOKEN_PATH,
): FileDescriptor | undefined => {
  if (path === '') return undefined;
  const place = path ?? BPF_FILE_SYSTEM;
  try {
    return new FileDescriptor(tokenCreate(place), `the token of ${place}`);
  } catch (error) {
    if (path !== undefined || !(error instanceof SystemCallError)) throw error;
    return undefined;
  }
};
