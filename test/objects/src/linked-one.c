/*
 * The first of two objects for the static linker (linked.o is both): it defines and uses what the other one does, and
 * neither can be loaded alone. Strong and weak functions, an extern map and extern data, static names that both have.
 */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

extern struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, u32);
	__type(value, u64);
} shared_counts SEC(".maps");

extern u64 defined_in_two;
u64 defined_in_one = 11;
int weak_data __weak = 1;
static volatile u64 hidden;

extern u64 function_of_two(u32 value);

__noinline u64 function_of_one(u32 value)
{
	return value + defined_in_one;
}

/* The strong one of the other object wins. */
__weak __noinline int choose(u32 value)
{
	return value + 1;
}

static __noinline u64 same_name(u64 value)
{
	return value * 3 + hidden;
}

SEC("raw_tp/sched_switch")
int program_one(void *ctx)
{
	u32 key = 1;
	u64 *count = bpf_map_lookup_elem(&shared_counts, &key);

	if (count)
		*count += function_of_two(key) + defined_in_two;
	hidden++;
	return choose(key) + same_name(weak_data);
}
