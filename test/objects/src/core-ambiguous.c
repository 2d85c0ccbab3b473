/*
 * Names that the kernel has several types for: a field on which they agree, and a size on which they do not, which
 * cannot be decided. (Two functions of the kernel's syscall tracing have a `struct syscall_tp_t` each.)
 */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

struct syscall_tp_t___any {
	int syscall_nr;
} __attribute__((preserve_access_index));

struct syscall_tp_t___exit {
	unsigned long ret;
} __attribute__((preserve_access_index));

SEC("raw_tp/sched_switch")
int agreed(struct bpf_raw_tracepoint_args *ctx)
{
	struct syscall_tp_t___any *any = (void *)ctx;
	struct syscall_tp_t___exit *exit = (void *)ctx;

	return bpf_core_field_offset(any->syscall_nr) + bpf_core_field_offset(exit->ret) +
	       bpf_core_type_exists(struct syscall_tp_t___any);
}

/* libbpf gives up here. */
SEC("raw_tp/sched_switch")
int undecided(void *ctx)
{
	return bpf_core_type_size(struct syscall_tp_t___any);
}
