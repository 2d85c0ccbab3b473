/*
 * Two objects for the static linker, made of one source (FILE is 1 or 2; make.sh): maps that one file defines and both
 * use, plain, of maps and of programs; slots that are filled with maps and programs of the other file, and struct_ops
 * whose functions are there.
 */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u64);
};

struct counts {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u32);
	__type(value, struct { u64 count; u64 sum; });
};

struct nested {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__uint(key_size, sizeof(u32));
	__array(values, struct inner);
};

int step(void *ctx);

#if FILE == 1
extern struct counts counts SEC(".maps");
extern struct nested nested SEC(".maps");
struct inner of_one SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, sizeof(u32));
	__array(values, int(void *));
} steps SEC(".maps") = {
	.values = {[1] = (void *)&step},
};

SEC("raw_tp/sched_switch")
int start(void *ctx)
{
	u32 slot = 1;
	u64 *value;
	void *map = bpf_map_lookup_elem(&nested, &slot);

	if (map && (value = bpf_map_lookup_elem(map, &slot)))
		*value += bpf_map_lookup_elem(&counts, &slot) != 0;
	bpf_tail_call(ctx, &steps, 1);
	return 1;
}
#else
extern struct inner of_one SEC(".maps");
struct counts counts SEC(".maps");
struct inner of_two SEC(".maps");
struct nested nested SEC(".maps") = {
	.values = {[0] = &of_one, [1] = &of_two},
};

SEC("raw_tp/sched_switch")
int step(void *ctx)
{
	u32 key = 2;
	u64 *value = bpf_map_lookup_elem(&of_one, &key);

	return value ? *value : bpf_map_delete_elem(&counts, &key);
}
#endif

SEC("struct_ops/ssthresh")
u32 OWN(ssthresh_)(struct sock *sk)
{
	return bpf_core_type_size(struct tcp_congestion_ops);
}

SEC("struct_ops/undo_cwnd")
u32 OWN(undo_cwnd_)(struct sock *sk)
{
	return 2 * FILE;
}

SEC("struct_ops/cong_avoid")
void OWN(cong_avoid_)(struct sock *sk, u32 ack, u32 acked)
{
}

SEC(".struct_ops")
struct tcp_congestion_ops OWN(control_) = {
	.ssthresh = (void *)OWN(ssthresh_),
	.undo_cwnd = (void *)OWN(undo_cwnd_),
	.cong_avoid = (void *)OWN(cong_avoid_),
	.name = "linked",
};
