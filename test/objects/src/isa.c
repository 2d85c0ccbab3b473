/*
 * Arithmetic, comparisons, loads and stores of all sizes, byte swaps, signed division and extension, atomics, a switch:
 * one source, built for each version of the instruction set (isa-v1 to isa-v4), for big-endian machines, and without
 * BTF. It includes nothing: without BTF it cannot have maps either.
 */
#define SEC(name) __attribute__((section(name), used))

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long long s64;

struct packet {
	u32 len, pkt_type, mark, queue_mapping, protocol;
};

char _license[] SEC("license") = "GPL";

u64 wide;
u32 narrow;
u16 half;
u8 tiny;
volatile s64 results[24];

SEC("socket")
int arithmetic(struct packet *ctx)
{
	u64 a = ctx->len, b = ctx->mark | 1;
	u32 c = ctx->len, d = ctx->mark | 1;

	results[0] = a + b * 3 - (a ^ b);
	results[1] = (a << 3) | (b >> 5) | (a & 0xff00ff00ff00ffull);
	results[2] = a / b + a % b;
	results[3] = c / d + c % d;
	results[4] = (s64)a >> 4;
	results[5] = (s32)c >> 3;
	results[6] = -a;
	results[7] = -(s32)c;
	results[8] = c * d + (c << (d & 31));
	return 0;
}

SEC("socket")
int extension(struct packet *ctx)
{
	results[9] = (s8)ctx->len;
	results[10] = (s16)ctx->len;
	results[11] = (s32)ctx->len;
	results[12] = *(volatile s8 *)&tiny;
	results[13] = *(volatile s16 *)&half;
	results[14] = *(volatile s32 *)&narrow;
	*(volatile u8 *)&tiny = 1;
	*(volatile u16 *)&half = 0x1234;
	*(volatile u32 *)&narrow = ctx->len;
	*(volatile u64 *)&wide = 0x123456789abcdef0;
	return 0;
}

#if __BPF_CPU_VERSION__ >= 4
SEC("socket")
int signed_division(struct packet *ctx)
{
	s64 a = (s32)ctx->len;
	s32 b = ctx->mark | 1;

	results[15] = a / b + a % b;
	results[16] = (s32)a / b + (s32)a % b;
	return 0;
}
#endif

SEC("socket")
int swaps(struct packet *ctx)
{
	results[17] = __builtin_bswap16(ctx->len);
	results[18] = __builtin_bswap32(ctx->len);
	results[19] = __builtin_bswap64(wide);
	return 0;
}

SEC("socket")
int atomics(struct packet *ctx)
{
	__sync_fetch_and_add(&wide, 1);
	__sync_fetch_and_add(&narrow, 2);
#if __BPF_CPU_VERSION__ >= 3
	results[20] = __sync_fetch_and_add(&wide, 3);
	results[21] = __sync_fetch_and_or(&narrow, 4) + __sync_fetch_and_and(&wide, 5) + __sync_fetch_and_xor(&wide, 6);
	results[22] = __sync_lock_test_and_set(&wide, 7);
	results[23] = __sync_val_compare_and_swap(&narrow, 8, 9);
#endif
	return 0;
}

SEC("socket")
int branches(struct packet *ctx)
{
	s64 a = (s32)ctx->len;
	u32 b = ctx->mark;

	if (a < -5 && b > 7)
		return 1;
	if (a >= 100 || (b & 0x10))
		return 2;
	switch (ctx->protocol) {
	case 1: return 10;
	case 2: results[0] = 1; return 11;
	case 3: return 13;
	case 6: results[1] = 2; return 17;
	case 17: return 19;
	case 58: results[2] = 3; return 23;
	}
	return a == b ? 3 : a != wide;
}

static __attribute__((noinline)) u64 helper(u64 a, u32 b)
{
	return a * results[b & 7];
}

SEC("socket")
int calls(struct packet *ctx)
{
	return helper(ctx->len, ctx->mark) + helper(3, 4);
}
