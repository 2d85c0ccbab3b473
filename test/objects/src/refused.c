/* Programs that the verifier refuses, each for a reason of its own, and one among them that it accepts. */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, u64);
} values SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

const volatile u64 constant = 5;
u64 array[8];

SEC("raw_tp/sched_switch")
int no_null_check(void *ctx)
{
	u32 key = bpf_get_prandom_u32();

	return *(u64 *)bpf_map_lookup_elem(&values, &key);
}

/* Accepted from 6.3 on for those who may read the kernel's memory anyway. */
SEC("raw_tp/sched_switch")
int uninitialised_stack(void *ctx)
{
	u32 key;

	asm volatile("" : "=m"(key));
	return bpf_map_lookup_elem(&values, &key) != 0;
}

SEC("raw_tp/sched_switch")
int uninitialised_register(void *ctx)
{
	int result;

	asm volatile("%0 = r8" : "=r"(result));
	return result;
}

SEC("raw_tp/sched_switch")
int out_of_bounds(void *ctx)
{
	return array[bpf_get_prandom_u32() & 31];
}

SEC("raw_tp/sched_switch")
int accepted(void *ctx)
{
	return array[bpf_get_prandom_u32() & 7] + constant;
}

SEC("raw_tp/sched_switch")
int written_constant(void *ctx)
{
	*(volatile u64 *)&constant = 3;
	return 0;
}

SEC("raw_tp/sched_switch")
int kernel_pointer(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (void *)ctx->args[1];

	return *(volatile int *)task;
}

SEC("raw_tp/sched_switch")
int unreleased_record(void *ctx)
{
	u64 *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);

	if (record)
		*record = 1;
	return 0;
}

SEC("raw_tp/sched_switch")
int released_twice(void *ctx)
{
	u64 *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);

	if (!record)
		return 0;
	bpf_ringbuf_submit(record, 0);
	bpf_ringbuf_discard(record, 0);
	return 0;
}

/* A helper that is not for this type of program. */
SEC("raw_tp/sched_switch")
int foreign_helper(void *ctx)
{
	return bpf_redirect(1, 0);
}

SEC("raw_tp/sched_switch")
int unknown_helper(void *ctx)
{
	static long (*const helper)(void) = (void *)9999;

	return helper();
}

SEC("cgroup/sock_create")
int wrong_result(struct bpf_sock *ctx)
{
	return 5;
}

SEC("tc")
int wrong_context(struct __sk_buff *ctx)
{
	return *(volatile u32 *)((char *)ctx + sizeof(*ctx));
}
