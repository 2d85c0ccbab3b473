/* The second of two objects for the static linker; see linked-one.c. */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, u32);
	__type(value, u64);
} shared_counts SEC(".maps");

extern u64 defined_in_one;
u64 defined_in_two = 22;
int weak_data __weak = 2;
static volatile u32 hidden;

extern u64 function_of_one(u32 value);

__noinline u64 function_of_two(u32 value)
{
	return value * defined_in_two;
}

__noinline int choose(u32 value)
{
	return value + 2;
}

static __noinline u64 same_name(u64 value)
{
	return value * 5 + hidden;
}

SEC("raw_tp/sched_process_exit")
int program_two(void *ctx)
{
	hidden++;
	return function_of_one(choose(3)) + same_name(defined_in_one + weak_data);
}

/* In the section of a program of the other object. */
SEC("raw_tp/sched_switch")
int program_three(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, pid) & 1;
}
