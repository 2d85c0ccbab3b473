/*
 * Two objects for the static linker, made of one source (FILE is 1 or 2; make.sh), as projects with a common header
 * have them: the same structs, of which one file only knows the names of some; static functions of the header, called,
 * and as callbacks; strings and tables of constants; CO-RE; extern variables of every kind of section, and programs
 * in one section with functions that other objects have.
 */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

/* What a header has. */
struct detail;
struct record {
	u32 key;
	struct detail *detail;
	struct record *next;
	enum { QUIET, LOUD } mood;
};
extern const volatile u32 limit;
extern u64 totals[];
extern u64 shelf SEC(".data.shelf");
u64 add_record(struct record *record, u64 by);
int consult(struct detail *detail);
static long each(u32 index, void *context)
{
	totals[index & 1] += index;
	return 0;
}
static __noinline u32 scale(u32 value)
{
	static const u32 factors[] = {3, 5, 7, 11, 13, 17, 19, 23};

	return value * factors[value & 7];
}

#if FILE == 1
const volatile u32 limit = 40;
u64 totals[2] = {100, 200};

__noinline u64 add_record(struct record *record, u64 by)
{
	return record ? record->key + by : by;
}

SEC("raw_tp/sched_switch")
int loops(void *ctx)
{
	bpf_loop(8, each, (void *)0, 0);
	return consult((void *)0) + scale(limit);
}
#else
struct detail {
	u64 weight;
	struct record *owner;
};
u64 shelf SEC(".data.shelf") = 7;

__noinline int consult(struct detail *detail)
{
	return detail ? detail->weight : shelf + scale(limit);
}

SEC("raw_tp/sched_switch")
int adds(void *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct record record = {.key = BPF_CORE_READ(task, real_parent, pid), .mood = LOUD};

	bpf_printk("record %d", record.key);
	bpf_loop(limit, each, (void *)0, 0);
	totals[1] += add_record(&record, scale(record.mood));
	return 0;
}
#endif

/* One section, programs of both. */
SEC("tp_btf/sched_process_exit")
int OWN(exits_)(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];

	bpf_printk("%s exits in file %d", task->comm, FILE);
	totals[FILE - 1] += bpf_core_field_exists(task->comm) + scale(task->pid);
	return 0;
}
