/* Global functions with annotated arguments (declaration tags), from 6.8 on: not null, trusted, nullable. */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

#define TAG(name) __attribute__((btf_decl_tag("arg:" name)))

struct pair {
	u64 a, b;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct pair);
} pairs SEC(".maps");

u64 out;


__noinline int not_null(struct pair *pair TAG("nonnull"))
{
	return pair->a == pair->b;
}

__noinline int of_task(struct task_struct *task TAG("trusted") TAG("nullable"))
{
	return task ? task->pid : 0;
}

SEC("tp_btf/task_newtask")
int BPF_PROG(tagged, struct task_struct *task, u64 flags)
{
	struct pair pair = {flags, 1};

	out = not_null(&pair) + of_task(task);
	return 0;
}

/* Must be refused: what may be null, where a tag says that nothing is. */
SEC("tp_btf/task_newtask")
int BPF_PROG(may_be_null, struct task_struct *task, u64 flags)
{
	u32 key = flags;

	out = not_null(bpf_map_lookup_elem(&pairs, &key));
	return 0;
}
