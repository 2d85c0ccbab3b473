/*
 * Maps of maps and of programs: inner definitions by type and by declaration, static initialisers (with gaps, and one
 * map in two slots), a hash that is not filled, and programs that are called through their array.
 */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u64);
} inner_a SEC(".maps"), inner_b SEC(".maps");

/* Slots 0, 2 and 3; slot 1 stays empty. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 5);
	__uint(key_size, sizeof(u32));
	__array(values, struct inner);
} array_of_maps SEC(".maps") = {
	.values = {[0] = &inner_a, [2] = &inner_b, [3] = &inner_a},
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 8);
	__type(key, u64);
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_HASH);
		__uint(max_entries, 16);
		__uint(map_flags, BPF_F_NO_PREALLOC);
		__type(key, u32);
		__type(value, u32);
	});
} hash_of_maps SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(u32));
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_RINGBUF);
		__uint(max_entries, 4096);
	});
} rings SEC(".maps");

int step_one(void *ctx);
int step_two(void *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, sizeof(u32));
	__array(values, int(void *));
} steps SEC(".maps") = {
	.values = {[1] = (void *)&step_one, [3] = (void *)&step_two},
};

/* Filled by user space. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(u32));
} empty_steps SEC(".maps");

SEC("raw_tp/sched_switch")
int through_maps(void *ctx)
{
	u32 slot = 2, key = 1, *small;
	u64 wide = 7, *value, *record;
	void *map = bpf_map_lookup_elem(&array_of_maps, &slot);

	if (map) {
		value = bpf_map_lookup_elem(map, &key);
		if (value)
			*value += 1;
	}
	map = bpf_map_lookup_elem(&hash_of_maps, &wide);
	if (map) {
		small = bpf_map_lookup_elem(map, &key);
		if (small)
			*small += 1;
	}
	value = bpf_map_lookup_elem(&inner_a, &key);
	if (value)
		*value = 0;
	slot = 0;
	map = bpf_map_lookup_elem(&rings, &slot);
	if (map) {
		record = bpf_ringbuf_reserve(map, sizeof(*record), 0);
		if (record)
			bpf_ringbuf_discard(record, 0);
	}
	return 0;
}

SEC("raw_tp/sched_switch")
int start(void *ctx)
{
	bpf_tail_call(ctx, &steps, 1);
	bpf_tail_call_static(ctx, &empty_steps, 0);
	return 1;
}

/* The index is known at run time only. */
SEC("raw_tp/sched_switch")
int anywhere(void *ctx)
{
	bpf_tail_call(ctx, &steps, bpf_get_smp_processor_id() & 3);
	return 1;
}

SEC("raw_tp/sched_switch")
int step_one(void *ctx)
{
	bpf_tail_call_static(ctx, &steps, 3);
	return 0;
}

SEC("raw_tp/sched_switch")
int step_two(void *ctx)
{
	return 0;
}

/* A tail call within a subprogram. */
static __noinline int leave(void *ctx)
{
	volatile int result = 3;

	bpf_tail_call_static(ctx, &steps, 1);
	return result;
}

SEC("raw_tp/sched_switch")
int from_subprogram(void *ctx)
{
	return leave(ctx) + 1;
}
