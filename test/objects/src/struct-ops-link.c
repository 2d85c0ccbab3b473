/*
 * struct_ops that came after libbpf 1.1: `.struct_ops.link`, maps that are made only on demand, flavours of the kernel's
 * struct, members that it does not have (zero here, so that nothing is lost), and functions that may sleep.
 */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

struct tcp_congestion_ops___more {
	u32 (*ssthresh)(struct sock *sk);
	u32 (*undo_cwnd)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, u32 ack, u32 acked);
	void (*no_such_member)(struct sock *sk);
	char name[16];
};

SEC("struct_ops")
u32 BPF_PROG(link_ssthresh, struct sock *sk)
{
	return 2;
}

SEC("struct_ops")
u32 BPF_PROG(link_undo_cwnd, struct sock *sk)
{
	return 4;
}

SEC("struct_ops")
void BPF_PROG(link_cong_avoid, struct sock *sk, u32 ack, u32 acked)
{
}

SEC("?struct_ops")
void BPF_PROG(link_optional, struct sock *sk)
{
}

SEC(".struct_ops.link")
struct tcp_congestion_ops___more corpus_link = {
	.ssthresh = (void *)link_ssthresh,
	.undo_cwnd = (void *)link_undo_cwnd,
	.cong_avoid = (void *)link_cong_avoid,
	.name = "corpus_link",
};

SEC("?.struct_ops.link")
struct tcp_congestion_ops___more corpus_demand = {
	.ssthresh = (void *)link_ssthresh,
	.undo_cwnd = (void *)link_undo_cwnd,
	.cong_avoid = (void *)link_cong_avoid,
	.no_such_member = (void *)link_optional,
	.name = "corpus_demand",
};
