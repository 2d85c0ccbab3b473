/* Has the second of the structs called ambiguous, and reads what both others read. */
#include "link.h"

struct ambiguous {
	long second;
	struct leaf *leaf;
};

struct holder third;
struct ambiguous mine;
extern struct tree forest;

SEC("kprobe/c")
int probe_c(struct pt_regs *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct file *file = (void *)PT_REGS_PARM1(ctx);

	return BPF_CORE_READ(task, real_parent, pid) + BPF_CORE_READ(file, f_flags) +
	       bpf_core_type_exists(struct bpf_map) + bpf_core_type_size(struct pid) +
	       bpf_core_field_exists(task->exit_code) + BPF_CORE_READ_BITFIELD_PROBED(task, in_execve) +
	       (forest.name != 0) + (third.opaque != 0) + mine.second;
}
