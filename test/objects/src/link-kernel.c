/*
 * Two objects for the static linker, made of one source (FILE is 1 or 2; make.sh): both declare the same of the
 * kernel's configuration and variables, weak in one and strong in the other, and each something of its own. The
 * functions differ: libbpf 1.1 links no two objects that declare the same one.
 */
#include "corpus.h"
#include <stdbool.h>

char _license[] SEC("license") = "GPL";

extern int LINUX_KERNEL_VERSION __kconfig;
#if FILE == 1
extern u32 CONFIG_HZ __kconfig __weak;
extern bool CONFIG_NO_SUCH_OPTION __kconfig __weak;
extern const struct rq runqueues __ksym __weak;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
#else
extern u32 CONFIG_HZ __kconfig;
extern char CONFIG_DEFAULT_HOSTNAME[16] __kconfig;
extern const struct rq runqueues __ksym;
extern struct task_struct *bpf_task_from_pid(s32 pid) __ksym;
extern void bpf_task_release(struct task_struct *task) __ksym;
#endif

u64 OWN(out_)[3];

SEC("raw_tp/sched_switch")
int OWN(configured_)(void *ctx)
{
	OWN(out_)[0] = LINUX_KERNEL_VERSION + CONFIG_HZ;
#if FILE == 1
	if (CONFIG_NO_SUCH_OPTION)
		return *(volatile int *)0;
#else
	OWN(out_)[0] += CONFIG_DEFAULT_HOSTNAME[1];
#endif
	return 0;
}

SEC("raw_tp/sched_switch")
int OWN(variables_)(void *ctx)
{
	struct rq *rq = bpf_per_cpu_ptr(&runqueues, FILE - 1);

	if (rq)
		OWN(out_)[1] = rq->nr_running;
	return 0;
}

SEC("tp_btf/task_newtask")
int OWN(functions_)(u64 *ctx)
{
#if FILE == 1
	bpf_rcu_read_lock();
	bpf_rcu_read_unlock();
#else
	struct task_struct *task = bpf_task_from_pid(1);

	if (task) {
		OWN(out_)[2] = task->pid;
		bpf_task_release(task);
	}
#endif
	return 0;
}
