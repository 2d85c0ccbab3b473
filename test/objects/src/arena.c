/* clang: -mcpu=v4 */
/* An arena: memory that programs and user space share, at an address in map_extra of 64 bits; pages and casts. */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

#define __arena __attribute__((address_space(1)))

extern void __arena *bpf_arena_alloc_pages(void *map, void __arena *address, u32 pages, int node, u64 flags) __ksym __weak;
extern void bpf_arena_free_pages(void *map, void __arena *address, u32 pages) __ksym __weak;

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 4);
	__ulong(map_extra, 1ull << 44);
} arena SEC(".maps");

struct arena_node {
	struct arena_node __arena *next;
	u64 value;
};

struct arena_node __arena *head;

SEC("syscall")
int push(void *ctx)
{
	struct arena_node __arena *node = bpf_arena_alloc_pages(&arena, 0, 1, -1, 0);

	if (!node)
		return 1;
	node->value = 7;
	node->next = head;
	head = node;
	return 0;
}

SEC("syscall")
int sum(void *ctx)
{
	u64 total = 0;

	for (struct arena_node __arena *node = head; node; node = node->next) {
		total += node->value;
		asm goto("may_goto %l[done]" :::: done);
	}
done:
	return total;
}
