// What clang writes as text: two programs, functions that they call, variables and texts. make.ts compiles it.
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

static long (*const trace_printk)(const char *format, u32 size, ...) = (void *)6;
static u64 (*const ktime_get_ns)(void) = (void *)5;

u64 total = 40;
const volatile u32 limit = 7;
u64 calls;

__attribute__((noinline)) static u64 weigh(u64 a, u64 b)
{
	u64 sum = 0;
	for (u32 i = 0; i < 8; i++) {
		if (a & (1ull << i))
			sum += b * i;
		else
			sum ^= b >> i;
	}
	return sum;
}

__attribute__((section("xdp"), used)) int count(void *ctx)
{
	static const char format[] = "slow: %d\n";
	u64 now = ktime_get_ns();
	calls++;
	__sync_fetch_and_add(&total, weigh(now, limit));
	if ((int)now / (int)(limit | 1) > 9)
		trace_printk(format, sizeof(format), now);
	return 2;
}

__attribute__((section("socket"), used)) int keep(struct { u32 length; } *skb)
{
	volatile u8 bytes[16] = {};
	bytes[skb->length & 15] = 1;
	return (signed char)bytes[3] + __builtin_bswap32(skb->length);
}

char _license[] __attribute__((section("license"))) = "GPL";
