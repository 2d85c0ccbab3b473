/* Local storage: of tasks, sockets, inodes and cgroups, and the older maps of the cgroup that a program is attached to. */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

struct seen {
	u64 times;
	u32 last;
};

#define STORAGE(name, kind)                                                                        \
	struct {                                                                                   \
		__uint(type, kind);                                                                \
		__uint(map_flags, BPF_F_NO_PREALLOC);                                              \
		__type(key, int);                                                                  \
		__type(value, struct seen);                                                        \
	} name SEC(".maps")

STORAGE(tasks, BPF_MAP_TYPE_TASK_STORAGE);
STORAGE(sockets, BPF_MAP_TYPE_SK_STORAGE);
STORAGE(inodes, BPF_MAP_TYPE_INODE_STORAGE);
STORAGE(cgroups, BPF_MAP_TYPE_CGRP_STORAGE);

struct {
	__uint(type, BPF_MAP_TYPE_CGROUP_STORAGE);
	__type(key, struct bpf_cgroup_storage_key);
	__type(value, u64);
} attached SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE);
	__type(key, u64);
	__type(value, u64);
} attached_percpu SEC(".maps");

SEC("tp_btf/sched_switch")
int BPF_PROG(of_task, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	struct seen *seen = bpf_task_storage_get(&tasks, next, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);

	if (seen)
		seen->times++;
	return 0;
}

SEC("cgroup/sock_create")
int of_socket(struct bpf_sock *sk)
{
	struct seen *seen = bpf_sk_storage_get(&sockets, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);

	if (seen)
		seen->last = 1;
	return 1;
}

SEC("lsm/file_open")
int BPF_PROG(of_inode, struct file *file)
{
	bpf_inode_storage_delete(&inodes, file->f_inode);
	return 0;
}

SEC("tp_btf/sys_enter")
int BPF_PROG(of_cgroup, struct pt_regs *regs, long id)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct seen *seen;

	seen = bpf_cgrp_storage_get(&cgroups, task->cgroups->dfl_cgrp, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (seen)
		seen->last = id;
	return 0;
}

SEC("cgroup_skb/egress")
int of_attachment(struct __sk_buff *ctx)
{
	u64 *total = bpf_get_local_storage(&attached, 0);
	u64 *mine = bpf_get_local_storage(&attached_percpu, 0);

	__sync_fetch_and_add(total, ctx->len);
	*mine += 1;
	return 1;
}
