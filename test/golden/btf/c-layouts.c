/*
 * Types that are hard to print from BTF, which has no word for packed and aligned: bitfields, padding, unnamed parts, the
 * declarator grammar. The test compiles it with gcc -gbtf; c-layouts.btf is what clang makes of it:
 *
 *   clang-19 -target bpf -g -c c-layouts.c -o c-layouts.o
 *   llvm-objcopy-19 --dump-section .BTF=c-layouts.btf c-layouts.o
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
#define packed __attribute__((packed))
#define aligned(n) __attribute__((aligned(n)))

struct packed_plain { u8 a; u64 b; u16 c; } packed;
struct packed_natural { u32 a; u32 b; } packed;
struct holds_packed { u8 a; struct packed_natural b; u16 c; };
struct packed_bits { u32 a : 20; u32 b : 20; u8 c; u64 d : 33; } packed;
struct packed_member { u8 a; u64 b packed; u32 c; };
struct half_aligned { u32 a; u64 b aligned(4) packed; u32 c; };
struct packed_end { u64 a; u8 b; } packed;
struct packed_aligned { u8 a; u32 b; u8 c; } packed aligned(4);

struct cacheline { u32 a; u64 b aligned(64); u8 c; } aligned(64);
struct two_lines { u8 a[3]; struct cacheline b; u16 c; };
struct far_away { u8 a; u8 b aligned(4096); };
struct aligned_bytes { u8 a; u8 b aligned(32); u8 c; };
struct empty_aligned { } aligned(8);
struct empty { };
struct holds_empty { u8 a; struct empty b; u32 c; };

struct bits { u32 a : 3; u32 : 0; u32 b : 5; u8 c; u16 d : 9; u64 e : 40; _Bool f : 1; int g : 31; };
struct bits_gap { u32 a : 3; u32 : 7; u32 b : 5; u64 : 0; u8 c : 2; };
struct bits_end { u8 a; u32 b : 24; u64 c : 60; u8 d : 3; u8 : 4; u16 e : 1; };
struct bits_then_bytes { u64 a : 4; char b; u32 c : 4; short d; };
struct bits_wide { u64 a : 64; u64 b : 63; u64 c : 2; };
enum signal { SIG_A, SIG_B = -1 };
struct bits_enum { enum signal a : 2; enum signal b; };

union plain { u8 a; u32 b; u64 c[2]; };
union packed_union { u64 a; u8 b[9]; } packed;
union aligned_union { u8 a; u16 b; } aligned(32);
union bits_union { u32 a : 3; u8 b; };
struct holds_unions { u8 a; union packed_union b; union aligned_union c; union bits_union d; };

struct nested {
  u8 kind;
  union {
    struct { u32 x, y; };
    struct { u64 z packed; u8 tail; } packed named;
    enum { CIRCLE, SQUARE = 7 } shape;
    struct { struct { u16 deep[3]; } inner; union { u8 w; u16 v; }; } both[2];
  };
  struct { u8 flag : 1, more : 2; } bits[3];
};

struct node { struct node *next, **prev; struct other *other; int (*visit)(struct node *, struct other *); };
struct other { struct node node; struct other **many[2]; };
typedef struct { struct node *head; } list_t;
struct uses_typedef { list_t list; list_t *lists[2]; const list_t *const volatile cv; };
typedef int matrix_t[2][3];
typedef int (*compare_t)(const void *, const void *);
typedef compare_t (*chooser_t[4])(matrix_t *, int (*)[5], ...);
struct functions {
  compare_t compare;
  chooser_t choosers;
  void (*(*signal)(int, void (*)(int)))(int);
  int (*(*array_of[2][3])(char *restrict))[4];
  matrix_t *matrices[2];
  const char *const names[4];
};

struct wide { u8 a; __int128 b; unsigned __int128 c[2]; u8 d; };
struct floats { u8 a; float b; u8 c; double d; long double e; u8 f; };
enum small { SMALL_A = 1 } packed;
enum large { LARGE_A = 1, LARGE_B = 0x100000000ULL };
enum negative { NEGATIVE_A = -5000000000LL };
enum top { TOP_A = 0xffffffff };
struct enums { enum small a; u8 b; enum large c; enum negative d; enum top e; };
struct flexible { u32 n; struct { u8 a, b; } items[]; };
struct flexible_padded { u64 a; u8 b; u8 tail[]; };
struct ends_in_gap { u64 a; struct packed_plain b; };

/* Compilers describe what is used. */
struct packed_plain use_packed_plain;
struct packed_natural use_packed_natural;
struct holds_packed use_holds_packed;
struct packed_bits use_packed_bits;
struct packed_member use_packed_member;
struct half_aligned use_half_aligned;
struct packed_end use_packed_end;
struct packed_aligned use_packed_aligned;
struct cacheline use_cacheline;
struct two_lines use_two_lines;
struct far_away use_far_away;
struct aligned_bytes use_aligned_bytes;
struct empty_aligned use_empty_aligned;
struct empty use_empty;
struct holds_empty use_holds_empty;
struct bits use_bits;
struct bits_gap use_bits_gap;
struct bits_end use_bits_end;
struct bits_then_bytes use_bits_then_bytes;
struct bits_wide use_bits_wide;
struct bits_enum use_bits_enum;
union plain use_plain;
union packed_union use_packed_union;
union aligned_union use_aligned_union;
union bits_union use_bits_union;
struct holds_unions use_holds_unions;
struct nested use_nested;
struct node use_node;
struct other use_other;
struct uses_typedef use_uses_typedef;
struct functions use_functions;
struct wide use_wide;
struct floats use_floats;
struct enums use_enums;
struct flexible use_flexible;
struct flexible_padded use_flexible_padded;
struct ends_in_gap use_ends_in_gap;
