/**
 * @module
 * The kernel's helper functions, in the kernel's order: every one that a program can call by number.
 *
 * Names, numbers and arguments are those of `include/uapi/linux/bpf.h` (Linux 6.1; 210 and 211 are from 6.2, and
 * none has been added up to 6.18: newer functions are kfuncs). Results, nullable arguments and the licence are those
 * of each `bpf_func_proto`, tried on Linux 6.18 for every helper that a program can call there. Where program types
 * differ, an argument is of the wider kind.
 *
 * Two things that one flag cannot say: `ktime_get_ns` wanted the GPL before 5.8, and `get_stackid` does not want it
 * in perf_event programs.
 *
 * @example
 * call(helper.map_lookup_elem, counts, key)
 */
import type {
  Address,
  ArgumentKind,
  Callback,
  Context,
  ContextOrNull,
  Helper,
  MapArgument,
  Memory,
  MemoryOrNull,
  Pointer,
  PointerOrNull,
  ReturnKind,
  Spelling,
  Word,
} from './helper-types.ts';

/** A row of the table: `A` for the type checker and `spelling` for run time say the same. */
type Row = <A extends readonly unknown[]>(
  id: number,
  since: string,
  returns: ReturnKind,
  spelling: Spelling<A>,
) => Helper<A>;

/** A helper for programs under any licence. */
const open: Row = /* @__NO_SIDE_EFFECTS__ */ (id, since, returns, spelling) =>
  new Described(id, since, returns, spelling, false);

/** A helper for programs under a licence that is compatible with the GPL. */
const gpl: Row = /* @__NO_SIDE_EFFECTS__ */ (id, since, returns, spelling) =>
  new Described(id, since, returns, spelling, true);

/** A helper that reads its arguments out of their description when it is asked for them: few of 211 are. */
class Described<A extends readonly unknown[]> implements Helper<A> {
  readonly kind = 'helper';
  readonly name = '';
  readonly id: number;
  readonly returns: ReturnKind;
  readonly gpl: boolean;
  readonly since: string;
  // Not #private, which would keep tests and debuggers from showing what is in it.
  private readonly spelling: string;
  private parameters: Parameters | undefined;

  constructor(id: number, since: string, returns: ReturnKind, spelling: string, gpl: boolean) {
    this.id = id;
    this.since = since;
    this.returns = returns;
    this.gpl = gpl;
    this.spelling = spelling;
    this.parameters = undefined;
  }

  get args(): readonly ArgumentKind[] {
    return this.all().args;
  }

  get names(): readonly string[] {
    return this.all().names;
  }

  get required(): number {
    return this.all().required;
  }

  private all(): Parameters {
    this.parameters ??= parametersOf(this.spelling);
    return this.parameters;
  }
}

type Parameters = Pick<Helper, 'args' | 'names' | 'required'>;

const parametersOf = (spelling: string): Parameters => {
  const args: ArgumentKind[] = [];
  const names: string[] = [];
  let required = 0;
  for (const argument of spelling === '' ? [] : spelling.split(' ')) {
    const colon = argument.indexOf(':');
    const optional = argument[colon - 1] === '?';
    args.push(argument.slice(colon + 1) as ArgumentKind);
    names.push(argument.slice(0, optional ? colon - 1 : colon));
    if (!optional) required++;
  }
  return { args, names, required };
};

/** Gives each row the name under which it stands in the table. */
/* @__NO_SIDE_EFFECTS__ */
function named<T extends Record<string, Helper>>(rows: T): Readonly<T> {
  for (const name in rows) (rows[name] as { name: string }).name = name;
  return rows;
}

// biome-ignore format: a table, one row per helper
export const helper = /* @__PURE__ */ named({
  map_lookup_elem: open<[map: MapArgument, key: Memory]>(1, '3.19', 'map_value_or_null', 'map:map key:memory'),
  map_update_elem: open<[map: MapArgument, key: Memory, value: Memory, flags: Word]>(2, '3.19', 'scalar', 'map:map key:memory value:memory flags:word'),
  map_delete_elem: open<[map: MapArgument, key: Memory]>(3, '3.19', 'scalar', 'map:map key:memory'),
  probe_read: gpl<[dst: Memory, size: Word, unsafe_ptr: Address]>(4, '4.1', 'scalar', 'dst:memory size:word unsafe_ptr:address'),
  ktime_get_ns: open<[]>(5, '4.1', 'scalar', ''),
  trace_printk: gpl<[fmt: Memory, fmt_size: Word, arg1?: Address, arg2?: Address, arg3?: Address]>(6, '4.1', 'scalar', 'fmt:memory fmt_size:word arg1?:address arg2?:address arg3?:address'),
  get_prandom_u32: open<[]>(7, '4.1', 'scalar', ''),
  get_smp_processor_id: open<[]>(8, '4.1', 'scalar', ''),
  skb_store_bytes: open<[skb: Context, offset: Word, from: Memory, len: Word, flags: Word]>(9, '4.1', 'scalar', 'skb:context offset:word from:memory len:word flags:word'),
  l3_csum_replace: open<[skb: Context, offset: Word, from: Word, to: Word, size: Word]>(10, '4.1', 'scalar', 'skb:context offset:word from:word to:word size:word'),
  l4_csum_replace: open<[skb: Context, offset: Word, from: Word, to: Word, flags: Word]>(11, '4.1', 'scalar', 'skb:context offset:word from:word to:word flags:word'),
  tail_call: open<[ctx: Context, prog_array_map: MapArgument, index: Word]>(12, '4.2', 'void', 'ctx:context prog_array_map:map index:word'),
  clone_redirect: open<[skb: Context, ifindex: Word, flags: Word]>(13, '4.2', 'scalar', 'skb:context ifindex:word flags:word'),
  get_current_pid_tgid: open<[]>(14, '4.2', 'scalar', ''),
  get_current_uid_gid: open<[]>(15, '4.2', 'scalar', ''),
  get_current_comm: open<[buf: Memory, size_of_buf: Word]>(16, '4.2', 'scalar', 'buf:memory size_of_buf:word'),
  get_cgroup_classid: open<[skb: Context]>(17, '4.3', 'scalar', 'skb:context'),
  skb_vlan_push: open<[skb: Context, vlan_proto: Word, vlan_tci: Word]>(18, '4.3', 'scalar', 'skb:context vlan_proto:word vlan_tci:word'),
  skb_vlan_pop: open<[skb: Context]>(19, '4.3', 'scalar', 'skb:context'),
  skb_get_tunnel_key: open<[skb: Context, key: Memory, size: Word, flags: Word]>(20, '4.3', 'scalar', 'skb:context key:memory size:word flags:word'),
  skb_set_tunnel_key: open<[skb: Context, key: Memory, size: Word, flags: Word]>(21, '4.3', 'scalar', 'skb:context key:memory size:word flags:word'),
  perf_event_read: gpl<[map: MapArgument, flags: Word]>(22, '4.3', 'scalar', 'map:map flags:word'),
  redirect: open<[ifindex: Word, flags: Word]>(23, '4.4', 'scalar', 'ifindex:word flags:word'),
  get_route_realm: open<[skb: Context]>(24, '4.4', 'scalar', 'skb:context'),
  perf_event_output: gpl<[ctx: Context, map: MapArgument, flags: Word, data: Memory, size: Word]>(25, '4.4', 'scalar', 'ctx:context map:map flags:word data:memory size:word'),
  skb_load_bytes: open<[skb: Context, offset: Word, to: Memory, len: Word]>(26, '4.5', 'scalar', 'skb:context offset:word to:memory len:word'),
  get_stackid: gpl<[ctx: Context, map: MapArgument, flags: Word]>(27, '4.6', 'scalar', 'ctx:context map:map flags:word'),
  csum_diff: open<[from: MemoryOrNull, from_size: Word, to: MemoryOrNull, to_size: Word, seed: Word]>(28, '4.6', 'scalar', 'from:memory_or_null from_size:word to:memory_or_null to_size:word seed:word'),
  skb_get_tunnel_opt: open<[skb: Context, opt: Memory, size: Word]>(29, '4.6', 'scalar', 'skb:context opt:memory size:word'),
  skb_set_tunnel_opt: open<[skb: Context, opt: Memory, size: Word]>(30, '4.6', 'scalar', 'skb:context opt:memory size:word'),
  skb_change_proto: open<[skb: Context, proto: Word, flags: Word]>(31, '4.8', 'scalar', 'skb:context proto:word flags:word'),
  skb_change_type: open<[skb: Context, type: Word]>(32, '4.8', 'scalar', 'skb:context type:word'),
  skb_under_cgroup: open<[skb: Context, map: MapArgument, index: Word]>(33, '4.8', 'scalar', 'skb:context map:map index:word'),
  get_hash_recalc: open<[skb: Context]>(34, '4.8', 'scalar', 'skb:context'),
  get_current_task: gpl<[]>(35, '4.8', 'scalar', ''),
  probe_write_user: gpl<[dst: Address, src: Memory, len: Word]>(36, '4.8', 'scalar', 'dst:address src:memory len:word'),
  current_task_under_cgroup: open<[map: MapArgument, index: Word]>(37, '4.9', 'scalar', 'map:map index:word'),
  skb_change_tail: open<[skb: Context, len: Word, flags: Word]>(38, '4.9', 'scalar', 'skb:context len:word flags:word'),
  skb_pull_data: open<[skb: Context, len: Word]>(39, '4.9', 'scalar', 'skb:context len:word'),
  csum_update: open<[skb: Context, csum: Word]>(40, '4.9', 'scalar', 'skb:context csum:word'),
  set_hash_invalid: open<[skb: Context]>(41, '4.9', 'scalar', 'skb:context'),
  get_numa_node_id: open<[]>(42, '4.10', 'scalar', ''),
  skb_change_head: open<[skb: Context, len: Word, flags: Word]>(43, '4.10', 'scalar', 'skb:context len:word flags:word'),
  xdp_adjust_head: open<[xdp_md: Context, delta: Word]>(44, '4.10', 'scalar', 'xdp_md:context delta:word'),
  probe_read_str: gpl<[dst: Memory, size: Word, unsafe_ptr: Address]>(45, '4.11', 'scalar', 'dst:memory size:word unsafe_ptr:address'),
  get_socket_cookie: open<[skb: Pointer]>(46, '4.12', 'scalar', 'skb:pointer'),
  get_socket_uid: open<[skb: Context]>(47, '4.12', 'scalar', 'skb:context'),
  set_hash: open<[skb: Context, hash: Word]>(48, '4.13', 'scalar', 'skb:context hash:word'),
  setsockopt: open<[bpf_socket: Pointer, level: Word, optname: Word, optval: Memory, optlen: Word]>(49, '4.13', 'scalar', 'bpf_socket:pointer level:word optname:word optval:memory optlen:word'),
  skb_adjust_room: open<[skb: Context, len_diff: Word, mode: Word, flags: Word]>(50, '4.13', 'scalar', 'skb:context len_diff:word mode:word flags:word'),
  redirect_map: open<[map: MapArgument, key: Word, flags: Word]>(51, '4.14', 'scalar', 'map:map key:word flags:word'),
  sk_redirect_map: open<[skb: Context, map: MapArgument, key: Word, flags: Word]>(52, '4.14', 'scalar', 'skb:context map:map key:word flags:word'),
  sock_map_update: open<[skops: Context, map: MapArgument, key: Memory, flags: Word]>(53, '4.14', 'scalar', 'skops:context map:map key:memory flags:word'),
  xdp_adjust_meta: open<[xdp_md: Context, delta: Word]>(54, '4.15', 'scalar', 'xdp_md:context delta:word'),
  perf_event_read_value: gpl<[map: MapArgument, flags: Word, buf: Memory, buf_size: Word]>(55, '4.15', 'scalar', 'map:map flags:word buf:memory buf_size:word'),
  perf_prog_read_value: gpl<[ctx: Context, buf: Memory, buf_size: Word]>(56, '4.15', 'scalar', 'ctx:context buf:memory buf_size:word'),
  getsockopt: open<[bpf_socket: Pointer, level: Word, optname: Word, optval: Memory, optlen: Word]>(57, '4.15', 'scalar', 'bpf_socket:pointer level:word optname:word optval:memory optlen:word'),
  override_return: gpl<[regs: Context, rc: Word]>(58, '4.16', 'scalar', 'regs:context rc:word'),
  sock_ops_cb_flags_set: open<[bpf_sock: Context, argval: Word]>(59, '4.16', 'scalar', 'bpf_sock:context argval:word'),
  msg_redirect_map: open<[msg: Context, map: MapArgument, key: Word, flags: Word]>(60, '4.17', 'scalar', 'msg:context map:map key:word flags:word'),
  msg_apply_bytes: open<[msg: Context, bytes: Word]>(61, '4.17', 'scalar', 'msg:context bytes:word'),
  msg_cork_bytes: open<[msg: Context, bytes: Word]>(62, '4.17', 'scalar', 'msg:context bytes:word'),
  msg_pull_data: open<[msg: Context, start: Word, end: Word, flags: Word]>(63, '4.17', 'scalar', 'msg:context start:word end:word flags:word'),
  bind: open<[ctx: Context, addr: Memory, addr_len: Word]>(64, '4.17', 'scalar', 'ctx:context addr:memory addr_len:word'),
  xdp_adjust_tail: open<[xdp_md: Context, delta: Word]>(65, '4.18', 'scalar', 'xdp_md:context delta:word'),
  skb_get_xfrm_state: open<[skb: Context, index: Word, xfrm_state: Memory, size: Word, flags: Word]>(66, '4.18', 'scalar', 'skb:context index:word xfrm_state:memory size:word flags:word'),
  get_stack: gpl<[ctx: Context, buf: Memory, size: Word, flags: Word]>(67, '4.18', 'scalar', 'ctx:context buf:memory size:word flags:word'),
  skb_load_bytes_relative: open<[skb: Context, offset: Word, to: Memory, len: Word, start_header: Word]>(68, '4.18', 'scalar', 'skb:context offset:word to:memory len:word start_header:word'),
  fib_lookup: gpl<[ctx: Context, params: Memory, plen: Word, flags: Word]>(69, '4.18', 'scalar', 'ctx:context params:memory plen:word flags:word'),
  sock_hash_update: open<[skops: Context, map: MapArgument, key: Memory, flags: Word]>(70, '4.18', 'scalar', 'skops:context map:map key:memory flags:word'),
  msg_redirect_hash: open<[msg: Context, map: MapArgument, key: Memory, flags: Word]>(71, '4.18', 'scalar', 'msg:context map:map key:memory flags:word'),
  sk_redirect_hash: open<[skb: Context, map: MapArgument, key: Memory, flags: Word]>(72, '4.18', 'scalar', 'skb:context map:map key:memory flags:word'),
  lwt_push_encap: open<[skb: Context, type: Word, hdr: Memory, len: Word]>(73, '4.18', 'scalar', 'skb:context type:word hdr:memory len:word'),
  lwt_seg6_store_bytes: open<[skb: Context, offset: Word, from: Memory, len: Word]>(74, '4.18', 'scalar', 'skb:context offset:word from:memory len:word'),
  lwt_seg6_adjust_srh: open<[skb: Context, offset: Word, delta: Word]>(75, '4.18', 'scalar', 'skb:context offset:word delta:word'),
  lwt_seg6_action: open<[skb: Context, action: Word, param: Memory, param_len: Word]>(76, '4.18', 'scalar', 'skb:context action:word param:memory param_len:word'),
  rc_repeat: gpl<[ctx: Context]>(77, '4.18', 'scalar', 'ctx:context'),
  rc_keydown: gpl<[ctx: Context, protocol: Word, scancode: Word, toggle: Word]>(78, '4.18', 'scalar', 'ctx:context protocol:word scancode:word toggle:word'),
  skb_cgroup_id: open<[skb: Context]>(79, '4.18', 'scalar', 'skb:context'),
  get_current_cgroup_id: open<[]>(80, '4.18', 'scalar', ''),
  get_local_storage: open<[map: MapArgument, flags: Word]>(81, '4.19', 'map_value', 'map:map flags:word'),
  sk_select_reuseport: open<[reuse: Context, map: MapArgument, key: Memory, flags: Word]>(82, '4.19', 'scalar', 'reuse:context map:map key:memory flags:word'),
  skb_ancestor_cgroup_id: open<[skb: Context, ancestor_level: Word]>(83, '4.19', 'scalar', 'skb:context ancestor_level:word'),
  sk_lookup_tcp: open<[ctx: Context, tuple: Memory, tuple_size: Word, netns: Word, flags: Word]>(84, '4.20', 'socket_or_null', 'ctx:context tuple:memory tuple_size:word netns:word flags:word'),
  sk_lookup_udp: open<[ctx: Context, tuple: Memory, tuple_size: Word, netns: Word, flags: Word]>(85, '4.20', 'socket_or_null', 'ctx:context tuple:memory tuple_size:word netns:word flags:word'),
  sk_release: open<[sock: Pointer]>(86, '4.20', 'scalar', 'sock:pointer'),
  map_push_elem: open<[map: MapArgument, value: Memory, flags: Word]>(87, '4.20', 'scalar', 'map:map value:memory flags:word'),
  map_pop_elem: open<[map: MapArgument, value: Memory]>(88, '4.20', 'scalar', 'map:map value:memory'),
  map_peek_elem: open<[map: MapArgument, value: Memory]>(89, '4.20', 'scalar', 'map:map value:memory'),
  msg_push_data: open<[msg: Context, start: Word, len: Word, flags: Word]>(90, '4.20', 'scalar', 'msg:context start:word len:word flags:word'),
  msg_pop_data: open<[msg: Context, start: Word, len: Word, flags: Word]>(91, '5.0', 'scalar', 'msg:context start:word len:word flags:word'),
  rc_pointer_rel: gpl<[ctx: Context, rel_x: Word, rel_y: Word]>(92, '5.0', 'scalar', 'ctx:context rel_x:word rel_y:word'),
  spin_lock: open<[lock: Memory]>(93, '5.1', 'void', 'lock:memory'),
  spin_unlock: open<[lock: Memory]>(94, '5.1', 'void', 'lock:memory'),
  sk_fullsock: open<[sk: Pointer]>(95, '5.1', 'socket_or_null', 'sk:pointer'),
  tcp_sock: open<[sk: Pointer]>(96, '5.1', 'tcp_socket_or_null', 'sk:pointer'),
  skb_ecn_set_ce: open<[skb: Context]>(97, '5.1', 'scalar', 'skb:context'),
  get_listener_sock: open<[sk: Pointer]>(98, '5.1', 'socket_or_null', 'sk:pointer'),
  skc_lookup_tcp: open<[ctx: Context, tuple: Memory, tuple_size: Word, netns: Word, flags: Word]>(99, '5.2', 'sock_common_or_null', 'ctx:context tuple:memory tuple_size:word netns:word flags:word'),
  tcp_check_syncookie: gpl<[sk: Pointer, iph: Memory, iph_len: Word, th: Memory, th_len: Word]>(100, '5.2', 'scalar', 'sk:pointer iph:memory iph_len:word th:memory th_len:word'),
  sysctl_get_name: open<[ctx: Context, buf: Memory, buf_len: Word, flags: Word]>(101, '5.2', 'scalar', 'ctx:context buf:memory buf_len:word flags:word'),
  sysctl_get_current_value: open<[ctx: Context, buf: Memory, buf_len: Word]>(102, '5.2', 'scalar', 'ctx:context buf:memory buf_len:word'),
  sysctl_get_new_value: open<[ctx: Context, buf: Memory, buf_len: Word]>(103, '5.2', 'scalar', 'ctx:context buf:memory buf_len:word'),
  sysctl_set_new_value: open<[ctx: Context, buf: Memory, buf_len: Word]>(104, '5.2', 'scalar', 'ctx:context buf:memory buf_len:word'),
  strtol: open<[buf: Memory, buf_len: Word, flags: Word, res: Memory]>(105, '5.2', 'scalar', 'buf:memory buf_len:word flags:word res:memory'),
  strtoul: open<[buf: Memory, buf_len: Word, flags: Word, res: Memory]>(106, '5.2', 'scalar', 'buf:memory buf_len:word flags:word res:memory'),
  sk_storage_get: open<[map: MapArgument, sk: Pointer, value: MemoryOrNull, flags: Word]>(107, '5.2', 'map_value_or_null', 'map:map sk:pointer value:memory_or_null flags:word'),
  sk_storage_delete: open<[map: MapArgument, sk: Pointer]>(108, '5.2', 'scalar', 'map:map sk:pointer'),
  send_signal: open<[sig: Word]>(109, '5.3', 'scalar', 'sig:word'),
  tcp_gen_syncookie: gpl<[sk: Pointer, iph: Memory, iph_len: Word, th: Memory, th_len: Word]>(110, '5.4', 'scalar', 'sk:pointer iph:memory iph_len:word th:memory th_len:word'),
  skb_output: gpl<[ctx: Pointer, map: MapArgument, flags: Word, data: Memory, size: Word]>(111, '5.5', 'scalar', 'ctx:pointer map:map flags:word data:memory size:word'),
  probe_read_user: gpl<[dst: Memory, size: Word, unsafe_ptr: Address]>(112, '5.5', 'scalar', 'dst:memory size:word unsafe_ptr:address'),
  probe_read_kernel: gpl<[dst: Memory, size: Word, unsafe_ptr: Address]>(113, '5.5', 'scalar', 'dst:memory size:word unsafe_ptr:address'),
  probe_read_user_str: gpl<[dst: Memory, size: Word, unsafe_ptr: Address]>(114, '5.5', 'scalar', 'dst:memory size:word unsafe_ptr:address'),
  probe_read_kernel_str: gpl<[dst: Memory, size: Word, unsafe_ptr: Address]>(115, '5.5', 'scalar', 'dst:memory size:word unsafe_ptr:address'),
  tcp_send_ack: open<[tp: Pointer, rcv_nxt: Word]>(116, '5.6', 'scalar', 'tp:pointer rcv_nxt:word'),
  send_signal_thread: open<[sig: Word]>(117, '5.6', 'scalar', 'sig:word'),
  jiffies64: open<[]>(118, '5.6', 'scalar', ''),
  read_branch_records: gpl<[ctx: Context, buf: MemoryOrNull, size: Word, flags: Word]>(119, '5.7', 'scalar', 'ctx:context buf:memory_or_null size:word flags:word'),
  get_ns_current_pid_tgid: open<[dev: Word, ino: Word, nsdata: Memory, size: Word]>(120, '5.7', 'scalar', 'dev:word ino:word nsdata:memory size:word'),
  xdp_output: gpl<[ctx: Pointer, map: MapArgument, flags: Word, data: Memory, size: Word]>(121, '5.7', 'scalar', 'ctx:pointer map:map flags:word data:memory size:word'),
  get_netns_cookie: open<[ctx: ContextOrNull]>(122, '5.7', 'scalar', 'ctx:context_or_null'),
  get_current_ancestor_cgroup_id: open<[ancestor_level: Word]>(123, '5.7', 'scalar', 'ancestor_level:word'),
  sk_assign: open<[skb: Context, sk: PointerOrNull, flags: Word]>(124, '5.7', 'scalar', 'skb:context sk:pointer_or_null flags:word'),
  ktime_get_boot_ns: open<[]>(125, '5.8', 'scalar', ''),
  seq_printf: gpl<[m: Pointer, fmt: Memory, fmt_size: Word, data: MemoryOrNull, data_len: Word]>(126, '5.8', 'scalar', 'm:pointer fmt:memory fmt_size:word data:memory_or_null data_len:word'),
  seq_write: gpl<[m: Pointer, data: Memory, len: Word]>(127, '5.8', 'scalar', 'm:pointer data:memory len:word'),
  sk_cgroup_id: open<[sk: Pointer]>(128, '5.8', 'scalar', 'sk:pointer'),
  sk_ancestor_cgroup_id: open<[sk: Pointer, ancestor_level: Word]>(129, '5.8', 'scalar', 'sk:pointer ancestor_level:word'),
  ringbuf_output: open<[ringbuf: MapArgument, data: Memory, size: Word, flags: Word]>(130, '5.8', 'scalar', 'ringbuf:map data:memory size:word flags:word'),
  ringbuf_reserve: open<[ringbuf: MapArgument, size: Word, flags: Word]>(131, '5.8', 'ringbuf_record_or_null', 'ringbuf:map size:word flags:word'),
  ringbuf_submit: open<[data: Memory, flags: Word]>(132, '5.8', 'void', 'data:memory flags:word'),
  ringbuf_discard: open<[data: Memory, flags: Word]>(133, '5.8', 'void', 'data:memory flags:word'),
  ringbuf_query: open<[ringbuf: MapArgument, flags: Word]>(134, '5.8', 'scalar', 'ringbuf:map flags:word'),
  csum_level: open<[skb: Context, level: Word]>(135, '5.8', 'scalar', 'skb:context level:word'),
  skc_to_tcp6_sock: open<[sk: Pointer]>(136, '5.9', 'btf_pointer_or_null', 'sk:pointer'),
  skc_to_tcp_sock: open<[sk: Pointer]>(137, '5.9', 'btf_pointer_or_null', 'sk:pointer'),
  skc_to_tcp_timewait_sock: open<[sk: Pointer]>(138, '5.9', 'btf_pointer_or_null', 'sk:pointer'),
  skc_to_tcp_request_sock: open<[sk: Pointer]>(139, '5.9', 'btf_pointer_or_null', 'sk:pointer'),
  skc_to_udp6_sock: open<[sk: Pointer]>(140, '5.9', 'btf_pointer_or_null', 'sk:pointer'),
  get_task_stack: open<[task: Pointer, buf: Memory, size: Word, flags: Word]>(141, '5.9', 'scalar', 'task:pointer buf:memory size:word flags:word'),
  load_hdr_opt: open<[skops: Context, searchby_res: Memory, len: Word, flags: Word]>(142, '5.10', 'scalar', 'skops:context searchby_res:memory len:word flags:word'),
  store_hdr_opt: open<[skops: Context, from: Memory, len: Word, flags: Word]>(143, '5.10', 'scalar', 'skops:context from:memory len:word flags:word'),
  reserve_hdr_opt: open<[skops: Context, len: Word, flags: Word]>(144, '5.10', 'scalar', 'skops:context len:word flags:word'),
  inode_storage_get: open<[map: MapArgument, inode: Pointer, value: MemoryOrNull, flags: Word]>(145, '5.10', 'map_value_or_null', 'map:map inode:pointer value:memory_or_null flags:word'),
  inode_storage_delete: open<[map: MapArgument, inode: Pointer]>(146, '5.10', 'scalar', 'map:map inode:pointer'),
  d_path: open<[path: Pointer, buf: Memory, sz: Word]>(147, '5.10', 'scalar', 'path:pointer buf:memory sz:word'),
  copy_from_user: open<[dst: Memory, size: Word, user_ptr: Address]>(148, '5.10', 'scalar', 'dst:memory size:word user_ptr:address'),
  snprintf_btf: open<[str: Memory, str_size: Word, ptr: Memory, btf_ptr_size: Word, flags: Word]>(149, '5.10', 'scalar', 'str:memory str_size:word ptr:memory btf_ptr_size:word flags:word'),
  seq_printf_btf: gpl<[m: Pointer, ptr: Memory, ptr_size: Word, flags: Word]>(150, '5.10', 'scalar', 'm:pointer ptr:memory ptr_size:word flags:word'),
  skb_cgroup_classid: open<[skb: Context]>(151, '5.10', 'scalar', 'skb:context'),
  redirect_neigh: open<[ifindex: Word, params: MemoryOrNull, plen: Word, flags: Word]>(152, '5.10', 'scalar', 'ifindex:word params:memory_or_null plen:word flags:word'),
  per_cpu_ptr: open<[percpu_ptr: Pointer, cpu: Word]>(153, '5.10', 'percpu_pointer_or_null', 'percpu_ptr:pointer cpu:word'),
  this_cpu_ptr: open<[percpu_ptr: Pointer]>(154, '5.10', 'percpu_pointer', 'percpu_ptr:pointer'),
  redirect_peer: open<[ifindex: Word, flags: Word]>(155, '5.10', 'scalar', 'ifindex:word flags:word'),
  task_storage_get: open<[map: MapArgument, task: Pointer, value: MemoryOrNull, flags: Word]>(156, '5.11', 'map_value_or_null', 'map:map task:pointer value:memory_or_null flags:word'),
  task_storage_delete: open<[map: MapArgument, task: Pointer]>(157, '5.11', 'scalar', 'map:map task:pointer'),
  get_current_task_btf: gpl<[]>(158, '5.11', 'btf_task', ''),
  bprm_opts_set: open<[bprm: Pointer, flags: Word]>(159, '5.11', 'scalar', 'bprm:pointer flags:word'),
  ktime_get_coarse_ns: open<[]>(160, '5.11', 'scalar', ''),
  ima_inode_hash: open<[inode: Pointer, dst: Memory, size: Word]>(161, '5.11', 'scalar', 'inode:pointer dst:memory size:word'),
  sock_from_file: open<[file: Pointer]>(162, '5.11', 'btf_pointer_or_null', 'file:pointer'),
  check_mtu: gpl<[ctx: Context, ifindex: Word, mtu_len: Memory, len_diff: Word, flags: Word]>(163, '5.12', 'scalar', 'ctx:context ifindex:word mtu_len:memory len_diff:word flags:word'),
  for_each_map_elem: open<[map: MapArgument, callback_fn: Callback, callback_ctx: MemoryOrNull, flags: Word]>(164, '5.13', 'scalar', 'map:map callback_fn:callback callback_ctx:memory_or_null flags:word'),
  snprintf: gpl<[str: MemoryOrNull, str_size: Word, fmt: Memory, data: MemoryOrNull, data_len: Word]>(165, '5.13', 'scalar', 'str:memory_or_null str_size:word fmt:memory data:memory_or_null data_len:word'),
  sys_bpf: open<[cmd: Word, attr: Memory, attr_size: Word]>(166, '5.14', 'scalar', 'cmd:word attr:memory attr_size:word'),
  btf_find_by_name_kind: open<[name: Memory, name_sz: Word, kind: Word, flags: Word]>(167, '5.14', 'scalar', 'name:memory name_sz:word kind:word flags:word'),
  sys_close: open<[fd: Word]>(168, '5.14', 'scalar', 'fd:word'),
  timer_init: gpl<[timer: Memory, map: MapArgument, flags: Word]>(169, '5.15', 'scalar', 'timer:memory map:map flags:word'),
  timer_set_callback: gpl<[timer: Memory, callback_fn: Callback]>(170, '5.15', 'scalar', 'timer:memory callback_fn:callback'),
  timer_start: gpl<[timer: Memory, nsecs: Word, flags: Word]>(171, '5.15', 'scalar', 'timer:memory nsecs:word flags:word'),
  timer_cancel: gpl<[timer: Memory]>(172, '5.15', 'scalar', 'timer:memory'),
  get_func_ip: gpl<[ctx: Context]>(173, '5.15', 'scalar', 'ctx:context'),
  get_attach_cookie: open<[ctx: Context]>(174, '5.15', 'scalar', 'ctx:context'),
  task_pt_regs: gpl<[task: Pointer]>(175, '5.15', 'btf_pointer', 'task:pointer'),
  get_branch_snapshot: gpl<[entries: Memory, size: Word, flags: Word]>(176, '5.16', 'scalar', 'entries:memory size:word flags:word'),
  trace_vprintk: gpl<[fmt: Memory, fmt_size: Word, data: MemoryOrNull, data_len: Word]>(177, '5.16', 'scalar', 'fmt:memory fmt_size:word data:memory_or_null data_len:word'),
  skc_to_unix_sock: open<[sk: Pointer]>(178, '5.16', 'btf_pointer_or_null', 'sk:pointer'),
  kallsyms_lookup_name: open<[name: Memory, name_sz: Word, flags: Word, res: Memory]>(179, '5.16', 'scalar', 'name:memory name_sz:word flags:word res:memory'),
  find_vma: open<[task: Pointer, addr: Word, callback_fn: Callback, callback_ctx: MemoryOrNull, flags: Word]>(180, '5.17', 'scalar', 'task:pointer addr:word callback_fn:callback callback_ctx:memory_or_null flags:word'),
  loop: open<[nr_loops: Word, callback_fn: Callback, callback_ctx: MemoryOrNull, flags: Word]>(181, '5.17', 'scalar', 'nr_loops:word callback_fn:callback callback_ctx:memory_or_null flags:word'),
  strncmp: open<[s1: Memory, s1_sz: Word, s2: Memory]>(182, '5.17', 'scalar', 's1:memory s1_sz:word s2:memory'),
  get_func_arg: open<[ctx: Context, n: Word, value: Memory]>(183, '5.17', 'scalar', 'ctx:context n:word value:memory'),
  get_func_ret: open<[ctx: Context, value: Memory]>(184, '5.17', 'scalar', 'ctx:context value:memory'),
  get_func_arg_cnt: open<[ctx: Context]>(185, '5.17', 'scalar', 'ctx:context'),
  get_retval: open<[]>(186, '5.18', 'scalar', ''),
  set_retval: open<[retval: Word]>(187, '5.18', 'scalar', 'retval:word'),
  xdp_get_buff_len: open<[xdp_md: Pointer]>(188, '5.18', 'scalar', 'xdp_md:pointer'),
  xdp_load_bytes: open<[xdp_md: Context, offset: Word, buf: Memory, len: Word]>(189, '5.18', 'scalar', 'xdp_md:context offset:word buf:memory len:word'),
  xdp_store_bytes: open<[xdp_md: Context, offset: Word, buf: Memory, len: Word]>(190, '5.18', 'scalar', 'xdp_md:context offset:word buf:memory len:word'),
  copy_from_user_task: gpl<[dst: Memory, size: Word, user_ptr: Address, tsk: Pointer, flags: Word]>(191, '5.18', 'scalar', 'dst:memory size:word user_ptr:address tsk:pointer flags:word'),
  skb_set_tstamp: open<[skb: Context, tstamp: Word, tstamp_type: Word]>(192, '5.18', 'scalar', 'skb:context tstamp:word tstamp_type:word'),
  ima_file_hash: open<[file: Pointer, dst: Memory, size: Word]>(193, '5.18', 'scalar', 'file:pointer dst:memory size:word'),
  kptr_xchg: open<[map_value: Memory, ptr: PointerOrNull]>(194, '5.19', 'btf_pointer_or_null', 'map_value:memory ptr:pointer_or_null'),
  map_lookup_percpu_elem: open<[map: MapArgument, key: Memory, cpu: Word]>(195, '5.19', 'map_value_or_null', 'map:map key:memory cpu:word'),
  skc_to_mptcp_sock: open<[sk: Pointer]>(196, '5.19', 'btf_pointer_or_null', 'sk:pointer'),
  dynptr_from_mem: open<[data: Memory, size: Word, flags: Word, ptr: Memory]>(197, '5.19', 'scalar', 'data:memory size:word flags:word ptr:memory'),
  ringbuf_reserve_dynptr: open<[ringbuf: MapArgument, size: Word, flags: Word, ptr: Memory]>(198, '5.19', 'scalar', 'ringbuf:map size:word flags:word ptr:memory'),
  ringbuf_submit_dynptr: open<[ptr: Memory, flags: Word]>(199, '5.19', 'void', 'ptr:memory flags:word'),
  ringbuf_discard_dynptr: open<[ptr: Memory, flags: Word]>(200, '5.19', 'void', 'ptr:memory flags:word'),
  dynptr_read: open<[dst: Memory, len: Word, src: Memory, offset: Word, flags: Word]>(201, '5.19', 'scalar', 'dst:memory len:word src:memory offset:word flags:word'),
  dynptr_write: open<[dst: Memory, offset: Word, src: Memory, len: Word, flags: Word]>(202, '5.19', 'scalar', 'dst:memory offset:word src:memory len:word flags:word'),
  dynptr_data: open<[ptr: Memory, offset: Word, len: Word]>(203, '5.19', 'dynptr_data_or_null', 'ptr:memory offset:word len:word'),
  tcp_raw_gen_syncookie_ipv4: gpl<[iph: Memory, th: Memory, th_len: Word]>(204, '6.0', 'scalar', 'iph:memory th:memory th_len:word'),
  tcp_raw_gen_syncookie_ipv6: gpl<[iph: Memory, th: Memory, th_len: Word]>(205, '6.0', 'scalar', 'iph:memory th:memory th_len:word'),
  tcp_raw_check_syncookie_ipv4: gpl<[iph: Memory, th: Memory]>(206, '6.0', 'scalar', 'iph:memory th:memory'),
  tcp_raw_check_syncookie_ipv6: gpl<[iph: Memory, th: Memory]>(207, '6.0', 'scalar', 'iph:memory th:memory'),
  ktime_get_tai_ns: open<[]>(208, '6.1', 'scalar', ''),
  user_ringbuf_drain: open<[map: MapArgument, callback_fn: Callback, ctx: MemoryOrNull, flags: Word]>(209, '6.1', 'scalar', 'map:map callback_fn:callback ctx:memory_or_null flags:word'),
  cgrp_storage_get: open<[map: MapArgument, cgroup: Pointer, value: MemoryOrNull, flags: Word]>(210, '6.2', 'map_value_or_null', 'map:map cgroup:pointer value:memory_or_null flags:word'),
  cgrp_storage_delete: open<[map: MapArgument, cgroup: Pointer]>(211, '6.2', 'scalar', 'map:map cgroup:pointer'),
});

export type HelperName = keyof typeof helper;

/** The helper that a call instruction names by number; undefined for a number that this table does not have. */
export const helperById = (id: number): Helper | undefined => {
  byId ??= Object.values(helper);
  return byId[id - 1];
};
let byId: readonly Helper[] | undefined;
