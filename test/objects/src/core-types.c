/*
 * CO-RE on types and enumerators: existence, size, ids (local and target), type_matches, values of enumerators of 32
 * and 64 bits; struct, union, typedef, enum, function prototype; missing ones, and a missing value that is reached.
 */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

u64 out[40];

struct task_struct___any {
	int pid;
};
struct no_such_struct {
	int field;
};
struct list_head___matching {
	struct list_head___matching *next;
};
struct list_head___wrong {
	int next;
};
enum no_such_enum {
	NO_SUCH_ENUMERATOR,
};
enum pid_type___shorter {
	PIDTYPE_PID___local = 100,
	PIDTYPE_NOT_THERE = 7,
};
typedef struct {
	int counter;
} atomic_t___local;
typedef int (*no_such_function)(char *);

SEC("raw_tp/sched_switch")
int types(void *ctx)
{
	out[0] = bpf_core_type_exists(struct task_struct___any);
	out[1] = bpf_core_type_exists(struct no_such_struct);
	out[2] = bpf_core_type_exists(struct sockaddr_in);
	out[3] = bpf_core_type_exists(pid_t);
	out[4] = bpf_core_type_exists(enum pid_type);
	out[5] = bpf_core_type_exists(no_such_function);
	out[6] = bpf_core_type_exists(work_func_t);
	out[7] = bpf_core_type_size(struct task_struct___any);
	out[8] = bpf_core_type_size(struct no_such_struct);
	out[9] = bpf_core_type_size(struct sockaddr_in);
	out[10] = bpf_core_type_size(atomic_t___local);
	out[11] = bpf_core_type_id_local(struct no_such_struct);
	out[12] = bpf_core_type_id_kernel(struct no_such_struct);
	out[13] = bpf_core_type_matches(struct list_head___matching);
	out[14] = bpf_core_type_matches(struct list_head___wrong);
	out[15] = bpf_core_type_matches(struct list_head);
	out[16] = bpf_core_type_matches(struct no_such_struct);
	out[17] = bpf_core_type_matches(enum pid_type);
	return 0;
}

/* The id is the kernel's own: it must be compared with BTF ids in mind. */
SEC("raw_tp/sched_wakeup")
int type_id(void *ctx)
{
	out[18] = bpf_core_type_id_kernel(struct task_struct___any);
	return 0;
}

SEC("raw_tp/sched_process_exit")
int enumerators(void *ctx)
{
	out[20] = bpf_core_enum_value(enum bpf_map_type, BPF_MAP_TYPE_RINGBUF);
	out[21] = bpf_core_enum_value_exists(enum bpf_map_type, BPF_MAP_TYPE_RINGBUF);
	out[22] = bpf_core_enum_value_exists(enum no_such_enum, NO_SUCH_ENUMERATOR);
	out[23] = bpf_core_enum_value_exists(enum pid_type___shorter, PIDTYPE_NOT_THERE);
	out[24] = bpf_core_enum_value(enum pid_type___shorter, PIDTYPE_PID___local);
	out[25] = bpf_core_enum_value_exists(enum bpf_cmd, BPF_PROG_LOAD);
	if (bpf_core_enum_value_exists(enum pid_type___shorter, PIDTYPE_NOT_THERE))
		out[26] = bpf_core_enum_value(enum pid_type___shorter, PIDTYPE_NOT_THERE);
	return 0;
}

/* Must be refused: the value is missing, and the verifier gets there. */
SEC("raw_tp/sched_process_fork")
int missing_enumerator(void *ctx)
{
	return bpf_core_enum_value(enum no_such_enum, NO_SUCH_ENUMERATOR);
}
