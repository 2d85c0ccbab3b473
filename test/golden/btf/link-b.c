/* Defines struct opaque, so that the others' declarations can become it. */
#include "link.h"

struct opaque {
	long secret;
	struct opaque *other;
};

struct holder kept;
struct opaque here;

__attribute__((noinline)) int common(struct leaf *leaf, struct ambiguous *it)
{
	return (leaf->next != 0) + (it != 0) + here.secret;
}

SEC("kprobe/b")
int probe_b(struct pt_regs *ctx)
{
	struct file *file = (void *)PT_REGS_PARM1(ctx);
	struct tree *tree = (void *)kept.opaque;

	return BPF_CORE_READ(file, f_path.dentry, d_name.len) + (tree->root.a) +
	       bpf_core_enum_value(enum bpf_map_type, BPF_MAP_TYPE_HASH);
}

char _license[] SEC("license") = "GPL";
