/* Cannot be opened: one mistake in the definition of a map for each build (maps-wrong-1 and so on). */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

struct {
#if MISTAKE == 1 /* A key that nobody knows. */
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
	__uint(colour, 3);
#elif MISTAKE == 2 /* No type. */
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
#elif MISTAKE == 3 /* Two sizes of a key that differ. */
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, 8);
	__type(key, u32);
	__type(value, u64);
#elif MISTAKE == 4 /* A map in a map in a map. */
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(u32));
	__array(values, struct {
		__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
		__uint(max_entries, 1);
		__uint(key_size, sizeof(u32));
		__array(values, struct {
			__uint(type, BPF_MAP_TYPE_ARRAY);
			__uint(max_entries, 1);
			__type(key, u32);
			__type(value, u32);
		});
	});
#elif MISTAKE == 5 /* `values` of something that holds neither maps nor programs. */
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__array(values, int);
#elif MISTAKE == 6 /* A number where a type belongs. */
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	int key;
	__type(value, u32);
#elif MISTAKE == 7 /* A way to pin that does not exist. */
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
	__uint(pinning, 9);
#elif MISTAKE == 8 /* The kernel refuses it: an array of nothing. */
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 0);
	__type(key, u32);
	__type(value, u32);
#endif
} wrong SEC(".maps");

SEC("raw_tp/sched_switch")
int program(void *ctx)
{
	return 0;
}
