/*
 * Programs of the type KPROBE by all their section names: with a function, an offset or a pattern, sleepable, bare, and
 * with a `?`, which means that they are loaded only on demand. Also the names that came after libbpf 1.1.
 */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

#define PROGRAM(section, name) SEC(section) int name(struct pt_regs *ctx) { return PT_REGS_PARM1(ctx) & 1; }

PROGRAM("kprobe", kprobe_bare)
PROGRAM("kprobe/do_exit", kprobe_function)
PROGRAM("kprobe/do_exit+0x4", kprobe_offset)
PROGRAM("kretprobe", kretprobe_bare)
PROGRAM("kretprobe/do_exit", kretprobe_function)
PROGRAM("kprobe.multi", kprobe_multi_bare)
PROGRAM("kprobe.multi/tcp_*", kprobe_multi)
PROGRAM("kretprobe.multi/tcp_*", kretprobe_multi)
PROGRAM("uprobe", uprobe_bare)
PROGRAM("uprobe//bin/sh:main+4", uprobe_function)
PROGRAM("uprobe.s/libc.so.6:malloc", uprobe_sleepable)
PROGRAM("uretprobe/libc.so.6:malloc", uretprobe_function)
PROGRAM("uretprobe.s//bin/sh:main", uretprobe_sleepable)
PROGRAM("?kprobe/do_exit", on_demand)

SEC("ksyscall/openat")
int BPF_KSYSCALL(ksyscall_function, int dfd, const char *name, int flags)
{
	bpf_printk("openat %d %x", dfd, flags);
	return 0;
}

SEC("kretsyscall/openat")
int BPF_KRETPROBE(kretsyscall_function, int ret)
{
	return ret < 0;
}

SEC("kprobe/do_exit")
int BPF_KPROBE(two_in_one_section, long code)
{
	return code == 1;
}

PROGRAM("kprobe.session/tcp_*", kprobe_session)
PROGRAM("uprobe.multi//bin/sh:*", uprobe_multi)
PROGRAM("uprobe.multi.s//bin/sh:*", uprobe_multi_sleepable)
PROGRAM("uretprobe.multi//bin/sh:*", uretprobe_multi)
PROGRAM("uprobe.session//bin/sh:*", uprobe_session)
PROGRAM("kprobes/do_exit", no_such_section)
