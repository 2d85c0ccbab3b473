// A program whose calls are known: main, reader, opener. opener makes the system call itself, so that no function of the
// C library is on top: those keep no frame pointer on many systems. It opens each path that it reads a line with.
#include <string.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define AT_FDCWD -100

__attribute__((always_inline)) static inline long openat(const char *path) {
	long result;
#if defined(__x86_64__)
	register long r10 __asm__("r10") = 0;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"((long)SYS_openat), "D"((long)AT_FDCWD), "S"(path), "d"(0L), "r"(r10)
			 : "rcx", "r11", "memory");
#else
	register long x8 __asm__("x8") = SYS_openat;
	register long x0 __asm__("x0") = AT_FDCWD;
	register const char *x1 __asm__("x1") = path;
	register long x2 __asm__("x2") = 0;
	register long x3 __asm__("x3") = 0;
	__asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
	result = x0;
#endif
	return result;
}

__attribute__((noinline)) long opener(const char *path) { return openat(path) + 0; }

__attribute__((noinline)) long reader(const char *path) {
	long fd = opener(path);
	if (fd >= 0) close((int)fd);
	return fd;
}

int main(void) {
	char path[4096];
	while (fgets(path, sizeof(path), stdin)) {
		path[strcspn(path, "\n")] = '\0';
		printf("%ld\n", reader(path));
		fflush(stdout);
	}
	return 0;
}
