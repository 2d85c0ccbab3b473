/* Sends an event for each program that is started, in each way that the type of an event can be known or not. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "GPL";

enum level { LOW = 1, HIGH = 7 };

const volatile int targ_pid = 0;
const volatile _Bool with_threads = 0;
const volatile unsigned long long least_ns = 5;
const volatile char wanted[16] = "";
const volatile enum level level = HIGH;
const int not_an_option = 3;

/* Tagged: what `tagged` carries. */
struct start {
	int pid;
	unsigned int tid;
	char comm[16];
	enum level level;
	unsigned long long number;
};

/* The only other struct of its size: found by the size of what is sent. */
struct found {
	unsigned long long number;
	char comm[16];
};

/* Two structs of one size: not found. */
struct one { unsigned int a[3]; };
struct other { unsigned char b[12]; };

const struct start *unused_start __attribute__((unused));
const struct found *unused_found __attribute__((unused));
const struct one *unused_one __attribute__((unused));
const struct other *unused_other __attribute__((unused));

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} tagged SEC(".maps") __attribute__((btf_decl_tag("beespoke:event=start")));

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(int));
	__uint(value_size, sizeof(int));
} sized SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} unknown SEC(".maps");

unsigned long long count;

SEC("tracepoint/sched/sched_process_exec")
int started(void *ctx)
{
	unsigned long long id = bpf_get_current_pid_tgid();
	int pid = id >> 32;
	if (targ_pid && targ_pid != pid)
		return 0;
	if (with_threads)
		return 0;
	count++;

	struct start *start = bpf_ringbuf_reserve(&tagged, sizeof(*start), 0);
	if (start) {
		start->pid = pid;
		start->tid = id;
		bpf_get_current_comm(start->comm, sizeof(start->comm));
		start->level = level;
		start->number = count;
		if (wanted[0] && start->comm[0] != wanted[0])
			bpf_ringbuf_discard(start, 0);
		else
			bpf_ringbuf_submit(start, 0);
	}

	struct found found = { .number = least_ns };
	bpf_get_current_comm(found.comm, sizeof(found.comm));
	bpf_perf_event_output(ctx, &sized, BPF_F_CURRENT_CPU, &found, sizeof(found));

	struct one one = { { 1, 2, not_an_option } };
	bpf_ringbuf_output(&unknown, &one, sizeof(one), 0);
	return 0;
}
