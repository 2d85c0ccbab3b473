/* A kernel where things moved, changed their size, became something else or went away. Compiled by make.ts. */
typedef unsigned int u32;
typedef unsigned long u64;
enum color { NEW = 0, BLUE = 40, GREEN = 20, RED___now = 10 };
enum big { BIG = 0x1000000000000001UL, BIGGER = 2 };
enum negative { MINUS = -7, PLUS = 1 };
typedef long (*callback)(long a, const void *b);
typedef struct { int x; int y; } anon_t;
typedef long number;
struct inner { long moved; int array[3]; int x; };
struct more { int nothing; };
struct sample {
	long before;
	struct {
		struct { union { u64 grows; int other; }; };
		int anon_a;
	};
	long grows_signed;
	const volatile struct sample *const pointer;
	u64 more : 40, bits : 3;
	unsigned int signed_bits : 9;
	char comm[8];
	struct inner in;
	union { int anon_b; };
	long anon_c;
	enum color color;
	struct inner inners[1];
	struct more becomes_struct;
	int becomes_bits : 6;
	u64 matrix[4][1];
	short first;
	int flex[];
};
int two(void) { return 0; }	/* a function of that name is no candidate */
struct two { int b; };
struct big_bits { u64 b : 63; };
struct variant { int a; long b; };
struct matched { long before; struct inner *in; int a; enum color color; };
struct unmatched { int a; int b; };
enum color e; enum big b; enum negative n; callback c; anon_t a; number m; struct sample s; struct two t;
struct big_bits bb; struct variant v; struct matched ma; struct unmatched um;
