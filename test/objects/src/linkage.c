/*
 * What symbols say: hidden global functions (verified within their callers, as static ones are), hidden data, names that
 * the kernel cuts, variables of functions, a function that only a callback refers to, one that nothing refers to, and
 * pointers in initialised data, which libbpf leaves zero.
 */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

__hidden u32 hidden_total = 4;
u64 out[4];

const char *text = "a text that nobody finds";
u64 *address = &out[2];

/* Alone it could be called with anything. */
__hidden __noinline u64 hidden_reads(u64 *from)
{
	return *from + hidden_total;
}

__noinline int nobody_calls(int a)
{
	return a * 3;
}

static long only_a_callback(u32 index, void *context)
{
	static u32 calls = 7;

	calls += index;
	return calls > 100;
}

SEC("raw_tp/sched_switch")
int a_program_whose_name_is_cut(void *ctx)
{
	static volatile u32 calls = 9;
	u64 value = calls++;

	out[0] = hidden_reads(&value);
	bpf_loop(4, only_a_callback, (void *)0, 0);
	return 0;
}

SEC("raw_tp/sched_switch")
int pointers(void *ctx)
{
	out[1] = *(u64 *volatile *)&address == 0;
	out[2] = *(const char *volatile *)&text == 0;
	return 0;
}
