/* Static probes of user programs: the maps and subprograms that libbpf's header adds, and its weak .kconfig externs. */
#include "corpus.h"
#include <bpf/usdt.bpf.h>

char _license[] SEC("license") = "GPL";

long sums[3];

SEC("usdt/libc.so.6:libc:setjmp")
int BPF_USDT(setjmp_probe, void *address, int value, void *pc)
{
	sums[0] += value;
	sums[1] = bpf_usdt_arg_cnt(ctx);
	sums[2] = bpf_usdt_cookie(ctx);
	return 0;
}

SEC("usdt")
int usdt_bare(struct pt_regs *ctx)
{
	return 0;
}
