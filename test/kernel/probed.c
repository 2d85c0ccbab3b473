/* What the tests of user probes attach to: functions with known arguments and results, and static probes. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* As systemtap's sdt.h writes them: where, the base, the semaphore; provider, name and arguments. */
#if defined(__x86_64__)
#define WORD ".8byte "
#define OPERAND "nor"
#else
#define WORD ".xword "
#define OPERAND "nr"
#endif
#define NOTE(semaphore, name, arguments)                                                                               \
	"990: nop\n"                                                                                                   \
	".pushsection .note.stapsdt,\"\",%%note\n"                                                                     \
	".balign 4\n"                                                                                                  \
	".4byte 992f-991f, 994f-993f, 3\n"                                                                             \
	"991: .asciz \"stapsdt\"\n"                                                                                    \
	"992: .balign 4\n"                                                                                             \
	"993: " WORD "990b\n" WORD "_.stapsdt.base\n" WORD semaphore "\n"                                              \
	".asciz \"probed\"\n.asciz \"" name "\"\n.asciz \"" arguments "\"\n"                                           \
	"994: .balign 4\n"                                                                                             \
	".popsection\n"                                                                                                \
	".ifndef _.stapsdt.base\n"                                                                                     \
	".pushsection .stapsdt.base,\"aG\",%%progbits,.stapsdt.base,comdat\n"                                          \
	".weak _.stapsdt.base\n.hidden _.stapsdt.base\n_.stapsdt.base: .space 1\n"                                     \
	".size _.stapsdt.base, 1\n.popsection\n.endif\n"

unsigned short probed_semaphore __attribute__((section(".probes"), used));
volatile signed char small = -3;

__attribute__((noinline)) long probed_add(int a, long b, const char *text)
{
	__asm__ volatile("" ::: "memory");
	return a + b + text[0];
}

__attribute__((noinline)) long probed_add_two(int a)
{
	__asm__ volatile("" ::: "memory");
	return a + 2;
}

__attribute__((noinline)) void probed_static(int a, long b)
{
	signed char c = small;
	__asm__ volatile(NOTE("0", "plain", "-4@%0 8@%1 -1@%2 -4@$-7") : : "r"(a), "r"(b), "r"((int)c));
	if (probed_semaphore)
		__asm__ volatile(NOTE("probed_semaphore", "counted", "8@%0") : : "r"(b));
}

/* Each line that is read is a round: its number is the first argument. */
int main(void)
{
	char line[32];

	printf("%d\n", getpid());
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		int round = atoi(line);
		long sum = probed_add(round, 1000, "text") + probed_add_two(round);

		probed_static(round, sum);
		printf("%ld %d\n", sum, probed_semaphore);
		fflush(stdout);
	}
	return 0;
}
