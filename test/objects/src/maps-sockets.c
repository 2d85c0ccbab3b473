/* Maps that hold sockets, and the programs for them: sockmap, sockhash, sockets that share a port; sk_skb, sk_msg. */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_SOCKMAP);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u64);
} by_slot SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 4);
	__type(key, u64);
	__type(value, u32);
} by_cookie SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_REUSEPORT_SOCKARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u64);
} sharing SEC(".maps");

SEC("sk_skb/stream_parser")
int parser(struct __sk_buff *skb)
{
	return skb->len;
}

SEC("sk_skb/stream_verdict")
int stream_verdict(struct __sk_buff *skb)
{
	return bpf_sk_redirect_map(skb, &by_slot, 0, 0);
}

SEC("sk_skb/verdict")
int verdict(struct __sk_buff *skb)
{
	u64 cookie = skb->remote_port;

	return bpf_sk_redirect_hash(skb, &by_cookie, &cookie, BPF_F_INGRESS);
}

SEC("sk_skb")
int skb_bare(struct __sk_buff *skb)
{
	return SK_PASS;
}

SEC("sk_msg")
int message(struct sk_msg_md *message)
{
	void *data = message->data;

	if (data + 4 <= message->data_end && *(u32 *)data == 0)
		return SK_DROP;
	return bpf_msg_redirect_map(message, &by_slot, 1, 0);
}

SEC("sk_reuseport")
int select_socket(struct sk_reuseport_md *ctx)
{
	u32 index = ctx->hash & 3;

	return bpf_sk_select_reuseport(ctx, &sharing, &index, 0) == 0 ? SK_PASS : SK_DROP;
}

SEC("sk_reuseport/migrate")
int migrate_socket(struct sk_reuseport_md *ctx)
{
	return ctx->migrating_sk ? SK_PASS : SK_DROP;
}

SEC("sockops")
int on_event(struct bpf_sock_ops *ctx)
{
	u32 slot = 0;

	if (ctx->op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB)
		bpf_sock_map_update(ctx, &by_slot, &slot, BPF_ANY);
	return 1;
}

SEC("iter/sockmap")
int each_socket(struct bpf_iter__sockmap *ctx)
{
	return ctx->sk ? 0 : 0;
}
