/* clang: -mcpu=v4 */
/*
 * Large programs: a long one that a macro writes, and jumps over more than 32767 instructions, which need the long
 * form of version 4, forwards and within a subprogram.
 */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

u64 out;

#define TIMES_4(x) x x x x
#define TIMES_64(x) TIMES_4(TIMES_4(TIMES_4(x)))

/* Different constants, so that nothing folds. */
SEC("raw_tp/sched_switch")
int written_by_macro(void *ctx)
{
	u64 value = bpf_ktime_get_ns();

	TIMES_64(value = value * 33 + bpf_get_prandom_u32(); if (value & 1) value ^= 0x5bd1e995;)
	out = value;
	return 0;
}

static __noinline u64 far_away(u64 value)
{
	asm volatile("if %0 == 7 goto 1f\n\t"
		     "gotol 2f\n"
		     "1:\n\t"
		     ".rept 33000\n\t"
		     "%0 += 1\n\t"
		     ".endr\n"
		     "2:\n\t"
		     : "+r"(value));
	return value;
}

SEC("raw_tp/sched_switch")
int long_jump(void *ctx)
{
	out = far_away(bpf_get_prandom_u32());
	return 0;
}
