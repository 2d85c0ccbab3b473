// A program whose call stack is known: main, outer, middle, innermost. innermost makes the system call itself, so that
// no function of the C library is on top. It says where its own code is, and waits.
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

__attribute__((always_inline)) static inline long parent(void) {
	long number = SYS_getppid, result;
#if defined(__x86_64__)
	__asm__ volatile("syscall" : "=a"(result) : "a"(number) : "rcx", "r11", "memory");
#else
	register long x8 __asm__("x8") = number;
	register long x0 __asm__("x0");
	__asm__ volatile("svc 0" : "=r"(x0) : "r"(x8) : "memory");
	result = x0;
#endif
	return result;
}

__attribute__((noinline)) long innermost(void) { return parent() + 1; }
__attribute__((noinline)) static long middle(void) { return innermost() + 1; }
__attribute__((noinline)) long outer(void) { return middle() + 1; }

int main(void) {
	char line[16];
	printf("%d %p %lx\n", getpid(), (void *)outer, getauxval(AT_SYSINFO_EHDR));
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		printf("%ld\n", outer());
		fflush(stdout);
	}
	return 0;
}
