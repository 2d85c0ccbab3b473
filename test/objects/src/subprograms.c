/*
 * Subprograms: static and global, called from several programs, over several levels, through each other, with and
 * without results; five arguments, pointers into the caller's stack, a pointer to the context, memory of a known
 * size; a weak global one; several programs in one section that share them; and a recursive one.
 */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

struct pair {
	u64 a, b;
};

u64 results[4];

static __noinline u64 leaf(u64 a, u64 b, u64 c, u64 d, u64 e)
{
	return a * b + c * d + (e ^ results[0]);
}

static __noinline u64 middle(struct pair *pair)
{
	return leaf(pair->a, pair->b, 1, bpf_get_prandom_u32(), 3) + leaf(5, 4, 3, 2, pair->a);
}

static __noinline void set(u32 index, u64 value)
{
	if (index < 4)
		results[index] = value;
}

__noinline int global_sum(int a, int b)
{
	return a + b + (int)leaf(a, b, 1, 2, 3);
}

__noinline int global_memory(struct pair *pair)
{
	if (!pair)
		return -1;
	set(2, pair->a);
	return pair->b > 7;
}

__noinline int global_context(struct __sk_buff *ctx)
{
	return ctx->len + global_sum(ctx->mark, 2);
}

__weak __noinline int weak_global(int a)
{
	return a ^ 0x55;
}

SEC("tc")
int first(struct __sk_buff *ctx)
{
	struct pair pair = {ctx->len, ctx->mark};

	set(0, middle(&pair));
	return global_memory(&pair) + weak_global(ctx->len);
}

SEC("tc")
int second(struct __sk_buff *ctx)
{
	set(1, leaf(1, 2, 3, 4, ctx->len));
	return global_context(ctx) & 1;
}

SEC("tc")
int third(struct __sk_buff *ctx)
{
	return global_sum(ctx->len, ctx->mark) & 1;
}

/* Without calls, between those that have some. */
SEC("tc")
int alone(struct __sk_buff *ctx)
{
	return ctx->len > 100;
}

/* Must be refused: calls within calls have to end after eight levels. */
static __noinline int recursive(int depth)
{
	if (depth <= 0)
		return 1;
	return recursive(depth - 1) ^ recursive(depth - 2);
}

SEC("tc")
int recursion(struct __sk_buff *ctx)
{
	return recursive(ctx->len);
}
