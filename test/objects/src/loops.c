/* clang: -mcpu=v4 */
/*
 * Loops: unrolled by nobody and bounded, nested, over a map's values, with may_goto, with open-coded iterators of the
 * kernel's, and one without an end.
 */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

u64 out[64];
int limit = 50;

SEC("raw_tp/sched_switch")
int bounded(void *ctx)
{
	u64 sum = 0;

#pragma clang loop unroll(disable)
	for (int i = 0; i < 60; i++) {
		for (int j = 0; j < 3; j++)
			sum += out[i + j];
		if (sum & 1)
			continue;
		sum ^= i;
	}
	out[0] = sum;
	return 0;
}

SEC("raw_tp/sched_switch")
int may_stop(void *ctx)
{
	u64 sum = 0;

	for (int i = 0; i < limit; i++) {
		sum += i;
		asm goto("may_goto %l[done]" :::: done);
	}
done:
	out[1] = sum;
	return 0;
}

SEC("raw_tp/sched_switch")
int iterator(void *ctx)
{
	struct bpf_iter_num numbers;
	int *number;

	bpf_iter_num_new(&numbers, 0, limit);
	while ((number = bpf_iter_num_next(&numbers)))
		if (*number >= 0 && *number < 64)
			out[*number] += 1;
	bpf_iter_num_destroy(&numbers);
	return 0;
}

/* Must be refused: the iterator is not destroyed. */
SEC("raw_tp/sched_switch")
int forgotten(void *ctx)
{
	struct bpf_iter_num numbers;

	bpf_iter_num_new(&numbers, 0, 3);
	return 0;
}

/* Must be refused: nothing ever changes. */
SEC("raw_tp/sched_switch")
int endless(void *ctx)
{
	while (bpf_get_prandom_u32() != 7)
		;
	return 0;
}
