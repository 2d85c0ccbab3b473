/* XDP: its sections with frags, device map and CPU map; packet pointers; redirection into the maps made for it. */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

#define ETH_P_IP 0x0800

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, struct bpf_devmap_val);
} devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_DEVMAP_HASH);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u32);
} devices_by_hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CPUMAP);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, struct bpf_cpumap_val);
} cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, u32);
} sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 256);
	__type(key, u32);
	__type(value, u64);
} packets SEC(".maps");

SEC("xdp")
int filter(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *ethernet = data;
	struct iphdr *ip = data + sizeof(*ethernet);
	u64 *count;
	u32 protocol;

	if ((void *)(ip + 1) > end || ethernet->h_proto != bpf_htons(ETH_P_IP))
		return XDP_PASS;
	protocol = ip->protocol;
	count = bpf_map_lookup_elem(&packets, &protocol);
	if (count)
		*count += end - data;
	return ip->ttl == 0 ? XDP_DROP : XDP_PASS;
}

SEC("xdp")
int redirect(struct xdp_md *ctx)
{
	switch (ctx->rx_queue_index) {
	case 0: return bpf_redirect_map(&devices, 0, XDP_PASS);
	case 1: return bpf_redirect_map(&devices_by_hash, 0, 0);
	case 2: return bpf_redirect_map(&cpus, 1, 0);
	default: return bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_PASS);
	}
}

/* Must be refused: the bounds of the packet are not checked. */
SEC("xdp")
int unchecked(struct xdp_md *ctx)
{
	return *(u8 *)(long)ctx->data;
}

SEC("xdp.frags") int frags(struct xdp_md *ctx) { return bpf_xdp_get_buff_len(ctx) > 4096 ? XDP_DROP : XDP_PASS; }
SEC("xdp/devmap") int devmap(struct xdp_md *ctx) { return ctx->egress_ifindex ? XDP_PASS : XDP_DROP; }
SEC("xdp.frags/devmap") int devmap_frags(struct xdp_md *ctx) { return XDP_PASS; }
SEC("xdp/cpumap") int cpumap(struct xdp_md *ctx) { return XDP_PASS; }
SEC("xdp.frags/cpumap") int cpumap_frags(struct xdp_md *ctx) { return XDP_PASS; }

/* Only a program for device maps may ask for the device that a packet leaves by. */
SEC("xdp") int egress_elsewhere(struct xdp_md *ctx) { return ctx->egress_ifindex ? XDP_PASS : XDP_DROP; }
