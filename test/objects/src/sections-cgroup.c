/* The section names of programs for cgroups, all of them. */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

#define SKB(section, name) SEC(section) int name(struct __sk_buff *ctx) { return ctx->len > 0; }
#define SOCK(section, name) SEC(section) int name(struct bpf_sock *ctx) { return ctx->family != 0; }
#define ADDR(section, name) SEC(section) int name(struct bpf_sock_addr *ctx) { return 1; }

SKB("cgroup_skb/ingress", skb_ingress)
SKB("cgroup_skb/egress", skb_egress)
SKB("cgroup/skb", skb_either)

SOCK("cgroup/sock_create", sock_create)
SOCK("cgroup/sock_release", sock_release)
SOCK("cgroup/sock", sock_old)
SOCK("cgroup/post_bind4", post_bind4)
SOCK("cgroup/post_bind6", post_bind6)

ADDR("cgroup/bind4", bind4)
ADDR("cgroup/bind6", bind6)
ADDR("cgroup/connect4", connect4)
ADDR("cgroup/connect6", connect6)
ADDR("cgroup/sendmsg4", sendmsg4)
ADDR("cgroup/sendmsg6", sendmsg6)
ADDR("cgroup/recvmsg4", recvmsg4)
ADDR("cgroup/recvmsg6", recvmsg6)
ADDR("cgroup/getpeername4", getpeername4)
ADDR("cgroup/getpeername6", getpeername6)
ADDR("cgroup/getsockname4", getsockname4)
ADDR("cgroup/getsockname6", getsockname6)
/* After libbpf 1.1. */
ADDR("cgroup/connect_unix", connect_unix)
ADDR("cgroup/sendmsg_unix", sendmsg_unix)
ADDR("cgroup/recvmsg_unix", recvmsg_unix)
ADDR("cgroup/getpeername_unix", getpeername_unix)
ADDR("cgroup/getsockname_unix", getsockname_unix)
/* There is none. */
ADDR("cgroup/bind_unix", bind_unix)

SEC("cgroup/connect4")
int rewrite(struct bpf_sock_addr *ctx)
{
	if (ctx->user_port == bpf_htons(80))
		ctx->user_port = bpf_htons(8080);
	ctx->user_ip4 = bpf_htonl(0x7f000001);
	return 1;
}

SEC("cgroup/sysctl")
int sysctl(struct bpf_sysctl *ctx)
{
	return !ctx->write;
}

SEC("cgroup/getsockopt")
int getsockopt(struct bpf_sockopt *ctx)
{
	ctx->retval = 0;
	return 1;
}

SEC("cgroup/setsockopt")
int setsockopt(struct bpf_sockopt *ctx)
{
	return ctx->level != 1;
}

SEC("cgroup/dev")
int device(struct bpf_cgroup_dev_ctx *ctx)
{
	return ctx->major != 1;
}

SEC("sockops")
int socket_events(struct bpf_sock_ops *ctx)
{
	return ctx->op == BPF_SOCK_OPS_TIMEOUT_INIT;
}
