/* What the three files have in common. Each includes it, so each has these types in its own BTF. */
#include <vmlinux.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define tag(text) __attribute__((btf_decl_tag(text)))
#define type_tag(text) __attribute__((btf_type_tag(text)))

enum colour { RED, GREEN = -1 };
enum big { BIG = 0x100000000ULL };

/* A circle through pointers, and an anonymous struct in it. */
struct leaf {
	struct leaf *next;
	const struct tree *tree;
	struct {
		unsigned a : 3;
		unsigned b : 5;
	};
	union {
		enum colour colour;
		enum big *big;
	} u;
};

struct tree {
	struct leaf root;
	struct leaf *leaves[4];
	int (*compare)(const struct leaf *, const struct leaf *, void *);
	double weight;
	const char type_tag("user") * name;
} tag("tree");

struct opaque;
struct ambiguous;

struct holder {
	struct opaque *opaque;
	struct ambiguous *ambiguous;
};
