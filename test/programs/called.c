/*
 * What the tests of tools at functions of user programs attach to, for machines without a compiler: called.ts has it as
 * bytes, and says how it was made. Each line that is read is a round: functions are called, and a static probe is passed.
 */
#if defined(__x86_64__)
#define WORD ".8byte "
#define ARGUMENTS "-4@%k0 8@%1 -2@4(%2) -4@$-7 8@%3 -1@(%2,%4,2)"
#define READ 0
#define WRITE 1
#define EXIT 60
#else
#define WORD ".xword "
#define ARGUMENTS "-4@%w0 8@%1 -2@[%2, 4] -4@-7 8@%3"
#define READ 63
#define WRITE 64
#define EXIT 93
#endif

/* As systemtap's sdt.h writes it: where, the base, no semaphore; provider, name and arguments. */
#define NOTE                                                                                                           \
	"990: nop\n"                                                                                                   \
	".pushsection .note.stapsdt,\"\",%%note\n"                                                                     \
	".balign 4\n"                                                                                                  \
	".4byte 992f-991f, 994f-993f, 3\n"                                                                             \
	"991: .asciz \"stapsdt\"\n"                                                                                    \
	"992: .balign 4\n"                                                                                             \
	"993: " WORD "990b, _.stapsdt.base, 0\n"                                                                       \
	".asciz \"called\"\n.asciz \"round\"\n.asciz \"" ARGUMENTS "\"\n"                                              \
	"994: .balign 4\n"                                                                                             \
	".popsection\n"                                                                                                \
	".pushsection .stapsdt.base,\"aG\",%%progbits,.stapsdt.base,comdat\n"                                          \
	".weak _.stapsdt.base\n_.stapsdt.base: .space 1\n"                                                             \
	".popsection\n"

static long call(long number, long a, const void *b, long c)
{
#if defined(__x86_64__)
	long result;

	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return result;
#else
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0") = a;
	register const void *x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;

	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
#endif
}

static char line[256];

/* A line without its end; 0 at the end of the input. As bash calls it. */
__attribute__((noinline)) char *readline(const char *prompt)
{
	int at = 0;

	for (;;) {
		if (call(READ, 0, &line[at], 1) != 1)
			return 0;
		if (line[at] == '\n' || at == sizeof(line) - 1)
			break;
		at++;
	}
	line[at] = 0;
	return line;
}

__attribute__((noinline)) int called_once(int round)
{
	__asm__ volatile("" ::: "memory");
	return round + 1;
}

__attribute__((noinline)) int called_twice(int round)
{
	__asm__ volatile("" ::: "memory");
	return -round;
}

void _start(void)
{
	volatile struct {
		signed char bytes[4];
		short value;
	} memory = { { 1, 2, -3, 4 }, -2 };
	int round = 0;
	const char *text;

	while ((text = readline("> "))) {
		round = called_twice(called_twice(called_once(round)));
		__asm__ volatile(NOTE
				 :
				 : "r"(-round), "r"(text), "r"(&memory), "r"(0x8000000000000001), "r"(1L)
				 : "memory");
		call(WRITE, 1, "round\n", 6);
	}
	call(EXIT, 0, 0, 0);
}
