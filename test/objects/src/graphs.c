/* Linked lists and red-black trees of the program's own objects, with references counted, in data with a lock. */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

extern int bpf_list_push_front_impl(struct bpf_list_head *head, struct bpf_list_node *node, void *meta, u64 offset) __ksym;
extern struct bpf_list_node *bpf_list_pop_back(struct bpf_list_head *head) __ksym;
extern int bpf_rbtree_add_impl(struct bpf_rb_root *root, struct bpf_rb_node *node,
			       bool (*less)(struct bpf_rb_node *, const struct bpf_rb_node *), void *meta,
			       u64 offset) __ksym;
extern struct bpf_rb_node *bpf_rbtree_first(struct bpf_rb_root *root) __ksym;
extern struct bpf_rb_node *bpf_rbtree_remove(struct bpf_rb_root *root, struct bpf_rb_node *node) __ksym;

struct item {
	u64 value;
	struct bpf_list_node node;
};

struct leaf {
	u64 key;
	struct bpf_rb_node node;
};

PRIVATE(list) struct bpf_spin_lock list_lock;
PRIVATE(list) struct bpf_list_head list __contains(item, node);
PRIVATE(tree) struct bpf_spin_lock tree_lock;
PRIVATE(tree) struct bpf_rb_root tree __contains(leaf, node);

#define container(pointer, type, member) ((type *)((void *)(pointer) - __builtin_offsetof(type, member)))

static bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return container(a, struct leaf, node)->key < container(b, struct leaf, node)->key;
}

SEC("tc")
int push_and_pop(struct __sk_buff *ctx)
{
	struct item *item = obj_new(struct item);
	struct bpf_list_node *last;

	if (!item)
		return 0;
	item->value = ctx->len;
	bpf_spin_lock(&list_lock);
	bpf_list_push_front_impl(&list, &item->node, 0, 0);
	last = bpf_list_pop_back(&list);
	bpf_spin_unlock(&list_lock);
	if (last) {
		item = container(last, struct item, node);
		obj_drop(item);
	}
	return 0;
}

SEC("tc")
int grow_and_prune(struct __sk_buff *ctx)
{
	struct leaf *leaf = obj_new(struct leaf);
	struct bpf_rb_node *first = 0;

	if (!leaf)
		return 0;
	leaf->key = ctx->len;
	bpf_spin_lock(&tree_lock);
	bpf_rbtree_add_impl(&tree, &leaf->node, less, 0, 0);
	first = bpf_rbtree_first(&tree);
	if (first)
		first = bpf_rbtree_remove(&tree, first);
	bpf_spin_unlock(&tree_lock);
	if (first)
		obj_drop(container(first, struct leaf, node));
	return 0;
}

/* Must be refused: the list is changed without its lock. */
SEC("tc")
int unlocked(struct __sk_buff *ctx)
{
	struct item *item = obj_new(struct item);

	if (item)
		bpf_list_push_front_impl(&list, &item->node, 0, 0);
	return 0;
}
