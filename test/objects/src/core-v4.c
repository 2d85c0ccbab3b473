/* clang: -mcpu=v4 */
/*
 * CO-RE on what came with version 4 of the instruction set: loads that extend signs, of fields with a sign
 * and without, and stores of constants. The fields are those of a struct that no kernel has; targets.ts makes the kernels
 * that do.
 */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

struct rule_signs {
	s8 s8_field;
	s16 s16_field;
	s32 s32_field;
	u8 u8_field;
	u16 u16_field;
	u32 u32_field;
} __attribute__((preserve_access_index));

#define signs ((struct rule_signs *)ctx)

#define PROGRAM(name, result) \
	SEC("socket") long name(void *ctx) \
	{ \
		return result; \
	}

PROGRAM(signed_8, signs->s8_field)
PROGRAM(signed_16, signs->s16_field)
PROGRAM(signed_32, signs->s32_field)
PROGRAM(unsigned_8, (s8)signs->u8_field)
PROGRAM(unsigned_16, (s16)signs->u16_field)
PROGRAM(unsigned_32, (s32)signs->u32_field)

SEC("socket") int store_constant(void *ctx)
{
	signs->u8_field = 1;
	signs->s16_field = -1;
	signs->u32_field = 7;
	return 0;
}
