/**
 * @module
 * The contexts of networking and cgroup programs, as r1 points to them at their start. Follows include/uapi/linux/bpf.h
 * (Linux 6.18). The kernel rewrites every access to what it really has, so fields are read and written in their own
 * size; which ones a program may use depends on its type, and the verifier knows. Ports and addresses are in network
 * order where it says so. Before Linux 6.4 only registers can be stored into a context, no numbers.
 * @example
 * load(w2, XdpContext.at(r1).data),        // r2 points to the packet, 32 bits though the field has
 * load(w3, XdpContext.at(r1).data_end),
 */
import { array, i32, pointer, struct, u8, u16, u32, u64, union } from '../layout/index.ts';

/** `struct bpf_sock`: a socket, as programs see it. Read only but for `bound_dev_if`, `mark` and `priority`. */
export const Socket = /* @__PURE__ */ struct('bpf_sock', {
  bound_dev_if: u32,
  family: u32,
  type: u32,
  protocol: u32,
  mark: u32,
  priority: u32,
  /** network order, as all addresses here */
  src_ip4: u32,
  src_ip6: /* @__PURE__ */ array(u32, 4),
  /** host order */
  src_port: u32,
  /** network order */
  dst_port: u16,
  dst_ip4: u32,
  dst_ip6: /* @__PURE__ */ array(u32, 4),
  state: u32,
  rx_queue_mapping: i32,
});

/** `struct bpf_flow_keys`: what a flow dissector finds out; it writes all of it but `nhoff`. */
export const FlowKeys = /* @__PURE__ */ struct('bpf_flow_keys', {
  nhoff: u16,
  thoff: u16,
  addr_proto: u16,
  is_frag: u8,
  is_first_frag: u8,
  is_encap: u8,
  ip_proto: u8,
  /** network order, as what follows */
  n_proto: u16,
  sport: u16,
  dport: u16,
  addresses: /* @__PURE__ */ union('bpf_flow_addresses', {
    ipv4: /* @__PURE__ */ struct('bpf_flow_ipv4', { src: u32, dst: u32 }),
    ipv6: /* @__PURE__ */ struct('bpf_flow_ipv6', {
      src: /* @__PURE__ */ array(u32, 4),
      dst: /* @__PURE__ */ array(u32, 4),
    }),
  }),
  flags: u32,
  flow_label: u32,
});

/** `struct xdp_md`: xdp programs. `data`, `data_end` and `data_meta` load as pointers. Read only. */
export const XdpContext = /* @__PURE__ */ struct('xdp_md', {
  data: u32,
  data_end: u32,
  data_meta: u32,
  ingress_ifindex: u32,
  rx_queue_index: u32,
  /** xdp/devmap only */
  egress_ifindex: u32,
});

/**
 * `struct __sk_buff`: socket filters, traffic control, cgroup_skb, sk_skb, the flow dissector, lwt. All may read `len`,
 * `protocol` and their kin; `data` and `data_end` (pointers) not socket filters. Traffic control writes `mark`,
 * `priority`, `tc_index`, `tc_classid`, `queue_mapping`, `cb`, `tstamp`.
 */
export const SocketBuffer = /* @__PURE__ */ struct('__sk_buff', {
  len: u32,
  pkt_type: u32,
  mark: u32,
  queue_mapping: u32,
  /** network order */
  protocol: u32,
  vlan_present: u32,
  vlan_tci: u32,
  vlan_proto: u32,
  priority: u32,
  ingress_ifindex: u32,
  ifindex: u32,
  tc_index: u32,
  cb: /* @__PURE__ */ array(u32, 5),
  hash: u32,
  tc_classid: u32,
  data: u32,
  data_end: u32,
  napi_id: u32,
  /** from here to `local_port`: sk_skb and cgroup_skb only */
  family: u32,
  remote_ip4: u32,
  local_ip4: u32,
  remote_ip6: /* @__PURE__ */ array(u32, 4),
  local_ip6: /* @__PURE__ */ array(u32, 4),
  /** network order, in the upper half */
  remote_port: u32,
  /** host order */
  local_port: u32,
  data_meta: u32,
  /** the flow dissector only */
  flow_keys: /* @__PURE__ */ pointer(FlowKeys),
  tstamp: u64,
  wire_len: u32,
  gso_segs: u32,
  /** may be NULL */
  sk: /* @__PURE__ */ pointer(Socket),
  gso_size: u32,
  tstamp_type: u8,
  hwtstamp: u64,
});

/**
 * `struct bpf_sock_addr`: bind, connect, sendmsg, recvmsg, getpeername, getsockname. `user_ip4`, `user_ip6` and
 * `user_port`, in network order, may be written. What it returns: 1 to go on, 0 for EPERM.
 */
export const SocketAddress = /* @__PURE__ */ struct('bpf_sock_addr', {
  user_family: u32,
  user_ip4: u32,
  user_ip6: /* @__PURE__ */ array(u32, 4),
  user_port: u32,
  family: u32,
  type: u32,
  protocol: u32,
  /** sendmsg only, may be written */
  msg_src_ip4: u32,
  msg_src_ip6: /* @__PURE__ */ array(u32, 4),
  sk: /* @__PURE__ */ pointer(Socket),
});

/** `struct bpf_sock_ops`: sockops, what TCP tells and asks. `reply` is the answer, `sk_txhash` may be written. */
export const SocketEvent = /* @__PURE__ */ struct('bpf_sock_ops', {
  /** BPF_SOCK_OPS_* */
  op: u32,
  value: /* @__PURE__ */ union('bpf_sock_ops_value', {
    args: /* @__PURE__ */ array(u32, 4),
    reply: u32,
    replylong: /* @__PURE__ */ array(u32, 4),
  }),
  family: u32,
  /** network order, as all addresses here */
  remote_ip4: u32,
  local_ip4: u32,
  remote_ip6: /* @__PURE__ */ array(u32, 4),
  local_ip6: /* @__PURE__ */ array(u32, 4),
  /** network order, in the upper half */
  remote_port: u32,
  /** host order */
  local_port: u32,
  is_fullsock: u32,
  snd_cwnd: u32,
  srtt_us: u32,
  bpf_sock_ops_cb_flags: u32,
  state: u32,
  rtt_min: u32,
  snd_ssthresh: u32,
  rcv_nxt: u32,
  snd_nxt: u32,
  snd_una: u32,
  mss_cache: u32,
  ecn_flags: u32,
  rate_delivered: u32,
  rate_interval_us: u32,
  packets_out: u32,
  retrans_out: u32,
  total_retrans: u32,
  segs_in: u32,
  data_segs_in: u32,
  segs_out: u32,
  data_segs_out: u32,
  lost_out: u32,
  sacked_out: u32,
  sk_txhash: u32,
  bytes_received: u64,
  bytes_acked: u64,
  sk: /* @__PURE__ */ pointer(Socket),
  skb_data: /* @__PURE__ */ pointer(),
  skb_data_end: /* @__PURE__ */ pointer(),
  skb_len: u32,
  skb_tcp_flags: u32,
  skb_hwtstamp: u64,
});

/** `struct sk_msg_md`: sk_msg, data that a socket of a map sends. */
export const SocketMessage = /* @__PURE__ */ struct('sk_msg_md', {
  data: /* @__PURE__ */ pointer(),
  data_end: /* @__PURE__ */ pointer(),
  family: u32,
  remote_ip4: u32,
  local_ip4: u32,
  remote_ip6: /* @__PURE__ */ array(u32, 4),
  local_ip6: /* @__PURE__ */ array(u32, 4),
  remote_port: u32,
  local_port: u32,
  size: u32,
  sk: /* @__PURE__ */ pointer(Socket),
});

/** `struct sk_reuseport_md`: sk_reuseport, which chooses among the sockets of one port. Read only. */
export const ReuseportContext = /* @__PURE__ */ struct('sk_reuseport_md', {
  data: /* @__PURE__ */ pointer(),
  data_end: /* @__PURE__ */ pointer(),
  len: u32,
  /** network order */
  eth_protocol: u32,
  ip_protocol: u32,
  bind_inany: u32,
  hash: u32,
  sk: /* @__PURE__ */ pointer(Socket),
  /** sk_reuseport/migrate only, may be NULL */
  migrating_sk: /* @__PURE__ */ pointer(Socket),
});

/** `struct bpf_sk_lookup`: sk_lookup, a packet for which a socket is looked for. Read only. */
export const SocketLookup = /* @__PURE__ */ struct('bpf_sk_lookup', {
  /** the socket that was chosen, or its cookie */
  sk: /* @__PURE__ */ pointer(Socket),
  family: u32,
  protocol: u32,
  /** network order */
  remote_ip4: u32,
  remote_ip6: /* @__PURE__ */ array(u32, 4),
  remote_port: u16,
  local_ip4: u32,
  local_ip6: /* @__PURE__ */ array(u32, 4),
  /** host order */
  local_port: u32,
  ingress_ifindex: u32,
});

/** `struct bpf_sysctl`: cgroup/sysctl, a file of /proc/sys. `file_pos` may be written. 1 goes on, 0 is EPERM. */
export const SysctlContext = /* @__PURE__ */ struct('bpf_sysctl', { write: u32, file_pos: u32 });

/**
 * `struct bpf_sockopt`: cgroup/getsockopt and cgroup/setsockopt. `optlen`, in setsockopt `level` and `optname`, in
 * getsockopt `retval` may be written. 1 goes on, 0 is EPERM.
 */
export const SocketOptionContext = /* @__PURE__ */ struct('bpf_sockopt', {
  sk: /* @__PURE__ */ pointer(Socket),
  optval: /* @__PURE__ */ pointer(),
  optval_end: /* @__PURE__ */ pointer(),
  level: i32,
  optname: i32,
  optlen: i32,
  retval: i32,
});

/** `struct bpf_cgroup_dev_ctx`: cgroup/dev. The upper half of `access_type` says what for, the lower what kind. Read only. */
export const DeviceContext = /* @__PURE__ */ struct('bpf_cgroup_dev_ctx', {
  access_type: u32,
  major: u32,
  minor: u32,
});

/** `struct bpf_nf_ctx`: netfilter. Both point to the kernel's own structs, whose fields plain loads may follow (CO-RE). */
export const NetfilterContext = /* @__PURE__ */ struct('bpf_nf_ctx', {
  /** a `struct nf_hook_state` */
  state: /* @__PURE__ */ pointer(),
  /** a `struct sk_buff` */
  skb: /* @__PURE__ */ pointer(),
});
