/*
 * .ksyms externs: addresses without a type, per-CPU variables with one, weak ones that are there and weak ones that
 * are missing, in instructions that the verifier must not reach.
 */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

/* Only an address. Data has none where the kernel lists functions only (without CONFIG_KALLSYMS_ALL). */
extern const void init_task __ksym __weak;
extern const void bpf_prog_put __ksym;
extern const void no_such_symbol __ksym __weak;

/* With a type. */
extern const struct rq runqueues __ksym;
extern const int no_such_variable __ksym __weak;
extern const int bpf_prog_active __ksym __weak;

u64 out[5];

SEC("raw_tp/sched_switch")
int untyped(void *ctx)
{
	out[0] = (u64)&bpf_prog_put;
	out[1] = (u64)&init_task;
	out[2] = (u64)&no_such_symbol;
	return 0;
}

SEC("raw_tp/sched_switch")
int typed(void *ctx)
{
	struct rq *rq = bpf_per_cpu_ptr(&runqueues, 0);
	int *active = bpf_this_cpu_ptr(&bpf_prog_active);

	if (rq)
		out[3] = rq->nr_running;
	out[4] = *active;
	if (&no_such_variable)
		out[4] += no_such_variable;
	return 0;
}

SEC("raw_tp/sched_switch")
int none(void *ctx)
{
	return 0;
}
