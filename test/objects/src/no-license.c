/* Without a licence: helpers for GPL programs are refused, others are not. */
#include "corpus.h"

SEC("raw_tp/sched_switch")
int for_everybody(void *ctx)
{
	return bpf_ktime_get_ns() & 1;
}

SEC("raw_tp/sched_switch")
int for_gpl(void *ctx)
{
	return bpf_printk("no");
}
