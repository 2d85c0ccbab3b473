/* Would kill processes of a number that none has. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "GPL";

unsigned int kills;

SEC("tracepoint/sched/sched_process_exec")
int shoot(void *ctx)
{
	if (bpf_get_current_pid_tgid() >> 32 == 0x7fffffff) {
		kills++;
		bpf_send_signal(9);
	}
	return 0;
}

SEC("tracepoint/sched/sched_process_exec")
int look(void *ctx)
{
	return 0;
}
