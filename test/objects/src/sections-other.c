/* The rest of the section names: perf_event, syscall, freplace; sections that nothing loads unless it is asked to. */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

SEC("perf_event")
int sample(struct bpf_perf_event_data *ctx)
{
	return ctx->sample_period && PT_REGS_IP(&ctx->regs);
}

struct arguments {
	u64 a, b;
};

SEC("syscall")
int from_user_space(struct arguments *ctx)
{
	return ctx->a + ctx->b;
}

/* Its context has the size that the program reads: here more than it may. */
SEC("syscall")
int far_context(struct arguments *ctx)
{
	return *((char *)ctx + (1 << 16));
}

/* Must be refused: there is no program to replace. */
SEC("freplace/global_function")
int replacement(struct __sk_buff *ctx)
{
	return 0;
}

SEC("?perf_event")
int only_on_demand(void *ctx)
{
	return 0;
}

SEC("?tp_btf/no_such_tracepoint")
int BPF_PROG(only_where_it_exists, void *first)
{
	return 0;
}
