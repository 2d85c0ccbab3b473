/*
 * A program for each kind and rule of CO-RE, on types of their own, which no kernel has: targets.ts makes the kernels that
 * do, with fields that moved, changed or went away. On a real one all of it is missing.
 */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

#define PAI __attribute__((preserve_access_index))

enum field_kind { OFFSET, SIZE, EXISTS, SIGNED, LSHIFT, RSHIFT };
#define FIELD(x, kind) __builtin_preserve_field_info(x, kind)

#define PROGRAM(name, result) \
	SEC("socket") long name(void *ctx) \
	{ \
		return result; \
	}

enum rule_colour { RULE_RED = 1, RULE_GREEN, RULE_BLUE___old, RULE_GONE = 9 };
enum rule_sign { RULE_MINUS = -1, RULE_PLUS = 1 };
enum rule_wide { RULE_WIDE = 0x1234567812345678ull, RULE_NARROW = 1 };

struct rule_inner {
	int x;
	int array[4];
};
struct rule_opaque;

struct rule_fields {
	int number;
	u32 word;
	u64 quad;
	u16 half;
	s8 tiny;
	void *pointer;
	struct rule_inner *typed;
	struct rule_inner inner;
	struct rule_inner inners[2];
	u8 comm[16];
	u64 matrix[3][2];
	enum rule_colour colour;
	double real;
	bool flag;
	int (*function)(int);
	struct {
		int anonymous;
		union {
			u32 either;
			u64 or;
		};
	};
	int gone;
	int tail[];
} PAI;

struct rule_bits {
	u32 low : 3, middle : 13, high : 16;
	s32 minus : 5;
	enum rule_sign sign : 2;
	bool yes : 1;
	u64 wide : 40;
	u8 byte : 4;
} PAI;

union rule_union {
	int a;
	u64 b;
} PAI;

/* Flavours of one struct. */
struct rule_pair___one {
	int first;
	int only_one;
} PAI;
struct rule_pair___two {
	int first;
	int only_two;
} PAI;

#define fields ((struct rule_fields *)ctx)
#define bits ((struct rule_bits *)ctx)

PROGRAM(number_offset, FIELD(fields->number, OFFSET))
PROGRAM(number_size, FIELD(fields->number, SIZE))
PROGRAM(number_exists, FIELD(fields->number, EXISTS))
PROGRAM(number_signed, FIELD(fields->number, SIGNED))
PROGRAM(number_lshift, FIELD(fields->number, LSHIFT))
PROGRAM(number_rshift, FIELD(fields->number, RSHIFT))
PROGRAM(gone_offset, FIELD(fields->gone, OFFSET))
PROGRAM(gone_size, FIELD(fields->gone, SIZE))
PROGRAM(gone_exists, FIELD(fields->gone, EXISTS))
PROGRAM(gone_signed, FIELD(fields->gone, SIGNED))
PROGRAM(gone_lshift, FIELD(fields->gone, LSHIFT))
PROGRAM(gone_rshift, FIELD(fields->gone, RSHIFT))
PROGRAM(half_size, FIELD(fields->half, SIZE))
PROGRAM(tiny_signed, FIELD(fields->tiny, SIGNED))
PROGRAM(tiny_rshift, FIELD(fields->tiny, RSHIFT))
PROGRAM(pointer_offset, FIELD(fields->pointer, OFFSET))
PROGRAM(pointer_size, FIELD(fields->pointer, SIZE))
PROGRAM(typed_exists, FIELD(fields->typed, EXISTS))
PROGRAM(function_exists, FIELD(fields->function, EXISTS))
PROGRAM(inner_offset, FIELD(fields->inner.array[2], OFFSET))
PROGRAM(inner_size, FIELD(fields->inner, SIZE))
PROGRAM(inners_offset, FIELD(fields->inners[1].array[3], OFFSET))
PROGRAM(inners_size, FIELD(fields->inners[1], SIZE))
PROGRAM(comm_offset, FIELD(fields->comm, OFFSET))
PROGRAM(comm_size, FIELD(fields->comm, SIZE))
PROGRAM(comm_last, FIELD(fields->comm[15], EXISTS))
PROGRAM(matrix_offset, FIELD(fields->matrix[2][1], OFFSET))
PROGRAM(matrix_size, FIELD(fields->matrix[1], SIZE))
PROGRAM(colour_size, FIELD(fields->colour, SIZE))
PROGRAM(colour_signed, FIELD(fields->colour, SIGNED))
PROGRAM(real_exists, FIELD(fields->real, EXISTS))
PROGRAM(real_size, FIELD(fields->real, SIZE))
PROGRAM(flag_size, FIELD(fields->flag, SIZE))
PROGRAM(anonymous_offset, FIELD(fields->anonymous, OFFSET))
PROGRAM(either_offset, FIELD(fields->either, OFFSET))
PROGRAM(or_offset, FIELD(fields->or, OFFSET))
PROGRAM(tail_offset, FIELD(fields->tail[7], OFFSET))
PROGRAM(third_offset, FIELD(fields[2].word, OFFSET))
PROGRAM(union_offset, FIELD(((union rule_union *)ctx)->b, OFFSET))
PROGRAM(flavour_offset, FIELD(((struct rule_pair___one *)ctx)->first, OFFSET))
PROGRAM(flavour_one, FIELD(((struct rule_pair___one *)ctx)->only_one, EXISTS))
PROGRAM(flavour_two, FIELD(((struct rule_pair___two *)ctx)->only_two, EXISTS))

/* Of one struct, in an order that decides which of several candidates is meant. */
PROGRAM(flavours, FIELD(fields->number, OFFSET) + FIELD(fields->word, EXISTS) + FIELD(fields->quad, EXISTS) +
			  FIELD(fields->half, EXISTS) + FIELD(fields->comm, EXISTS))

PROGRAM(low_offset, FIELD(bits->low, OFFSET))
PROGRAM(low_size, FIELD(bits->low, SIZE))
PROGRAM(low_lshift, FIELD(bits->low, LSHIFT))
PROGRAM(low_rshift, FIELD(bits->low, RSHIFT))
PROGRAM(low_signed, FIELD(bits->low, SIGNED))
PROGRAM(low_exists, FIELD(bits->low, EXISTS))
PROGRAM(middle_lshift, FIELD(bits->middle, LSHIFT))
PROGRAM(high_offset, FIELD(bits->high, OFFSET))
PROGRAM(high_size, FIELD(bits->high, SIZE))
PROGRAM(high_lshift, FIELD(bits->high, LSHIFT))
PROGRAM(minus_signed, FIELD(bits->minus, SIGNED))
PROGRAM(minus_rshift, FIELD(bits->minus, RSHIFT))
PROGRAM(sign_signed, FIELD(bits->sign, SIGNED))
PROGRAM(sign_lshift, FIELD(bits->sign, LSHIFT))
PROGRAM(yes_rshift, FIELD(bits->yes, RSHIFT))
PROGRAM(wide_offset, FIELD(bits->wide, OFFSET))
PROGRAM(wide_size, FIELD(bits->wide, SIZE))
PROGRAM(wide_lshift, FIELD(bits->wide, LSHIFT))
PROGRAM(byte_size, FIELD(bits->byte, SIZE))
PROGRAM(byte_rshift, FIELD(bits->byte, RSHIFT))

/* Loads and stores, which take the size that the field has. */
PROGRAM(load_number, fields->number)
PROGRAM(load_word, fields->word)
PROGRAM(load_quad, fields->quad)
PROGRAM(load_half, fields->half)
PROGRAM(load_pointer, (long)fields->pointer)
PROGRAM(load_typed, (long)fields->typed)
PROGRAM(load_comm, fields->comm[3])
PROGRAM(load_start_of_array, *fields->comm)
PROGRAM(load_matrix, fields->matrix[1][1])
PROGRAM(load_colour, fields->colour)
PROGRAM(load_flag, fields->flag)
PROGRAM(load_union, ((union rule_union *)ctx)->a)
PROGRAM(load_element, fields->tail[2])
/* Fewer bytes than the field has. */
PROGRAM(load_part, *(u8 *)&fields->word)
PROGRAM(load_pair, *(u64 *)&fields->inner)

SEC("socket") int store(void *ctx)
{
	u64 random = bpf_get_prandom_u32();

	fields->word = random;
	fields->half = random;
	fields->quad = random;
	return 0;
}
SEC("socket") int store_constant(void *ctx)
{
	fields->word = 7;
	fields->number = 7;
	fields->pointer = 0;
	return 0;
}

/* Types. */
typedef int rule_number;
typedef struct rule_inner rule_struct;
typedef struct {
	int x;
} rule_anonymous;
typedef struct rule_inner *rule_pointer;
typedef int rule_array[4];
typedef int (*rule_function)(int a, void *b);
typedef void rule_prototype(struct rule_inner *inner, enum rule_colour colour);
typedef const struct rule_inner *const rule_const;
typedef rule_number rule_typedef;
/* Matches where all of it does. */
struct rule_whole {
	int a;
	u64 b;
	s16 c;
	char d[4];
	struct rule_inner e;
	struct rule_inner *f;
	struct rule_opaque *g;
	enum rule_colour h;
	rule_function i;
	union rule_union j;
	rule_const k;
	enum rule_wide l;
};
struct rule_part___local {
	int a;
};
struct rule_empty {};

#define TYPE(name, type) \
	PROGRAM(name##_exists, bpf_core_type_exists(type)) \
	PROGRAM(name##_size, bpf_core_type_size(type)) \
	PROGRAM(name##_matches, bpf_core_type_matches(type))

TYPE(type_struct, struct rule_inner)
TYPE(type_union, union rule_union)
TYPE(type_enum, enum rule_colour)
TYPE(type_wide_enum, enum rule_wide)
TYPE(type_number, rule_number)
TYPE(type_typedef_of_struct, rule_struct)
TYPE(type_anonymous, rule_anonymous)
TYPE(type_pointer, rule_pointer)
TYPE(type_array, rule_array)
TYPE(type_function, rule_function)
TYPE(type_const, rule_const)
TYPE(type_typedef, rule_typedef)
TYPE(type_whole, struct rule_whole)
TYPE(type_part, struct rule_part___local)
TYPE(type_empty, struct rule_empty)
PROGRAM(type_prototype_exists, bpf_core_type_exists(rule_prototype))
PROGRAM(type_prototype_matches, bpf_core_type_matches(rule_prototype))
PROGRAM(type_id_local, bpf_core_type_id_local(struct rule_inner))
PROGRAM(type_id_kernel, bpf_core_type_id_kernel(struct rule_inner))
PROGRAM(type_id_typedef, bpf_core_type_id_kernel(rule_number))
PROGRAM(type_id_enum, bpf_core_type_id_kernel(enum rule_colour))

/* Enumerators. */
#define ENUMERATOR(name, type, value) \
	PROGRAM(name##_exists, bpf_core_enum_value_exists(type, value)) \
	PROGRAM(name##_value, bpf_core_enum_value(type, value))

ENUMERATOR(red, enum rule_colour, RULE_RED)
ENUMERATOR(blue, enum rule_colour, RULE_BLUE___old)
ENUMERATOR(gone_colour, enum rule_colour, RULE_GONE)
ENUMERATOR(minus, enum rule_sign, RULE_MINUS)
ENUMERATOR(plus, enum rule_sign, RULE_PLUS)
ENUMERATOR(wide, enum rule_wide, RULE_WIDE)
ENUMERATOR(narrow, enum rule_wide, RULE_NARROW)
