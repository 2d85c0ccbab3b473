/* Exceptions: bpf_throw, from a program and from a subprogram, with and without a callback of the program's own. */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

extern void bpf_throw(u64 cookie) __ksym;

static __noinline int check(u32 length)
{
	if (length > 9000)
		bpf_throw(length);
	return length & 1;
}

__noinline int on_exception(u64 cookie)
{
	return cookie & 3;
}

SEC("tc")
int plain(struct __sk_buff *ctx)
{
	return check(ctx->len);
}

/* libbpf 1.1 does not append a function that is named by a tag only, and the kernel misses it. */
SEC("tc")
__attribute__((btf_decl_tag("exception_callback:on_exception")))
int with_callback(struct __sk_buff *ctx)
{
	return check(ctx->len + 1);
}
