/*
 * Tracepoints and programs that a function's BTF describes: tracepoint, raw_tp and its writable form, tp_btf, fentry,
 * fexit, fmod_ret, lsm, iter; their short and long names, sleepable ones, bare ones, and targets that no kernel has.
 */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

SEC("tracepoint") int tracepoint_bare(void *ctx) { return 0; }
SEC("tp/sched/sched_process_exit") int tp_short(void *ctx) { return 0; }
SEC("tracepoint/nowhere/nothing") int tp_unknown(void *ctx) { return 0; }
SEC("raw_tp") int raw_tp_bare(void *ctx) { return 0; }
SEC("raw_tracepoint/sched_switch") int raw_tp_long(void *ctx) { return 0; }
SEC("raw_tp.w/nbd_send_request") int raw_tp_writable(void *ctx) { return 0; }
SEC("raw_tracepoint.w") int raw_tp_writable_bare(void *ctx) { return 0; }

SEC("tracepoint/sched/sched_switch")
int tp_context(struct trace_event_raw_sched_switch *ctx)
{
	char comm[sizeof(ctx->next_comm)];

	BPF_CORE_READ_INTO(&comm, ctx, next_comm);
	bpf_printk("%d -> %s", ctx->prev_pid, comm);
	return ctx->next_pid;
}

SEC("raw_tp/sched_switch")
int raw_tp_context(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *next = (void *)ctx->args[2];

	return BPF_CORE_READ(next, pid);
}

SEC("tp_btf/sched_switch")
int BPF_PROG(tp_btf_direct, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	return prev->pid == next->real_parent->tgid;
}

SEC("tp_btf/no_such_tracepoint")
int BPF_PROG(tp_btf_unknown, void *first)
{
	return 0;
}

SEC("fentry/do_exit")
int BPF_PROG(fentry_function, long code)
{
	bpf_printk("exit %ld", code);
	return 0;
}

SEC("fexit/do_nanosleep")
int BPF_PROG(fexit_function, struct hrtimer_sleeper *timer, int mode, int result)
{
	return timer->task != 0 && result == mode;
}

SEC("fentry.s/__x64_sys_close")
int BPF_PROG(fentry_sleepable, struct pt_regs *regs)
{
	char buffer[8] = {};

	bpf_copy_from_user(buffer, sizeof(buffer), (void *)PT_REGS_PARM1_CORE(regs));
	return buffer[0];
}

SEC("fexit.s/__x64_sys_close")
int BPF_PROG(fexit_sleepable, struct pt_regs *regs, long result)
{
	return result < 0;
}

SEC("fmod_ret/bpf_modify_return_test")
int BPF_PROG(fmod_ret_function, int a, int *b, int result)
{
	return result;
}

SEC("fmod_ret.s/__x64_sys_close")
int BPF_PROG(fmod_ret_syscall, struct pt_regs *regs)
{
	return 0;
}

/* Must be refused: only functions that errors may be injected into can be replaced. */
SEC("fmod_ret/do_exit")
int BPF_PROG(fmod_ret_refused, long code)
{
	return 0;
}

SEC("fentry/no_such_function")
int BPF_PROG(fentry_unknown)
{
	return 0;
}

/* The first argument of every function would do: bare sections must be refused without a target. */
SEC("fentry")
int fentry_bare(void *ctx)
{
	return 0;
}

SEC("lsm/file_open")
int BPF_PROG(lsm_hook, struct file *file)
{
	return file->f_mode & 0x80000000 ? -1 : 0;
}

SEC("lsm.s/bprm_committed_creds")
int BPF_PROG(lsm_sleepable, struct linux_binprm *bprm)
{
	return 0;
}

SEC("lsm_cgroup/socket_bind")
int BPF_PROG(lsm_cgroup, struct socket *sock, struct sockaddr *address, int length)
{
	return 1;
}

SEC("iter/task")
int iter_task(struct bpf_iter__task *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct task_struct *task = ctx->task;

	if (task)
		BPF_SEQ_PRINTF(seq, "%d %d\n", task->tgid, task->pid);
	return 0;
}

SEC("iter.s/task")
int iter_task_sleepable(struct bpf_iter__task *ctx)
{
	return 0;
}

SEC("iter/bpf_map")
int iter_map(struct bpf_iter__bpf_map *ctx)
{
	struct bpf_map *map = ctx->map;

	if (map)
		BPF_SEQ_PRINTF(ctx->meta->seq, "%u\n", map->id);
	return 0;
}

SEC("iter/bpf_map_elem")
int iter_map_elem(struct bpf_iter__bpf_map_elem *ctx)
{
	u32 *key = ctx->key;

	return key && *key == 77 ? 0 : 0;
}

SEC("fsession/do_exit")
int BPF_PROG(fsession_function, long code)
{
	return 0;
}
