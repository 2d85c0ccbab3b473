/* Prints into the trace pipe. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "GPL";

SEC("raw_tp/sched_process_exec")
int print(void *ctx)
{
	bpf_printk("beespoke test %d", 4711);
	return 0;
}
