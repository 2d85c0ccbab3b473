/*
 * Callbacks, whose addresses are loaded with ldimm64: bpf_loop, bpf_for_each_map_elem, bpf_find_vma, timers, records of
 * a user ring buffer, work queues; one callback in several programs, one that calls a subprogram, and one within another.
 */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

extern int bpf_wq_init(struct bpf_wq *wq, void *map, unsigned int flags) __ksym __weak;
extern int bpf_wq_start(struct bpf_wq *wq, unsigned int flags) __ksym __weak;
extern int bpf_wq_set_callback_impl(struct bpf_wq *wq, int (*callback)(void *map, int *key, void *value),
				    unsigned int flags, void *aux) __ksym __weak;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 32);
	__type(key, u32);
	__type(value, u64);
} counts SEC(".maps");

struct timed {
	u64 fired;
	struct bpf_timer timer;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, int);
	__type(value, struct timed);
} timers SEC(".maps");

struct queued {
	u64 done;
	struct bpf_wq work;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, struct queued);
} queue SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_USER_RINGBUF);
	__uint(max_entries, 4096);
} commands SEC(".maps");

struct sum {
	u64 total;
	u32 limit;
};

u64 out;

static __noinline u64 weigh(u64 value)
{
	return value * 3 + out;
}

static long add(u32 index, struct sum *sum)
{
	if (index > sum->limit)
		return 1;
	sum->total += weigh(index);
	return 0;
}

static long add_nested(u32 index, struct sum *sum)
{
	bpf_loop(2, add, sum, 0);
	return 0;
}

static long each_count(struct bpf_map *map, u32 *key, u64 *value, struct sum *sum)
{
	sum->total += *value;
	return 0;
}

static long in_area(struct task_struct *task, struct vm_area_struct *vma, struct sum *sum)
{
	sum->total = vma->vm_start;
	return 0;
}

static int on_timer(void *map, int *key, struct timed *value)
{
	value->fired++;
	bpf_timer_start(&value->timer, 1000000, 0);
	return 0;
}

static int on_work(void *map, int *key, void *value)
{
	out++;
	return 0;
}

static long on_command(struct bpf_dynptr *record, struct sum *sum)
{
	u32 command;

	if (bpf_dynptr_read(&command, sizeof(command), record, 0, 0) == 0)
		sum->total += command;
	return 0;
}

SEC("tc")
int loop(struct __sk_buff *ctx)
{
	struct sum sum = {.limit = ctx->len};

	bpf_loop(100, add, &sum, 0);
	out = sum.total;
	return 0;
}

SEC("tc")
int nested(struct __sk_buff *ctx)
{
	struct sum sum = {.limit = 10};

	bpf_loop(ctx->len, add_nested, &sum, 0);
	bpf_for_each_map_elem(&counts, each_count, &sum, 0);
	out = sum.total;
	return 0;
}

SEC("tc")
int start_timer(struct __sk_buff *ctx)
{
	int key = 1;
	struct timed *value = bpf_map_lookup_elem(&timers, &key);

	if (!value)
		return 0;
	bpf_timer_init(&value->timer, &timers, 1);
	bpf_timer_set_callback(&value->timer, on_timer);
	bpf_timer_start(&value->timer, 1000, 0);
	return 0;
}

SEC("tc")
int start_work(struct __sk_buff *ctx)
{
	int key = 0;
	struct queued *value = bpf_map_lookup_elem(&queue, &key);

	if (!value || bpf_wq_init(&value->work, &queue, 0))
		return 0;
	bpf_wq_set_callback_impl(&value->work, on_work, 0, 0);
	bpf_wq_start(&value->work, 0);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(find_area, struct task_struct *task)
{
	struct sum sum = {};

	bpf_find_vma(bpf_get_current_task_btf(), 0x1000, in_area, &sum, 0);
	out = sum.total;
	return 0;
}

SEC("raw_tp/sched_process_exit")
int drain(void *ctx)
{
	struct sum sum = {};

	bpf_user_ringbuf_drain(&commands, on_command, &sum, 0);
	out = sum.total;
	return 0;
}

/* Must be refused: the second argument of a callback is what the caller passed, and this one is not. */
static long wrong_context(u32 index, u64 *context)
{
	return context[9];
}

SEC("raw_tp/sched_process_exit")
int wrong(void *ctx)
{
	u64 small = 0;

	bpf_loop(3, wrong_context, &small, 0);
	return small;
}
