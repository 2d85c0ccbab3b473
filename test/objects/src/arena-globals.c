/* clang: -mcpu=v4 */
/* Global data in an arena (the section .addr_space.1), which libbpf 1.1 does not know. */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

#define __arena __attribute__((address_space(1)))

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2);
} arena SEC(".maps");

u64 __arena shared_count = 5;
u32 __arena shared_table[10];

SEC("syscall")
int count(void *ctx)
{
	shared_count++;
	shared_table[3] = shared_count;
	return shared_table[3];
}
