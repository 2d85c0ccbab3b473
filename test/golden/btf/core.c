/* The program of core.json: one relocation of each kind and rule. Compiled by make.ts. */
#define PAI __attribute__((preserve_access_index))
#define SEC(n) __attribute__((section(n), used))
#define FIELD(x, kind) __builtin_preserve_field_info(x, kind)
enum { BYTE_OFFSET, BYTE_SIZE, EXISTS, SIGNED, LSHIFT, RSHIFT };
#define TYPE_ID_LOCAL(t) __builtin_btf_type_id(*(t *)0, 0)
#define TYPE_ID_TARGET(t) __builtin_btf_type_id(*(t *)0, 1)
#define TYPE_EXISTS(t) __builtin_preserve_type_info(*(t *)0, 0)
#define TYPE_SIZE(t) __builtin_preserve_type_info(*(t *)0, 1)
#define TYPE_MATCHES(t) __builtin_preserve_type_info(*(t *)0, 2)
#define ENUM_EXISTS(t, v) __builtin_preserve_enum_value(*(t *)v, 0)
#define ENUM_VALUE(t, v) __builtin_preserve_enum_value(*(t *)v, 1)

typedef unsigned int u32;
typedef unsigned long u64;

enum color { RED = 1, GREEN = 2, GONE = 3, BLUE___old = 4 };
enum color___bare { RED___x = 1 };
enum big { BIG = 0x1234567812345678UL, BIG_GONE = 0x8000000000000000UL };
enum negative { MINUS = -1, PLUS = 1 };
typedef int (*callback)(int a, void *b);
typedef struct { int x; } anon_t;
typedef int number;

struct inner { int x; int array[4]; } PAI;
struct sample {
	int first;
	u32 grows;		/* u32 here, u64 there */
	int grows_signed;
	void *pointer;
	unsigned int bits : 3, more : 7;
	int signed_bits : 5;
	char comm[16];
	struct inner in;
	int gone;
	struct { int anon_a; union { int anon_b; long anon_c; }; };
	enum color color;
	struct inner inners[2];
	int becomes_struct;
	int becomes_bits;
	u64 matrix[3][2];
	int flex[];
} PAI;
struct sample___flavour { int first; int only_in_flavour; } PAI;
struct missing { int a; } PAI;
struct two { int a; int b; } PAI;
struct big_bits { u64 a : 30; u64 b : 30; } PAI;
union variant { int a; long b; } PAI;
struct matched { int a; struct inner *in; enum color color; };
struct unmatched { int a; unsigned int b; };

#define USE(x) do { sum += (x); asm volatile("" : "+r"(sum)); } while (0)

SEC("socket") int fields(void *ctx)
{
	struct sample *s = ctx;
	struct sample___flavour *f = ctx;
	u64 sum = 0;

	USE(FIELD(s->first, BYTE_OFFSET));
	USE(FIELD(s->grows, BYTE_OFFSET));
	USE(FIELD(s->grows, BYTE_SIZE));
	USE(FIELD(s->grows_signed, BYTE_SIZE));
	USE(FIELD(s->grows, SIGNED));
	USE(FIELD(s->grows_signed, SIGNED));
	USE(FIELD(s->pointer, BYTE_OFFSET));
	USE(FIELD(s->gone, EXISTS));
	USE(FIELD(s->first, EXISTS));
	USE(FIELD(s->gone, BYTE_OFFSET));
	USE(FIELD(s->bits, BYTE_OFFSET));
	USE(FIELD(s->bits, BYTE_SIZE));
	USE(FIELD(s->bits, LSHIFT));
	USE(FIELD(s->bits, RSHIFT));
	USE(FIELD(s->bits, SIGNED));
	USE(FIELD(s->more, BYTE_OFFSET));
	USE(FIELD(s->more, LSHIFT));
	USE(FIELD(s->more, RSHIFT));
	USE(FIELD(s->signed_bits, LSHIFT));
	USE(FIELD(s->signed_bits, RSHIFT));
	USE(FIELD(s->signed_bits, SIGNED));
	USE(FIELD(s->comm, BYTE_OFFSET));
	USE(FIELD(s->comm, BYTE_SIZE));
	USE(FIELD(s->comm[10], BYTE_OFFSET));
	USE(FIELD(s->comm[10], EXISTS));
	USE(FIELD(s->in.array[2], BYTE_OFFSET));
	USE(FIELD(s->inners[1].array[3], BYTE_OFFSET));
	USE(FIELD(s->inners[1], BYTE_SIZE));
	USE(FIELD(s->anon_a, BYTE_OFFSET));
	USE(FIELD(s->anon_b, BYTE_OFFSET));
	USE(FIELD(s->anon_c, BYTE_OFFSET));
	USE(FIELD(s->color, BYTE_SIZE));
	USE(FIELD(s->color, SIGNED));
	USE(FIELD(s->becomes_struct, EXISTS));
	USE(FIELD(s->becomes_bits, BYTE_OFFSET));
	USE(FIELD(s->becomes_bits, LSHIFT));
	USE(FIELD(s->becomes_bits, RSHIFT));
	USE(FIELD(s->matrix, BYTE_OFFSET));
	USE(FIELD(s->matrix[1], BYTE_SIZE));
	USE(FIELD(s->matrix[2][1], BYTE_OFFSET));
	USE(FIELD(s->flex[7], BYTE_OFFSET));
	USE(FIELD(s[2].first, BYTE_OFFSET));
	USE(FIELD(f->first, BYTE_OFFSET));
	USE(FIELD(f->only_in_flavour, EXISTS));
	USE(FIELD(((struct missing *)ctx)->a, EXISTS));
	USE(FIELD(((struct missing *)ctx)->a, BYTE_OFFSET));
	USE(FIELD(((struct two *)ctx)->b, BYTE_OFFSET));
	USE(FIELD(((struct big_bits *)ctx)->b, BYTE_OFFSET));
	USE(FIELD(((struct big_bits *)ctx)->b, BYTE_SIZE));
	USE(FIELD(((struct big_bits *)ctx)->b, LSHIFT));
	USE(FIELD(((union variant *)ctx)->b, BYTE_OFFSET));
	return sum;
}

SEC("socket") int loads(void *ctx)
{
	struct sample *s = ctx;
	u64 sum = 0;

	USE(s->first);
	USE(s->grows);
	USE((u64)s->pointer);
	USE(s->comm[3]);
	USE(s->in.x);
	USE(s->matrix[1][1]);
	s->grows = 1;
	s->first = sum;
	return sum;
}

SEC("socket") int types(void *ctx)
{
	u64 sum = 0;

	USE(TYPE_ID_LOCAL(struct sample));
	USE(TYPE_ID_TARGET(struct sample));
	USE(TYPE_ID_TARGET(struct missing));
	USE(TYPE_EXISTS(struct sample));
	USE(TYPE_EXISTS(struct missing));
	USE(TYPE_EXISTS(struct sample___flavour));
	USE(TYPE_SIZE(struct sample));
	USE(TYPE_SIZE(struct missing));
	USE(TYPE_EXISTS(callback));
	USE(TYPE_EXISTS(anon_t));
	USE(TYPE_EXISTS(number));
	USE(TYPE_SIZE(number));
	USE(TYPE_EXISTS(enum color));
	USE(TYPE_SIZE(enum color));
	USE(TYPE_EXISTS(enum big));
	USE(TYPE_EXISTS(union variant));
	USE(TYPE_MATCHES(struct matched));
	USE(TYPE_MATCHES(struct unmatched));
	USE(TYPE_MATCHES(enum color));
	USE(TYPE_MATCHES(enum color___bare));
	USE(TYPE_MATCHES(callback));
	USE(TYPE_MATCHES(number));
	USE(TYPE_MATCHES(union variant));
	USE(ENUM_EXISTS(enum color, RED));
	USE(ENUM_EXISTS(enum color, GONE));
	USE(ENUM_VALUE(enum color, GREEN));
	USE(ENUM_VALUE(enum color, BLUE___old));
	USE(ENUM_VALUE(enum color___bare, RED___x));
	USE(ENUM_VALUE(enum big, BIG));
	USE(ENUM_EXISTS(enum big, BIG_GONE));
	USE(ENUM_VALUE(enum negative, MINUS));
	USE(ENUM_VALUE(enum color, GONE));
	return sum;
}

char LICENSE[] SEC("license") = "GPL";
