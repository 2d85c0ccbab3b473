/*
 * Every kind of CO-RE relocation in every kind of instruction that carries one, by the compiler's builtins: loads of
 * all sizes, stores, additions, moves and 64-bit loads; arrays in arrays, anonymous structs and unions, pointers to
 * pointers, casts, typedefs, flavours with underscores in them.
 */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

#define PAI __attribute__((preserve_access_index))

enum kind { OFFSET, SIZE, EXISTS, SIGNED, LSHIFT, RSHIFT };
#define FIELD(x, kind) __builtin_preserve_field_info(x, kind)

u64 out[32];

struct list_head___local {
	struct list_head___local *prev, *next;
} PAI;
/* A path that starts at a typedef is looked up by the name of the typedef, and the kernel has no such one. */
typedef struct list_head___local list_alias;
struct hlist_node___local {
	list_alias *next;
} PAI;
/* Names end at the last three underscores between others: the kernel has no `list_head___with`. */
struct list_head___with___two {
	struct list_head___local *prev;
} PAI;
struct ____no_flavour {
	int x;
} PAI;

struct sockaddr_in6___local {
	struct {
		union {
			u8 u6_addr8[16];
			u32 u6_addr32[4];
		} in6_u;
	} sin6_addr;
	u16 sin6_port;
} PAI;

struct rlimit___local {
	unsigned long rlim_max;
} PAI;
struct signal_struct___local {
	struct rlimit___local rlim[16];
} PAI;

struct iphdr___bits {
	u8 version : 4;
	u8 ihl : 4;
	u8 ttl;
} PAI;

/* 64 bits, and with a sign. */
enum blake2b_iv___local { BLAKE2B_IV0___x = 0x1ull << 40 };
enum perf_callchain_context___local { PERF_CONTEXT_KERNEL___x = -1ll, PERF_CONTEXT_GONE = 1ll << 40 };

SEC("raw_tp/sched_switch")
int info(struct bpf_raw_tracepoint_args *ctx)
{
	struct list_head___local *list = (void *)ctx;
	struct list_head___with___two *twice = (void *)ctx;
	struct ____no_flavour *none = (void *)ctx;
	struct sockaddr_in6___local *address = (void *)ctx;
	struct signal_struct___local *signal = (void *)ctx;
	struct iphdr___bits *ip = (void *)ctx;

	out[0] = FIELD(list->prev, OFFSET);
	out[1] = FIELD(list->prev->next, OFFSET);
	out[2] = FIELD(none->x, EXISTS);
	out[3] = FIELD(address->sin6_addr.in6_u.u6_addr32[2], OFFSET);
	out[4] = FIELD(address->sin6_addr.in6_u.u6_addr8, SIZE);
	out[5] = FIELD(address->sin6_port, SIGNED);
	out[6] = FIELD(signal->rlim[7].rlim_max, OFFSET);
	out[7] = FIELD(signal->rlim[7], SIZE);
	out[8] = FIELD(ip->ihl, OFFSET);
	out[9] = FIELD(ip->ihl, SIZE);
	out[10] = FIELD(ip->ihl, LSHIFT);
	out[11] = FIELD(ip->ihl, RSHIFT);
	out[12] = FIELD(ip->ihl, SIGNED);
	out[13] = FIELD(ip->ttl, LSHIFT);
	out[14] = FIELD(ip->version, RSHIFT);
	out[15] = FIELD(list[3].prev, OFFSET);
	out[21] = FIELD(((struct hlist_node___local *)ctx)->next->next, EXISTS);
	out[20] = FIELD(twice->prev, EXISTS);
	return 0;
}

SEC("raw_tp/sched_switch")
int wide_enumerators(void *ctx)
{
	out[16] = bpf_core_enum_value(enum blake2b_iv___local, BLAKE2B_IV0___x);
	out[17] = bpf_core_enum_value(enum perf_callchain_context___local, PERF_CONTEXT_KERNEL___x);
	out[18] = bpf_core_enum_value_exists(enum perf_callchain_context___local, PERF_CONTEXT_GONE);
	if (out[18])
		out[19] = bpf_core_enum_value(enum perf_callchain_context___local, PERF_CONTEXT_GONE);
	return 0;
}

/* Must be refused: both halves of a 64-bit load are replaced. */
SEC("raw_tp/sched_switch")
int wide_poison(void *ctx)
{
	return bpf_core_enum_value(enum perf_callchain_context___local, PERF_CONTEXT_GONE) >> 40;
}

/* Loads and stores in the context, which CO-RE moves too. */
SEC("xdp")
int context(struct xdp_md *ctx)
{
	u8 *data = (void *)(long)ctx->data;
	struct iphdr___bits *ip = (void *)data;

	if ((void *)data + 20 > (void *)(long)ctx->data_end)
		return XDP_PASS;
	ip->ttl = 9;
	*(volatile u8 *)&ip->ttl -= 1;
	return ip->ttl ? XDP_PASS : XDP_DROP;
}

SEC("tc")
int pointers(struct __sk_buff *skb)
{
	struct bpf_sock *sk = skb->sk;

	skb->cb[2] = skb->protocol;
	skb->tc_classid = 5;
	return sk ? sk->family == 2 : 0;
}
