/*
 * Global data: .data, .rodata, .bss and sections of these kinds with names of their own; static and global variables,
 * read, written and addressed; strings, arrays, structs, nested and padded; `const volatile` options; constants that
 * the compiler makes itself (.rodata.str, .rodata.cst); one variable in several programs.
 */
#include "corpus.h"

char _license[] SEC("license") = "Dual BSD/GPL";

struct point {
	char tag;
	int x, y;
};

struct shape {
	struct point corners[3];
	u64 area;
	char name[10];
};

/* Options. */
const volatile u32 target_pid = 0;
const volatile bool verbose = true;
const volatile u64 threshold = 0x1122334455667788;
const volatile char prefix[8] = "bee";
const volatile struct point origin = {'o', -1, 2};

/* Counters. */
u64 total;
static u32 calls;
static volatile u64 per_cpu[8];
bool seen_any;

/* Initialised. */
int level = -3;
static struct shape triangle = {
	.corners = {{'a', 0, 0}, {'b', 4, 0}, {'c', 0, 3}},
	.area = 6,
	.name = "triangle",
};
u16 table[5] = {1, 2, 3, 5, 8};
s8 small = -1;

/* In sections with names of their own. */
u32 custom_data SEC(".data.custom") = 42;
u64 custom_pair[2] SEC(".data.custom") = {1, 2};
const volatile u32 custom_option SEC(".rodata.custom") = 99;
u32 custom_zero SEC(".bss.custom");
u8 aligned SEC(".data.aligned") __attribute__((aligned(64))) = 1;

static __noinline u32 sum_table(void)
{
	u32 sum = 0;

	for (int i = 0; i < 5; i++)
		sum += *(volatile u16 *)&table[i];
	return sum;
}

SEC("raw_tp/sched_switch")
int count(void *ctx)
{
	u32 pid = bpf_get_current_pid_tgid() >> 32;

	if (target_pid && pid != target_pid)
		return 0;
	total++;
	__sync_fetch_and_add(&calls, 1);
	per_cpu[bpf_get_smp_processor_id() & 7] += 2;
	seen_any = true;
	if (total > threshold)
		level--;
	triangle.corners[pid & 1].x += origin.y;
	triangle.area = sum_table();
	return 0;
}

SEC("raw_tp/sched_process_exit")
int speak(void *ctx)
{
	char text[16] = "a constant text";

	if (verbose)
		bpf_printk("%s %d calls, %s", triangle.name, calls, (const char *)prefix);
	bpf_trace_printk(text, sizeof(text));
	small += 1;
	return level + small;
}

SEC("raw_tp/sched_process_fork")
int custom(void *ctx)
{
	custom_data += custom_option;
	custom_pair[1] = custom_data;
	custom_zero++;
	aligned ^= 1;
	total++;
	return bpf_strncmp((const char *)triangle.name, 8, "triangle");
}
