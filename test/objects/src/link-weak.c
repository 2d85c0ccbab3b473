/*
 * Two objects for the static linker, made of one source (FILE is 1 or 2; make.sh): names that both define. Weak ones of
 * which the first stays, weak ones that a strong one beats from either side, in code, in data and among programs; a
 * variable that has other sections in the two; visibility that one of them restricts.
 */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

u64 OWN(out_)[4];

/* The first stays. */
__weak __noinline int first_stays(int a)
{
	return a + FILE;
}

/* The second is strong. */
#if FILE == 1
__weak
#endif
__noinline int second_is_strong(int a)
{
	return a * 10 + FILE;
}

/* The first is strong. */
#if FILE == 2
__weak
#endif
__noinline int first_is_strong(int a)
{
	return a * 100 + FILE;
}

/* One of them calls it hidden: verified with its callers, as a static function. */
#if FILE == 2
__hidden
#endif
__weak __noinline u64 reads(u64 *from)
{
	return *from + FILE;
}

int weak_number __weak = FILE;
#if FILE == 2
int strong_number = 22;
#else
int strong_number __weak = 1;
#endif

/* Static, and not the same. */
static volatile u32 calls = 10 * FILE;

#if FILE == 1
static __noinline int of_the_same_name(int a, int b)
{
	return a + b + calls;
}
#else
static __noinline int of_the_same_name(int a, int b)
{
	return a * b * calls;
}
#endif

SEC("raw_tp/sched_switch")
int OWN(program_)(void *ctx)
{
	u64 value = calls;

	OWN(out_)[0] = first_stays(1) + second_is_strong(2);
	OWN(out_)[1] = first_is_strong(3) + reads(&value);
	OWN(out_)[2] = weak_number + strong_number;
	OWN(out_)[3] = of_the_same_name(4, 5);
	return 0;
}

/* A program that one file offers and the other one replaces. */
#if FILE == 1
__weak
#endif
SEC("raw_tp/sched_process_exit")
int replaced(void *ctx)
{
	return first_stays(6) + of_the_same_name(7, 8);
}
