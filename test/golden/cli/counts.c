/* Sends nothing: counts in global variables. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "GPL";

unsigned long long execs;
int last_pid = -1;

SEC("raw_tp/sched_process_exec")
int count(void *ctx)
{
	__sync_fetch_and_add(&execs, 1);
	last_pid = bpf_get_current_pid_tgid() >> 32;
	return 0;
}

/* Not loaded by itself. */
SEC("?raw_tp/sched_process_exit")
int on_demand(void *ctx)
{
	return 0;
}
