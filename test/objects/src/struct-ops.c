/*
 * struct_ops: a congestion control of functions, a name and flags; a second one that shares a function with it and
 * leaves others out; and a function that no map refers to.
 */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

SEC("struct_ops/corpus_ssthresh")
u32 BPF_PROG(corpus_ssthresh, struct sock *sk)
{
	struct tcp_sock *tcp = (struct tcp_sock *)sk;

	return tcp->snd_cwnd > 4 ? tcp->snd_cwnd >> 1 : 2;
}

SEC("struct_ops/corpus_undo_cwnd")
u32 BPF_PROG(corpus_undo_cwnd, struct sock *sk)
{
	return ((struct tcp_sock *)sk)->snd_cwnd;
}

SEC("struct_ops/corpus_cong_avoid")
void BPF_PROG(corpus_cong_avoid, struct sock *sk, u32 ack, u32 acked)
{
	struct tcp_sock *tcp = (struct tcp_sock *)sk;

	if (acked > 3)
		tcp->snd_cwnd_cnt = acked;
}

/* The name of the section need not be that of the function. */
SEC("struct_ops")
void BPF_PROG(corpus_init, struct sock *sk)
{
}

SEC("struct_ops/unused")
void BPF_PROG(corpus_unused, struct sock *sk)
{
}

SEC(".struct_ops")
struct tcp_congestion_ops corpus_cc = {
	.init = (void *)corpus_init,
	.ssthresh = (void *)corpus_ssthresh,
	.cong_avoid = (void *)corpus_cong_avoid,
	.undo_cwnd = (void *)corpus_undo_cwnd,
	.flags = 1,
	.name = "corpus_cc",
};

SEC(".struct_ops")
struct tcp_congestion_ops corpus_small = {
	.ssthresh = (void *)corpus_ssthresh,
	.undo_cwnd = (void *)corpus_undo_cwnd,
	.name = "corpus_small",
};
