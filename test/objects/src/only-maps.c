/* No program at all: maps and data, a name that the kernel cuts, and a mebibyte of zeros that the file does not hold. */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 10);
	__type(key, char[16]);
	__type(value, u64[3]);
} names SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, struct { u8 a; u64 b; });
} a_name_longer_than_fifteen SEC(".maps");

u64 total = 1;
u8 zeros[1 << 20];
