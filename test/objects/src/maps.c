/*
 * Maps: every key of a definition but pinning, map-in-map and initial slots. Types as key/value and as
 * key_size/value_size, flags, NUMA node, map_extra, sizes that libbpf puts right (ring buffer, perf events), the
 * types of which a map's BTF must not be told, and a map that no program uses.
 */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

struct id {
	u32 pid;
	char comm[16];
};

struct value {
	u64 count;
	s64 slots[4];
	struct id last;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct id);
	__type(value, struct value);
} by_key SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 3);
	__uint(map_flags, BPF_F_MMAPABLE | BPF_F_NUMA_NODE);
	__uint(numa_node, 0);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(struct value));
} by_index SEC(".maps");

/* One pair by type, the other by size. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 64);
	__type(key, u64);
	__uint(value_size, 12);
} mixed SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 16);
	__type(key, u32);
	__type(value, u64);
} percpu_hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_PERCPU_HASH);
	__uint(max_entries, 16);
	__type(key, u32);
	__type(value, u64);
} lru_percpu SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, struct value);
} percpu_array SEC(".maps");

/* One page is the least that a kernel takes. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 5000);
} ring SEC(".maps");

/* As many entries as CPUs. */
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(int));
	__uint(value_size, sizeof(int));
} perf_events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(max_entries, 128);
	__uint(key_size, sizeof(u32));
	__uint(value_size, 20 * sizeof(u64));
} stacks SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 8);
	__type(value, u64);
} queue SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 8);
	__type(value, u64);
} stack SEC(".maps");

/* map_extra: the number of hash functions. */
struct {
	__uint(type, BPF_MAP_TYPE_BLOOM_FILTER);
	__uint(max_entries, 100);
	__uint(map_extra, 3);
	__type(value, u32);
} bloom SEC(".maps");

struct lpm_key {
	u32 prefixlen;
	u8 address[4];
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 32);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct lpm_key);
	__type(value, u32);
} routes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, sizeof(u32));
	__uint(value_size, sizeof(u32));
} cgroups SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, char);
	__type(value, char);
} unused SEC(".maps");

SEC("tracepoint/sched/sched_process_exit")
int hashes(void *ctx)
{
	struct id key = {.pid = bpf_get_current_pid_tgid() >> 32};
	struct value fresh = {.count = 1}, *value;
	u32 index = 1;
	u64 *count, wide = key.pid;

	bpf_get_current_comm(key.comm, sizeof(key.comm));
	value = bpf_map_lookup_elem(&by_key, &key);
	if (value) {
		__sync_fetch_and_add(&value->count, 1);
		value->last = key;
	} else {
		bpf_map_update_elem(&by_key, &key, &fresh, BPF_NOEXIST);
	}
	value = bpf_map_lookup_elem(&by_index, &index);
	if (value)
		value->slots[key.pid & 3]++;
	bpf_map_delete_elem(&mixed, &wide);
	count = bpf_map_lookup_elem(&percpu_hash, &index);
	if (count)
		*count += 1;
	count = bpf_map_lookup_elem(&lru_percpu, &index);
	if (count)
		*count += 1;
	index = 0;
	value = bpf_map_lookup_elem(&percpu_array, &index);
	if (value)
		value->count++;
	return 0;
}

SEC("tracepoint/sched/sched_process_exec")
int buffers(void *ctx)
{
	struct value *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
	u64 now = bpf_ktime_get_ns();

	if (record) {
		record->count = now;
		bpf_ringbuf_submit(record, 0);
	}
	bpf_perf_event_output(ctx, &perf_events, BPF_F_CURRENT_CPU, &now, sizeof(now));
	bpf_get_stackid(ctx, &stacks, 0);
	return 0;
}

SEC("tracepoint/sched/sched_process_fork")
int keyless(void *ctx)
{
	struct lpm_key key = {.prefixlen = 32, .address = {10, 0, 0, 1}};
	u64 value = 7;
	u32 bit = 9, *route;

	bpf_map_push_elem(&queue, &value, 0);
	bpf_map_pop_elem(&queue, &value);
	bpf_map_push_elem(&stack, &value, BPF_EXIST);
	bpf_map_peek_elem(&stack, &value);
	bpf_map_push_elem(&bloom, &bit, 0);
	if (bpf_map_peek_elem(&bloom, &bit) == 0)
		value++;
	route = bpf_map_lookup_elem(&routes, &key);
	if (route)
		*route = value;
	return bpf_current_task_under_cgroup(&cgroups, 0);
}
