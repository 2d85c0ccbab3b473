/* The section names of networking: socket filters, traffic control old and new, routes, lookups, dissector, netfilter. */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

#define SKB(section, name) SEC(section) int name(struct __sk_buff *ctx) { return ctx->len == 0; }

SKB("socket", socket_filter)
SKB("tc", tc_short)
SKB("classifier", tc_classifier)
SKB("action", tc_action)
SKB("lwt_in", lwt_in_route)
SKB("lwt_out", lwt_out_route)
SKB("lwt_xmit", lwt_xmit_route)
SKB("lwt_seg6local", lwt_seg6local_route)

/* After libbpf 1.1. */
SKB("tcx/ingress", tcx_ingress)
SKB("tcx/egress", tcx_egress)
SKB("tc/ingress", tc_ingress)
SKB("tc/egress", tc_egress)
SKB("netkit/primary", netkit_primary)
SKB("netkit/peer", netkit_peer)

SEC("flow_dissector")
int dissector(struct __sk_buff *ctx)
{
	struct bpf_flow_keys *keys = ctx->flow_keys;

	keys->thoff = keys->nhoff + 20;
	return 0;
}

SEC("sk_lookup")
int lookup(struct bpf_sk_lookup *ctx)
{
	return ctx->local_port == 7 ? SK_DROP : SK_PASS;
}

SEC("netfilter")
int filter(struct bpf_nf_ctx *ctx)
{
	return ctx->skb->len > 0;
}

SEC("lirc_mode2")
int infrared(unsigned int *sample)
{
	return 0;
}

SEC("tc")
int packet_access(struct __sk_buff *skb)
{
	u8 bytes[14];

	if (bpf_skb_load_bytes(skb, 0, bytes, sizeof(bytes)) < 0)
		return 2;
	skb->cb[0] = bytes[12] << 8 | bytes[13];
	skb->mark = bpf_get_prandom_u32();
	return bpf_redirect(skb->ifindex, 0);
}

/* The oldest way to read a packet. */
unsigned long long load_half(void *skb, unsigned long long offset) asm("llvm.bpf.load.half");

SEC("socket")
int absolute_load(struct __sk_buff *skb)
{
	return load_half(skb, 12) == 0x0800 ? -1 : 0;
}
