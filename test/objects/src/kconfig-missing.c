/* Cannot be loaded: an option that no kernel has, and that is not weak. */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

extern bool CONFIG_NO_SUCH_OPTION __kconfig;

SEC("raw_tp/sched_switch")
int option(void *ctx)
{
	return CONFIG_NO_SUCH_OPTION;
}
