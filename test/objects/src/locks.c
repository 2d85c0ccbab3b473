/*
 * What a map's BTF tells the verifier: spin locks in values and in data of its own, a timer, pointers to the kernel's
 * objects, and a lock that is not released.
 */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

extern struct task_struct *bpf_task_acquire(struct task_struct *task) __ksym __weak;
extern void bpf_task_release(struct task_struct *task) __ksym __weak;

struct locked {
	struct bpf_spin_lock lock;
	u32 count;
	u64 sum;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, u32);
	__type(value, struct locked);
} values SEC(".maps");

struct holder {
	struct task_struct __kptr *task;
	u64 since;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct holder);
} holders SEC(".maps");

/* Memory with a lock in it cannot be mapped into user space. */
PRIVATE(guarded) struct bpf_spin_lock guard;
PRIVATE(guarded) u64 guarded_total;
static u64 result;

SEC("tc")
int count(struct __sk_buff *ctx)
{
	u32 key = 1;
	struct locked *value = bpf_map_lookup_elem(&values, &key);

	if (!value)
		return 0;
	bpf_spin_lock(&value->lock);
	value->count++;
	value->sum += ctx->len;
	bpf_spin_unlock(&value->lock);
	bpf_spin_lock(&guard);
	guarded_total++;
	bpf_spin_unlock(&guard);
	return 0;
}

/* Must be refused: the lock is held at the end. */
SEC("tc")
int held(struct __sk_buff *ctx)
{
	u32 key = 1;
	struct locked *value = bpf_map_lookup_elem(&values, &key);

	if (value)
		bpf_spin_lock(&value->lock);
	return 0;
}

/* Must be refused: the lock itself is not the program's to read. */
SEC("tc")
int peeked(struct __sk_buff *ctx)
{
	u32 key = 1;
	struct locked *value = bpf_map_lookup_elem(&values, &key);

	return value ? *(u32 *)&value->lock : 0;
}

SEC("tp_btf/task_newtask")
int BPF_PROG(keep, struct task_struct *task, u64 flags)
{
	u32 key = 0;
	struct holder *holder = bpf_map_lookup_elem(&holders, &key);
	struct task_struct *mine;

	if (!holder)
		return 0;
	mine = bpf_task_acquire(task);
	if (!mine)
		return 0;
	holder->since = bpf_ktime_get_ns();
	mine = bpf_kptr_xchg(&holder->task, mine);
	if (mine)
		bpf_task_release(mine);
	result++;
	return 0;
}
