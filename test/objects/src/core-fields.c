/*
 * CO-RE on fields of the kernel's own structs: offsets in loads, in stores to the stack and in additions; chains of
 * pointers, arrays, nested and anonymous members, bitfields (probed and direct), sizes, signs and existence; flavours;
 * fields that are missing behind a guard, and one that is missing and reached.
 */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

u64 out[32];

struct task_struct___old {
	long state;
	int no_such_field;
} __attribute__((preserve_access_index));

struct no_such_struct {
	int field;
} __attribute__((preserve_access_index));

SEC("raw_tp/sched_switch")
int offsets(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	char comm[16];

	out[0] = BPF_CORE_READ(task, pid);
	out[1] = BPF_CORE_READ(task, real_parent, real_parent, tgid);
	out[2] = BPF_CORE_READ(task, mm, exe_file, f_inode, i_ino);
	out[3] = BPF_CORE_READ(task, se.avg.load_avg);
	out[4] = BPF_CORE_READ(task, thread_pid, numbers[0].nr);
	out[5] = BPF_CORE_READ(task, nsproxy, uts_ns, name.sysname[2]);
	out[6] = (u64)__builtin_preserve_access_index(&task->thread.sp);
	BPF_CORE_READ_STR_INTO(&comm, task, comm);
	out[7] = comm[0];
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(direct, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct task_struct *current = bpf_get_current_task_btf();

	out[8] = prev->pid;
	out[9] = prev->in_iowait;
	out[10] = next->se.vruntime;
	out[11] = current->mm ? current->mm->total_vm : 0;
	out[12] = next->comm[3];
	out[13] = next->signal->rlim[3].rlim_max;
	return 0;
}

SEC("raw_tp/sched_process_exit")
int bits(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (void *)ctx->args[0];

	out[14] = BPF_CORE_READ_BITFIELD_PROBED(task, in_execve);
	out[15] = BPF_CORE_READ_BITFIELD_PROBED(task, sched_reset_on_fork);
	out[16] = bpf_core_field_size(task->in_execve);
	out[17] = bpf_core_field_size(task->comm);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(bits_direct, struct task_struct *task)
{
	out[18] = BPF_CORE_READ_BITFIELD(task, in_execve);
	out[19] = BPF_CORE_READ_BITFIELD(task, no_cgroup_migration);
	return 0;
}

SEC("raw_tp/sched_process_fork")
int existence(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (void *)ctx->args[0];
	struct task_struct___old *old = (void *)task;
	struct no_such_struct *none = (void *)task;

	out[20] = bpf_core_field_exists(task->pid);
	out[21] = bpf_core_field_exists(old->no_such_field);
	if (bpf_core_field_exists(old->state))
		out[22] = BPF_CORE_READ(old, state);
	else
		out[22] = BPF_CORE_READ(task, __state);
	if (bpf_core_field_exists(old->no_such_field))
		out[23] = BPF_CORE_READ(old, no_such_field);
	if (bpf_core_field_exists(none->field))
		out[24] = BPF_CORE_READ(none, field);
	out[25] = bpf_core_field_exists(struct task_struct, comm);
	out[26] = bpf_core_field_offset(struct task_struct, comm);
	return 0;
}

SEC("iter/task")
int anonymous(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct sk_buff *skb = (void *)task;
	struct page *page = (void *)task;
	struct inode *inode;

	if (!task)
		return 0;
	/* Members of structs and unions without a name. */
	out[27] = BPF_CORE_READ(skb, dev, ifindex);
	out[28] = (u64)BPF_CORE_READ(page, lru.next);
	inode = BPF_CORE_READ(task, mm, exe_file, f_inode);
	out[29] = BPF_CORE_READ(inode, i_nlink);
	return 0;
}

/* Must be refused: the field is missing, and the verifier gets there. */
SEC("raw_tp/sched_wakeup")
int missing(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct___old *task = (void *)ctx->args[0];

	return BPF_CORE_READ(task, no_such_field);
}
