/**
 * The structs that BPF_OBJ_GET_INFO_BY_FD fills, as tables of byte offsets in the order of the kernel.
 * Follows include/uapi/linux/bpf.h (Linux 6.18); test/syscall/bpf-attr.test.ts holds them against a C
 * compiler's answer.
 * @module
 */

// biome-ignore-start format: rows as in the kernel's header

export const PROG_INFO = {
  type: 0,
  id: 4,
  tag: 8,
  jited_prog_len: 16,
  xlated_prog_len: 20,
  jited_prog_insns: 24,
  xlated_prog_insns: 32,
  load_time: 40,
  created_by_uid: 48,
  nr_map_ids: 52,
  map_ids: 56,
  name: 64,
  ifindex: 80,
  gpl_compatible: 84,
  netns_dev: 88,
  netns_ino: 96,
  nr_jited_ksyms: 104,
  nr_jited_func_lens: 108,
  jited_ksyms: 112,
  jited_func_lens: 120,
  btf_id: 128,
  func_info_rec_size: 132,
  func_info: 136,
  nr_func_info: 144,
  nr_line_info: 148,
  line_info: 152,
  jited_line_info: 160,
  nr_jited_line_info: 168,
  line_info_rec_size: 172,
  jited_line_info_rec_size: 176,
  nr_prog_tags: 180,
  prog_tags: 184,
  run_time_ns: 192,
  run_cnt: 200,
  recursion_misses: 208,
  verified_insns: 216,
  attach_btf_obj_id: 220,
  attach_btf_id: 224,
  size: 232,
} as const;

export const MAP_INFO = {
  type: 0,
  id: 4,
  key_size: 8,
  value_size: 12,
  max_entries: 16,
  map_flags: 20,
  name: 24,
  ifindex: 40,
  btf_vmlinux_value_type_id: 44,
  netns_dev: 48,
  netns_ino: 56,
  btf_id: 64,
  btf_key_type_id: 68,
  btf_value_type_id: 72,
  btf_vmlinux_id: 76,
  map_extra: 80,
  size: 88,
} as const;

export const BTF_INFO = {
  btf: 0,
  btf_size: 8,
  id: 12,
  name: 16,
  name_len: 24,
  kernel_btf: 28,
  size: 32,
} as const;

export const LINK_INFO = {
  type: 0,
  id: 4,
  prog_id: 8,
  raw_tracepoint: { tp_name: 16, tp_name_len: 24, cookie: 32 },
  tracing: { attach_type: 16, target_obj_id: 20, target_btf_id: 24, cookie: 32 },
  cgroup: { cgroup_id: 16, attach_type: 24 },
  iter: { target_name: 16, target_name_len: 24, map: { map_id: 28 } },
  netns: { netns_ino: 16, attach_type: 20 },
  xdp: { ifindex: 16 },
  struct_ops: { map_id: 16 },
  netfilter: { pf: 16, hooknum: 20, priority: 24, flags: 28 },
  kprobe_multi: { addrs: 16, count: 24, flags: 28, missed: 32, cookies: 40 },
  uprobe_multi: {
    path: 16,
    offsets: 24,
    ref_ctr_offsets: 32,
    cookies: 40,
    path_size: 48,
    count: 52,
    flags: 56,
    pid: 60,
  },
  perf_event: {
    type: 16,
    uprobe: { file_name: 24, name_len: 32, offset: 36, cookie: 40 },
    kprobe: { func_name: 24, name_len: 32, offset: 36, addr: 40, missed: 48, cookie: 56 },
    tracepoint: { tp_name: 24, name_len: 32, cookie: 40 },
    event: { config: 24, type: 32, cookie: 40 },
  },
  tcx: { ifindex: 16, attach_type: 20 },
  netkit: { ifindex: 16, attach_type: 20 },
  sockmap: { map_id: 16, attach_type: 20 },
  size: 64,
} as const;

// biome-ignore-end format: rows as in the kernel's header
