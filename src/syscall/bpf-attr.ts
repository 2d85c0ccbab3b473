/**
 * `union bpf_attr`, one table of byte offsets per command of bpf(2), in the spelling and the order of the
 * kernel. Follows include/uapi/linux/bpf.h (Linux 6.18); `size` is how much of the attribute is passed.
 * An older kernel accepts a longer attribute as long as what it does not know is zero.
 *
 * test/syscall/bpf-attr.test.ts holds these offsets against what a C compiler says.
 * @module
 */

// biome-ignore-start format: rows as in the kernel's header

export const BPF_CMD = {
  BPF_MAP_CREATE: 0,
  BPF_MAP_LOOKUP_ELEM: 1,
  BPF_MAP_UPDATE_ELEM: 2,
  BPF_MAP_DELETE_ELEM: 3,
  BPF_MAP_GET_NEXT_KEY: 4,
  BPF_PROG_LOAD: 5,
  BPF_OBJ_PIN: 6,
  BPF_OBJ_GET: 7,
  BPF_PROG_ATTACH: 8,
  BPF_PROG_DETACH: 9,
  BPF_PROG_TEST_RUN: 10,
  BPF_PROG_GET_NEXT_ID: 11,
  BPF_MAP_GET_NEXT_ID: 12,
  BPF_PROG_GET_FD_BY_ID: 13,
  BPF_MAP_GET_FD_BY_ID: 14,
  BPF_OBJ_GET_INFO_BY_FD: 15,
  BPF_PROG_QUERY: 16,
  BPF_RAW_TRACEPOINT_OPEN: 17,
  BPF_BTF_LOAD: 18,
  BPF_BTF_GET_FD_BY_ID: 19,
  BPF_TASK_FD_QUERY: 20,
  BPF_MAP_LOOKUP_AND_DELETE_ELEM: 21,
  BPF_MAP_FREEZE: 22,
  BPF_BTF_GET_NEXT_ID: 23,
  BPF_MAP_LOOKUP_BATCH: 24,
  BPF_MAP_LOOKUP_AND_DELETE_BATCH: 25,
  BPF_MAP_UPDATE_BATCH: 26,
  BPF_MAP_DELETE_BATCH: 27,
  BPF_LINK_CREATE: 28,
  BPF_LINK_UPDATE: 29,
  BPF_LINK_GET_FD_BY_ID: 30,
  BPF_LINK_GET_NEXT_ID: 31,
  BPF_ENABLE_STATS: 32,
  BPF_ITER_CREATE: 33,
  BPF_LINK_DETACH: 34,
  BPF_PROG_BIND_MAP: 35,
  BPF_TOKEN_CREATE: 36,
  BPF_PROG_STREAM_READ_BY_FD: 37,
} as const;
export type BpfCommand = keyof typeof BPF_CMD;

export const MAP_CREATE_ATTR = {
  map_type: 0,
  key_size: 4,
  value_size: 8,
  max_entries: 12,
  map_flags: 16,
  inner_map_fd: 20,
  numa_node: 24,
  map_name: 28,
  map_ifindex: 44,
  btf_fd: 48,
  btf_key_type_id: 52,
  btf_value_type_id: 56,
  btf_vmlinux_value_type_id: 60,
  map_extra: 64,
  value_type_btf_obj_fd: 72,
  map_token_fd: 76,
  size: 80,
} as const;

/** BPF_MAP_{LOOKUP,UPDATE,DELETE,LOOKUP_AND_DELETE}_ELEM, GET_NEXT_KEY (next_key is value), FREEZE. */
export const MAP_ELEM_ATTR = {
  map_fd: 0,
  key: 8,
  value: 16,
  flags: 24,
  size: 32,
} as const;

export const MAP_BATCH_ATTR = {
  in_batch: 0,
  out_batch: 8,
  keys: 16,
  values: 24,
  count: 32,
  map_fd: 36,
  elem_flags: 40,
  flags: 48,
  size: 56,
} as const;

export const PROG_LOAD_ATTR = {
  prog_type: 0,
  insn_cnt: 4,
  insns: 8,
  license: 16,
  log_level: 24,
  log_size: 28,
  log_buf: 32,
  kern_version: 40,
  prog_flags: 44,
  prog_name: 48,
  prog_ifindex: 64,
  expected_attach_type: 68,
  prog_btf_fd: 72,
  func_info_rec_size: 76,
  func_info: 80,
  func_info_cnt: 88,
  line_info_rec_size: 92,
  line_info: 96,
  line_info_cnt: 104,
  attach_btf_id: 108,
  attach_prog_fd: 112,
  attach_btf_obj_fd: 112,
  core_relo_cnt: 116,
  fd_array: 120,
  core_relos: 128,
  core_relo_rec_size: 136,
  log_true_size: 140,
  prog_token_fd: 144,
  fd_array_cnt: 148,
  size: 152,
} as const;

/** BPF_OBJ_PIN and BPF_OBJ_GET. */
export const OBJ_ATTR = {
  pathname: 0,
  bpf_fd: 8,
  file_flags: 12,
  size: 16,
} as const;

/** BPF_PROG_ATTACH and BPF_PROG_DETACH. */
export const PROG_ATTACH_ATTR = {
  target_fd: 0,
  target_ifindex: 0,
  attach_bpf_fd: 4,
  attach_type: 8,
  attach_flags: 12,
  replace_bpf_fd: 16,
  relative_fd: 20,
  relative_id: 20,
  expected_revision: 24,
  size: 32,
} as const;

export const PROG_QUERY_ATTR = {
  target_fd: 0,
  target_ifindex: 0,
  attach_type: 4,
  query_flags: 8,
  attach_flags: 12,
  prog_ids: 16,
  prog_cnt: 24,
  prog_attach_flags: 32,
  link_ids: 40,
  link_attach_flags: 48,
  revision: 56,
  size: 64,
} as const;

export const PROG_TEST_RUN_ATTR = {
  prog_fd: 0,
  retval: 4,
  data_size_in: 8,
  data_size_out: 12,
  data_in: 16,
  data_out: 24,
  repeat: 32,
  duration: 36,
  ctx_size_in: 40,
  ctx_size_out: 44,
  ctx_in: 48,
  ctx_out: 56,
  flags: 64,
  cpu: 68,
  batch_size: 72,
  size: 80,
} as const;

/** BPF_*_GET_NEXT_ID and BPF_*_GET_FD_BY_ID; the id has a name for each kind of object. */
export const GET_ID_ATTR = {
  start_id: 0,
  prog_id: 0,
  map_id: 0,
  btf_id: 0,
  link_id: 0,
  next_id: 4,
  open_flags: 8,
  size: 12,
} as const;

export const INFO_ATTR = {
  bpf_fd: 0,
  info_len: 4,
  info: 8,
  size: 16,
} as const;

export const RAW_TRACEPOINT_ATTR = {
  name: 0,
  prog_fd: 8,
  cookie: 16,
  size: 24,
} as const;

export const BTF_LOAD_ATTR = {
  btf: 0,
  btf_log_buf: 8,
  btf_size: 16,
  btf_log_size: 20,
  btf_log_level: 24,
  btf_log_true_size: 28,
  btf_flags: 32,
  btf_token_fd: 36,
  size: 40,
} as const;

export const TASK_FD_QUERY_ATTR = {
  pid: 0,
  fd: 4,
  flags: 8,
  buf_len: 12,
  buf: 16,
  prog_id: 24,
  fd_type: 28,
  probe_offset: 32,
  probe_addr: 40,
  size: 48,
} as const;

/** What follows `flags` is a union with one member for each kind of link. */
export const LINK_CREATE_ATTR = {
  prog_fd: 0,
  map_fd: 0,
  target_fd: 4,
  target_ifindex: 4,
  attach_type: 8,
  flags: 12,
  target_btf_id: 16,
  iter_info: 16,
  iter_info_len: 24,
  perf_event: { bpf_cookie: 16 },
  kprobe_multi: { flags: 16, cnt: 20, syms: 24, addrs: 32, cookies: 40 },
  tracing: { target_btf_id: 16, cookie: 24 },
  tracing_multi: { ids: 16, cookies: 24, cnt: 32 },
  netfilter: { pf: 16, hooknum: 20, priority: 24, flags: 28 },
  tcx: { relative_fd: 16, relative_id: 16, expected_revision: 24 },
  uprobe_multi: {
    path: 16,
    offsets: 24,
    ref_ctr_offsets: 32,
    cookies: 40,
    cnt: 48,
    flags: 52,
    pid: 56,
  },
  netkit: { relative_fd: 16, relative_id: 16, expected_revision: 24 },
  cgroup: { relative_fd: 16, relative_id: 16, expected_revision: 24 },
  size: 64,
} as const;

export const LINK_UPDATE_ATTR = {
  link_fd: 0,
  new_prog_fd: 4,
  new_map_fd: 4,
  flags: 8,
  old_prog_fd: 12,
  old_map_fd: 12,
  size: 16,
} as const;

export const LINK_DETACH_ATTR = { link_fd: 0, size: 4 } as const;

export const ENABLE_STATS_ATTR = { type: 0, size: 4 } as const;

export const ITER_CREATE_ATTR = { link_fd: 0, flags: 4, size: 8 } as const;

export const PROG_BIND_MAP_ATTR = { prog_fd: 0, map_fd: 4, flags: 8, size: 12 } as const;

export const TOKEN_CREATE_ATTR = { flags: 0, bpffs_fd: 4, size: 8 } as const;

export const PROG_STREAM_READ_ATTR = {
  stream_buf: 0,
  stream_buf_len: 8,
  stream_id: 12,
  prog_fd: 16,
  size: 20,
} as const;

// biome-ignore-end format: rows as in the kernel's header
