/* Knows struct opaque only by name, and has the first of two structs called ambiguous. */
#include "link.h"

struct ambiguous {
	int first;
};

struct tree forest;
struct holder held;
static volatile int counter tag("counted");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, int);
	__type(value, struct holder);
} shared SEC(".maps");

int common(struct leaf *leaf, struct ambiguous *it);

__attribute__((noinline)) int only_a(struct leaf *leaf tag("argument"), struct opaque *opaque)
{
	return leaf->u.colour + (opaque != 0) + counter;
}

SEC("kprobe/a")
int probe_a(struct pt_regs *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct leaf *leaf = forest.leaves[0];
	int key = BPF_CORE_READ(task, tgid);

	return only_a(&forest.root, held.opaque) + (leaf != 0) + common(&forest.root, held.ambiguous) +
	       (bpf_map_lookup_elem(&shared, &key) != 0);
}
