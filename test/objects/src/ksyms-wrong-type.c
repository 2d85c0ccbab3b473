/* Cannot be loaded: a variable whose type is not the kernel's. */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

extern const int runqueues __ksym;

SEC("raw_tp/sched_switch")
int wrong(void *ctx)
{
	return bpf_per_cpu_ptr(&runqueues, 0) != 0;
}
