/*
 * Programs in C with the mistakes that users make, one in each. The name of a program begins with the class that its
 * explanation is to have; the line at fault ends in the comment `mistake`. Both were written down before a kernel or a
 * rule had seen them. Made by make.sh.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct entry {
	__u64 count;
	__u32 flags;
	char name[20];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16);
	__type(key, __u32);
	__type(value, struct entry);
} entries SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64[8]);
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} events SEC(".maps");

struct locked {
	struct bpf_spin_lock lock;
	__u32 value;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, struct locked);
} locks SEC(".maps");

struct task_struct {
	int pid;
	int tgid;
	struct task_struct *real_parent;
} __attribute__((preserve_access_index));

const volatile __u64 limit = 4;
__u32 numbers[16];

char LICENSE[] SEC("license") = "GPL";

/* ---------- look-ups ---------- */

SEC("tracepoint/sched/sched_process_exec")
int null_check__count(void *ctx)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct entry *entry = bpf_map_lookup_elem(&entries, &pid);

	entry->count += 1; /* mistake */
	return 0;
}

SEC("tracepoint/sched/sched_process_exec")
int null_check__updated(void *ctx)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct entry empty = {}, *entry;

	entry = bpf_map_lookup_elem(&entries, &pid);
	if (!entry) {
		bpf_map_update_elem(&entries, &pid, &empty, BPF_ANY);
		entry = bpf_map_lookup_elem(&entries, &pid);
	}
	__sync_fetch_and_add(&entry->count, 1); /* mistake */
	return 0;
}

static __always_inline void note(struct entry *entry, __u32 flags)
{
	entry->flags = flags; /* mistake */
}

SEC("tc")
int null_check__inlined(struct __sk_buff *skb)
{
	__u32 mark = skb->mark;

	note(bpf_map_lookup_elem(&entries, &mark), skb->len);
	return 0;
}

SEC("tracepoint/sched/sched_process_exec")
int null_check__record(void *ctx)
{
	struct entry *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	event->count = bpf_ktime_get_ns(); /* mistake */
	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC("tc")
int null_check__socket(struct __sk_buff *skb)
{
	return skb->sk->family == 2; /* mistake */
}

/* ---------- packets ---------- */

SEC("xdp")
int packet_bounds__ethernet(struct xdp_md *xdp)
{
	struct ethhdr *eth = (void *)(long)xdp->data;

	return eth->h_proto == bpf_htons(ETH_P_IP) ? XDP_DROP : XDP_PASS; /* mistake */
}

SEC("xdp")
int packet_bounds__ip(struct xdp_md *xdp)
{
	void *data = (void *)(long)xdp->data, *end = (void *)(long)xdp->data_end;
	struct ethhdr *eth = data;
	struct iphdr *ip = (void *)(eth + 1);

	if ((void *)(eth + 1) > end)
		return XDP_PASS;
	return ip->protocol == IPPROTO_TCP ? XDP_DROP : XDP_PASS; /* mistake */
}

SEC("tc")
int packet_bounds__options(struct __sk_buff *skb)
{
	void *data = (void *)(long)skb->data, *end = (void *)(long)skb->data_end;
	struct iphdr *ip = data + sizeof(struct ethhdr);
	struct tcphdr *tcp;

	if ((void *)(ip + 1) > end)
		return 0;
	tcp = (void *)ip + ip->ihl * 4;
	return tcp->dest == bpf_htons(80); /* mistake */
}

SEC("xdp")
int stale_packet__head(struct xdp_md *xdp)
{
	void *data = (void *)(long)xdp->data, *end = (void *)(long)xdp->data_end;
	struct ethhdr *eth = data;

	if ((void *)(eth + 1) > end)
		return XDP_PASS;
	if (bpf_xdp_adjust_head(xdp, -4))
		return XDP_ABORTED;
	eth->h_proto = bpf_htons(ETH_P_8021Q); /* mistake */
	return XDP_PASS;
}

/* ---------- numbers ---------- */

SEC("tracepoint/sched/sched_process_exec")
int bounds__index(void *ctx)
{
	__u32 cpu = bpf_get_prandom_u32();

	numbers[cpu]++; /* mistake */
	return 0;
}

SEC("tracepoint/sched/sched_process_exec")
int bounds__one_too_far(void *ctx)
{
	__u32 key = 0, i = bpf_get_prandom_u32();
	__u64 *row = bpf_map_lookup_elem(&table, &key);

	if (!row || i > 8)
		return 0;
	row[i] = 1; /* mistake */
	return 0;
}

SEC("tracepoint/sched/sched_process_exec")
int bounds__length(void *ctx)
{
	__u32 key = 0;
	char *row = bpf_map_lookup_elem(&table, &key);
	long length;

	if (!row)
		return 0;
	length = bpf_probe_read_kernel_str(row, 64, ctx);
	bpf_ringbuf_output(&events, row, length, 0); /* mistake */
	return 0;
}

SEC("tc")
int bounds__packet_length(struct __sk_buff *skb)
{
	__u32 key = 0;
	char *row = bpf_map_lookup_elem(&table, &key);

	if (row && skb->len > 0)
		bpf_skb_load_bytes(skb, 0, row, skb->len); /* mistake */
	return 0;
}

SEC("tracepoint/sched/sched_process_exec")
int stack_bounds__name(void *ctx)
{
	char name[8];

	bpf_get_current_comm(name, 16); /* mistake */
	bpf_printk("%c", name[0]);
	return 0;
}

/* ---------- pointers ---------- */

SEC("tracepoint/sched/sched_process_exec")
int not_a_pointer__task(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return task->tgid; /* mistake */
}

struct opening {
	__u64 header;
	__u64 number;
	const char *path;
};

SEC("tracepoint/syscalls/sys_enter_openat")
int not_a_pointer__path(struct opening *ctx)
{
	return ctx->path[0] == '/'; /* mistake */
}

SEC("tc")
int pointer_arithmetic__context(struct __sk_buff *skb)
{
	__u32 i = bpf_get_prandom_u32() & 3;

	return skb->cb[i]; /* mistake */
}

SEC("tracepoint/sched/sched_process_exec")
int read_only__constant(void *ctx)
{
	*(volatile __u64 *)&limit = 5; /* mistake */
	return 0;
}

/* ---------- arguments ---------- */

SEC("tracepoint/sched/sched_process_exec")
int helper_argument__submitted(void *ctx)
{
	struct entry event = {};

	bpf_ringbuf_submit(&event, 0); /* mistake */
	return 0;
}

SEC("tracepoint/sched/sched_process_exec")
int helper_argument__key(void *ctx)
{
	__u64 pid = bpf_get_current_pid_tgid() >> 32;

	return bpf_map_lookup_elem(&entries, (void *)pid) != 0; /* mistake */
}

SEC("tracepoint/sched/sched_process_exec")
int wrong_map__output(void *ctx)
{
	__u64 now = bpf_ktime_get_ns();

	bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, &now, sizeof(now)); /* mistake */
	return 0;
}

SEC("xdp")
int forbidden_helper__bytes(struct xdp_md *xdp)
{
	char first[4] = {};

	bpf_skb_load_bytes(xdp, 0, first, sizeof(first)); /* mistake */
	return first[0] ? XDP_DROP : XDP_PASS;
}

SEC("raw_tp/sys_enter")
int sleepable__copy(struct bpf_raw_tracepoint_args *ctx)
{
	char path[16];

	bpf_copy_from_user(path, sizeof(path), (void *)ctx->args[1]); /* mistake */
	bpf_printk("%s", path);
	return 0;
}

SEC("socket")
int context_access__data(struct __sk_buff *skb)
{
	return skb->data_end - skb->data; /* mistake */
}

SEC("xdp")
int context_access__written(struct xdp_md *xdp)
{
	xdp->rx_queue_index = 0; /* mistake */
	return XDP_PASS;
}

/* ---------- what must be given back ---------- */

SEC("tracepoint/sched/sched_process_exec")
int reference_leak__filter(void *ctx)
{
	struct entry *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0); /* mistake */

	if (!event)
		return 0;
	if (bpf_get_current_uid_gid() >> 32)
		return 0;
	bpf_ringbuf_submit(event, 0);
	return 0;
}

SEC("tracepoint/sched/sched_process_exec")
int use_after_release__record(void *ctx)
{
	struct entry *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		return 0;
	event->flags = 1;
	bpf_ringbuf_submit(event, 0);
	return event->flags; /* mistake */
}

SEC("tc")
int lock__early_return(struct __sk_buff *skb)
{
	__u32 key = 0;
	struct locked *locked = bpf_map_lookup_elem(&locks, &key);

	if (!locked)
		return 0;
	bpf_spin_lock(&locked->lock); /* mistake */
	if (locked->value == 0)
		return 0;
	locked->value--;
	bpf_spin_unlock(&locked->lock);
	return 0;
}

/* ---------- loops, stack, results ---------- */

SEC("tracepoint/sched/sched_process_exec")
int endless_loop__parents(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	int pid = 0;

	while (task && pid != 1) { /* mistake */
		bpf_probe_read_kernel(&pid, sizeof(pid), &task->pid);
		bpf_probe_read_kernel(&task, sizeof(task), &task->real_parent);
	}
	return 0;
}

SEC("tracepoint/sched/sched_process_exec")
int complexity__unknown(void *ctx)
{
	__u32 count = bpf_get_prandom_u32();
	__u64 sum = 0;

	for (__u32 i = 0; i < count; i++) /* mistake */
		sum += bpf_ktime_get_ns();
	return sum;
}

SEC("tracepoint/sched/sched_process_exec")
int complexity__pairs(void *ctx)
{
	__u64 sum = 0;

	for (int i = 0; i < 5000; i++)
#pragma clang loop unroll(disable)
		for (int j = 0; j < 5000; j++) /* mistake */
			sum ^= bpf_get_prandom_u32() + j;
	return sum;
}

static __noinline int large(__u64 seed)
{
	volatile char buffer[300];

	for (int i = 0; i < 300; i++)
		buffer[i] = seed;
	return buffer[seed & 255];
}

SEC("tc")
int stack_depth__two(struct __sk_buff *skb)
{
	volatile char buffer[300];

	for (int i = 0; i < 300; i++)
		buffer[i] = skb->len;
	return large(skb->len) + buffer[skb->mark & 255]; /* mistake */
}

SEC("cgroup_skb/egress")
int return_value__two(struct __sk_buff *skb)
{
	return skb->len > 100 ? 7 : 1; /* mistake */
}
