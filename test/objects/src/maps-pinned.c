/* Maps that are shared by name: pinning by name and, said outright, not at all. */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, u32);
	__type(value, u64);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} corpus_shared SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(pinning, LIBBPF_PIN_NONE);
	__uint(max_entries, 8);
	__type(key, u32);
	__type(value, u64);
} corpus_own SEC(".maps");

SEC("raw_tp/sched_switch")
int count(void *ctx)
{
	u32 key = 0;

	return bpf_map_lookup_elem(&corpus_shared, &key) == bpf_map_lookup_elem(&corpus_own, &key);
}
