/* Cannot be loaded: a symbol that no kernel has, and that is not weak. */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

extern const void no_such_symbol __ksym;

SEC("raw_tp/sched_switch")
int missing(void *ctx)
{
	return (u64)&no_such_symbol > 7;
}
