/* Cannot be loaded: the value of the option does not fit. */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

extern bool CONFIG_HZ __kconfig;

SEC("raw_tp/sched_switch")
int option(void *ctx)
{
	return CONFIG_HZ;
}
