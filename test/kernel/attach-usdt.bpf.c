/*
 * Reads the arguments of the static probes of probed.c, by libbpf's header. Made by
 * clang-19 -g -O2 -target bpf -D__TARGET_ARCH_x86 -I/usr/include/x86_64-linux-gnu -ffile-prefix-map=$PWD/= -ffile-prefix-map=$PWD=.
 *     -c attach-usdt.bpf.c -o attach-usdt.bpf.o && llvm-strip-19 -g attach-usdt.bpf.o
 */
#include <linux/bpf.h>
#include <linux/types.h>
typedef _Bool bool;
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs, flags, sp, ss;
};
#define __VMLINUX_H__
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>

char _license[] SEC("license") = "GPL";

long runs[2];
long arguments[4];
long count;
long user_cookie;
long only;

SEC("usdt")
int BPF_USDT(plain, int a, long b, int c, int d)
{
	__sync_fetch_and_add(&runs[0], 1);
	arguments[0] = a;
	arguments[1] = b;
	arguments[2] = c;
	arguments[3] = d;
	count = bpf_usdt_arg_cnt(ctx);
	user_cookie = bpf_usdt_cookie(ctx);
	return 0;
}

SEC("usdt")
int BPF_USDT(counted, long b)
{
	__sync_fetch_and_add(&runs[1], 1);
	only = b;
	return 0;
}
