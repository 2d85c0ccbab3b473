/*
 * Kernel functions: acquired and released references, trusted arguments, flavoured names, a weak one that is missing,
 * one that is there, calls from subprograms, and one that a program of this type may not call.
 */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

extern struct task_struct *bpf_task_acquire(struct task_struct *task) __ksym;
extern void bpf_task_release(struct task_struct *task) __ksym;
extern struct task_struct *bpf_task_from_pid(s32 pid) __ksym __weak;
extern void bpf_rcu_read_lock(void) __ksym;
extern void bpf_rcu_read_unlock(void) __ksym;
extern void *bpf_rdonly_cast(const void *object, u32 btf_id) __ksym;
extern void bpf_no_such_kfunc(struct task_struct *task) __ksym __weak;
extern void bpf_task_release___flavour(struct task_struct *task) __ksym __weak;
extern int bpf_xdp_metadata_rx_hash(const struct xdp_md *ctx, u32 *hash, enum xdp_rss_hash_type *type) __ksym __weak;

u64 out[4];

static __noinline int pid_of(s32 pid)
{
	struct task_struct *task = bpf_task_from_pid(pid);
	int tgid;

	if (!task)
		return -1;
	tgid = task->tgid;
	bpf_task_release(task);
	return tgid;
}

SEC("tp_btf/task_newtask")
int BPF_PROG(references, struct task_struct *task, u64 flags)
{
	struct task_struct *mine = bpf_task_acquire(task);

	if (!mine)
		return 0;
	out[0] = mine->pid;
	bpf_task_release(mine);
	return 0;
}

SEC("tp_btf/task_newtask")
int BPF_PROG(optional, struct task_struct *task, u64 flags)
{
	if (ksym_exists(bpf_no_such_kfunc))
		bpf_no_such_kfunc(task);
	if (ksym_exists(bpf_task_from_pid))
		out[1] = pid_of(1) + pid_of(task->pid);
	return 0;
}

SEC("tp_btf/task_newtask")
int BPF_PROG(read_side, struct task_struct *task, u64 flags)
{
	bpf_rcu_read_lock();
	out[2] = task->real_parent->tgid;
	bpf_rcu_read_unlock();
	return 0;
}

/* Must be refused: a reference is not released. */
SEC("tp_btf/task_newtask")
int BPF_PROG(leak, struct task_struct *task, u64 flags)
{
	struct task_struct *mine = bpf_task_acquire(task);

	return mine != 0;
}

/* Must be refused: the missing function is called. */
SEC("tp_btf/task_newtask")
int BPF_PROG(missing, struct task_struct *task, u64 flags)
{
	bpf_no_such_kfunc(task);
	return 0;
}

/* Must be refused: only XDP programs have this one. */
SEC("tp_btf/task_newtask")
int BPF_PROG(foreign, struct task_struct *task, u64 flags)
{
	enum xdp_rss_hash_type type;
	u32 hash;

	return bpf_xdp_metadata_rx_hash((void *)ctx, &hash, &type);
}

/* libbpf 1.1 does not know flavours of functions. */
SEC("tp_btf/task_newtask")
int BPF_PROG(flavoured, struct task_struct *task, u64 flags)
{
	struct task_struct *mine = bpf_task_acquire(task);

	if (mine)
		bpf_task_release___flavour(mine);
	return 0;
}
