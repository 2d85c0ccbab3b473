/*
 * Kinds of BTF that values of maps bring along: enumerations of 32 and 64 bits, floats, unions, bitfields, arrays of
 * arrays, function pointers, forward declarations, tags, anonymous and nested types.
 */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

#define TAG(name) __attribute__((btf_decl_tag(name)))
#define TYPE_TAG(name) __attribute__((btf_type_tag(name)))

enum colour { RED = -1, GREEN, BLUE = 7 };
enum distance { NEAR = 1, FAR = 1ull << 50 };

struct not_defined_here;

struct all {
	enum colour colour;
	enum distance distance;
	float small;
	double large;
	union {
		u32 as_word;
		u8 as_bytes[4];
	};
	struct {
		u32 low : 5;
		s32 middle : 11;
		enum colour high : 4;
	} bits;
	u16 matrix[2][3];
	void (*function)(int, const char *);
	struct not_defined_here *nowhere;
	const volatile u8 *restrict qualified;
	int tagged TAG("a tag") TAG("another");
	int TYPE_TAG("special") *tagged_pointer;
	_Bool truth;
	char character;
	__int128 huge;
	u8 rest[];
} TAG("of the struct");

struct plain {
	enum distance distance;
	struct {
		s8 x, y;
	} position;
	u64 count TAG("counted");
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2);
	__type(key, enum colour);
	__type(value, struct plain);
} plain_values SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, struct all);
} all_values SEC(".maps");

double floating = 1.5;
enum colour chosen = BLUE;

SEC("raw_tp/sched_switch")
int use(void *ctx)
{
	enum colour key = RED;
	struct plain fresh = {.distance = FAR};
	struct all *all;
	u32 index = 1;

	bpf_map_update_elem(&plain_values, &key, &fresh, 0);
	all = bpf_map_lookup_elem(&all_values, &index);
	if (all) {
		all->bits.middle = -3;
		all->colour = chosen;
	}
	return 0;
}
