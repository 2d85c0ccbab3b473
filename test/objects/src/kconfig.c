/*
 * .kconfig externs: the kernel's version, options of every type (bool, tristate, integers of several sizes and signs,
 * char, string), weak ones that are missing, and a virtual one of libbpf's.
 */
#include "corpus.h"
#include <stdbool.h>

char _license[] SEC("license") = "GPL";

extern int LINUX_KERNEL_VERSION __kconfig;
extern bool CONFIG_BPF __kconfig;
extern enum libbpf_tristate CONFIG_BPF_SYSCALL __kconfig;
extern char CONFIG_BPF_JIT __kconfig;
extern u32 CONFIG_HZ __kconfig;
extern unsigned long CONFIG_LOG_BUF_SHIFT __kconfig;
extern s16 CONFIG_BASE_SMALL __kconfig __weak;
extern char CONFIG_DEFAULT_HOSTNAME[16] __kconfig;
/* Cut to what fits. */
extern char CONFIG_CC_VERSION_TEXT[8] __kconfig;
extern u64 CONFIG_ILLEGAL_POINTER_VALUE __kconfig;
extern bool CONFIG_NO_SUCH_OPTION __kconfig __weak;
extern u64 CONFIG_NO_SUCH_NUMBER __kconfig __weak;
extern char CONFIG_NO_SUCH_STRING[10] __kconfig __weak;
extern bool LINUX_HAS_SYSCALL_WRAPPER __kconfig __weak;
extern bool LINUX_HAS_BPF_COOKIE __kconfig __weak;

u64 out[8];

SEC("raw_tp/sched_switch")
int options(void *ctx)
{
	out[0] = LINUX_KERNEL_VERSION;
	out[1] = CONFIG_BPF + (CONFIG_BPF_SYSCALL == TRI_YES) + (CONFIG_BPF_JIT == 'y');
	out[2] = CONFIG_HZ;
	out[3] = CONFIG_LOG_BUF_SHIFT + CONFIG_BASE_SMALL;
	out[4] = CONFIG_DEFAULT_HOSTNAME[0] + CONFIG_CC_VERSION_TEXT[0];
	out[5] = CONFIG_ILLEGAL_POINTER_VALUE;
	out[6] = CONFIG_NO_SUCH_NUMBER + CONFIG_NO_SUCH_STRING[0];
	/* What is known to be false is not verified. */
	if (CONFIG_NO_SUCH_OPTION)
		return *(volatile int *)0;
	out[7] = LINUX_HAS_SYSCALL_WRAPPER + LINUX_HAS_BPF_COOKIE;
	return 0;
}
