/**
 * @module
 * What the kernel has, found by trying: the smallest program of a type, a call of a helper, the smallest map. Nothing
 * is attached, and nothing stays. The way of libbpf (tools/lib/bpf/libbpf_probes.c), but that a refusal which does not
 * say why is no answer: neither yes nor no.
 *
 *     probeHelper(HOOKS.xdp.program, helper.xdp_adjust_head.id, { expectedAttachType: 37 }); // true
 */
import { assemble, call, encode, exit, helper, helperById, mov, r0 } from '../asm/index.ts';
import { BPF_F_NO_PREALLOC, HOOKS, MAP_TYPES, type MapType } from '../object/index.ts';
import {
  BpfError,
  closeFd,
  isAtLeast,
  type MapCreateOptions,
  mapCreate,
  type ProgLoadOptions,
  progLoad,
} from '../syscall/index.ts';

/** Yes, no, or what the kernel said that is neither: it may not be asked by this process, or something else is wrong. */
export type Answer = boolean | BpfError;

/** What a program of a type is loaded with, besides its instructions. */
export type ProbeOptions = Pick<
  ProgLoadOptions,
  'expectedAttachType' | 'flags' | 'attachBtfId' | 'attachBtfObjFd' | 'tokenFd'
>;

const load = (type: number, insns: Uint8Array, options: ProbeOptions): true | BpfError => {
  try {
    closeFd(progLoad({ ...options, type, insns, license: 'GPL', logSize: 4096 }).fd);
    return true;
  } catch (error) {
    if (error instanceof BpfError) return error;
    throw error;
  }
};

/** Errors that the kernel has for what it does not know. */
const UNKNOWN: ReadonlySet<string> = /* @__PURE__ */ new Set(['EINVAL', 'ENOTSUPP', 'EOPNOTSUPP']);

/** Whether programs of a type, of `enum bpf_prog_type`, can be loaded with these options. */
export const probeProgram = (type: number, options: ProbeOptions = {}): Answer => {
  const insns = encode(assemble([mov(r0, 0), exit()], () => true).instructions);
  const result = load(type, insns, options);
  // What the verifier has looked at is of a type that the kernel knows.
  if (result === true || result.log) return true;
  return UNKNOWN.has(result.code) ? false : result;
};

/**
 * Whether programs of a type may call a helper. The verifier says so before it looks at the arguments. Without
 * CAP_BPF and CAP_PERFMON, and on a kernel that is locked down, fewer of them may be called than it has.
 */
export const probeHelper = (type: number, id: number, options: ProbeOptions = {}): Answer => {
  if (!helperById(id)) return false;
  const result = load(type, callOf(id), options);
  if (result === true) return true;
  if (!result.log) return result;
  return !/invalid func|unknown func|program of this type cannot use helper/.test(result.log);
};

/** Whether the kernel knows a helper at all, whatever programs may call it. */
export const probeKnown = (id: number): Answer => {
  const result = load(HOOKS.socket.program, callOf(id), {});
  if (result === true || !result.log) return result;
  return !/invalid func/.test(result.log);
};

let template: Uint8Array | undefined;

/** A call without arguments. Only its number differs, which saves half of the time of a probe. */
const callOf = (id: number): Uint8Array => {
  template ??= encode(
    assemble([call(helper.get_prandom_u32), mov(r0, 0), exit()], () => true).instructions,
  );
  new DataView(template.buffer, template.byteOffset).setInt32(4, id, true);
  return template;
};

/** Whether a sign-extending move is known: other kernels say "reserved fields". */
export const probeIsaV4 = (tokenFd: number | undefined): boolean => {
  const code = [mov(r0, 0), { ...mov(r0, r0), offset: 8 }, exit()];
  const insns = encode(assemble(code, () => true).instructions);
  return load(HOOKS.socket.program, insns, { tokenFd }) === true;
};

/** Whether maps of a type can be created. Those that need types of their own, or of the kernel, go by its version. */
export const probeMap = (type: MapType, tokenFd?: number): Answer => {
  const { number, since } = MAP_TYPES[type];
  const shape = shapeOf(type);
  if (!shape) return isAtLeast(since);
  try {
    closeFd(mapCreate({ type: number, maxEntries: 1, ...shape, tokenFd }));
    return true;
  } catch (error) {
    if (!(error instanceof BpfError)) throw error;
    if (error.code === 'EINVAL') return false;
    // The kernel has looked for the map that it shall hold.
    return error.code === 'EBADF' ? true : error;
  }
};

/** The smallest map of a type; undefined for those that need types of their own, or of the kernel. */
const shapeOf = (type: MapType): Omit<MapCreateOptions, 'type'> | undefined => {
  switch (type) {
    case 'sk_storage':
    case 'inode_storage':
    case 'task_storage':
    case 'cgrp_storage':
    case 'struct_ops':
    case 'arena':
      return undefined;
    case 'cgroup_storage':
    case 'percpu_cgroup_storage':
      return { keySize: 8, valueSize: 4, maxEntries: 0 };
    case 'user_ringbuf':
    case 'ringbuf':
      // A multiple of any page size.
      return { maxEntries: 65536 };
    case 'queue':
    case 'stack':
    case 'bloom_filter':
      return { valueSize: 4 };
    case 'stack_trace':
      return { keySize: 4, valueSize: 8 };
    case 'array_of_maps':
    case 'hash_of_maps':
      // No descriptor: EBADF where the type is known.
      return { keySize: 4, valueSize: 4, innerMapFd: -1 };
    case 'lpm_trie':
      return { keySize: 8, valueSize: 4, flags: BPF_F_NO_PREALLOC };
    default:
      return { keySize: 4, valueSize: 4 };
  }
};
