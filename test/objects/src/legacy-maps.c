/* Cannot be opened: maps as they were defined before BTF, in a section `maps`. */
#include "corpus.h"

char _license[] SEC("license") = "GPL";
u32 _version SEC("version") = 0x41200;

struct old_map {
	u32 type, key_size, value_size, max_entries, map_flags;
};

struct old_map counts SEC("maps") = {
	.type = BPF_MAP_TYPE_ARRAY,
	.key_size = sizeof(u32),
	.value_size = sizeof(u64),
	.max_entries = 1,
};

SEC("raw_tp/sched_switch")
int count(void *ctx)
{
	u32 key = 0;

	return bpf_map_lookup_elem(&counts, &key) != 0;
}
