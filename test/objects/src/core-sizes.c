/*
 * CO-RE on fields whose size differs from the kernel's: loads and stores are widened and narrowed where the integers
 * are unsigned; pointers keep theirs; signed fields of another size must not be reached. Also a field behind which a
 * bitfield stands in the kernel, and one in a struct that is a union elsewhere.
 */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

u64 out[12];

/* In the kernel: flags and policy u32, start_time u64, pid int, comm char[16]. */
struct task_struct___sizes {
	u64 flags;
	u8 policy;
	u32 start_time;
	u64 utime;
	void *mm;
	long pid;
	u32 in_execve;
	char comm[4];
} __attribute__((preserve_access_index));

/* In the kernel: mark u32, tstamp u64. */
struct __sk_buff___sizes {
	u64 mark;
	u32 tstamp;
	u16 priority;
} __attribute__((preserve_access_index));

SEC("tp_btf/sched_switch")
int BPF_PROG(loads, bool preempt, struct task_struct___sizes *prev, struct task_struct *next)
{
	out[0] = prev->flags;
	out[1] = prev->policy;
	out[2] = prev->start_time;
	out[3] = prev->utime;
	out[4] = prev->mm != 0;
	out[5] = prev->comm[2];
	return 0;
}

SEC("tc")
int stores(struct __sk_buff *skb)
{
	struct __sk_buff___sizes *ctx = (void *)skb;

	ctx->mark = bpf_get_prandom_u32();
	ctx->priority = 3;
	out[6] = ctx->tstamp;
	return 0;
}

SEC("raw_tp/sched_switch")
int sizes(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct___sizes *task = (void *)ctx->args[1];

	out[7] = bpf_core_field_size(task->flags);
	out[8] = bpf_core_field_size(task->policy);
	out[9] = bpf_core_field_size(task->comm);
	out[10] = bpf_core_field_size(task->pid);
	return 0;
}

/* Must be refused: the kernel's field is signed and shorter. */
SEC("tp_btf/sched_switch")
int BPF_PROG(signed_field, bool preempt, struct task_struct___sizes *prev)
{
	return prev->pid;
}

/* Not refused: what is out of reach does not matter. */
SEC("tp_btf/sched_switch")
int BPF_PROG(signed_unreached, bool preempt, struct task_struct___sizes *prev)
{
	if (bpf_core_field_size(prev->pid) == 8)
		return prev->pid;
	return 0;
}

/* A plain field here, a bitfield there: libbpf reads the integer around it. */
SEC("tp_btf/sched_switch")
int BPF_PROG(bits_as_field, bool preempt, struct task_struct___sizes *prev)
{
	return bpf_core_field_exists(prev->in_execve) ? BPF_CORE_READ_BITFIELD(prev, in_execve) : 0;
}
