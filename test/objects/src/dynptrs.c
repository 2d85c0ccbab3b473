/* Dynamic pointers: to records of a ring buffer, to local memory, to packets; reads, writes, slices; one left over. */
#include "corpus.h"

char _license[] SEC("license") = "GPL";

extern int bpf_dynptr_from_skb(struct __sk_buff *skb, u64 flags, struct bpf_dynptr *pointer) __ksym __weak;
extern void *bpf_dynptr_slice(const struct bpf_dynptr *pointer, u64 offset, void *buffer, u64 size) __ksym __weak;
extern u64 bpf_dynptr_size(const struct bpf_dynptr *pointer) __ksym __weak;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8192);
} ring SEC(".maps");

char scratch[64];

SEC("raw_tp/sched_switch")
int record(void *ctx)
{
	struct bpf_dynptr pointer;
	u64 now = bpf_ktime_get_ns(), *data;

	if (bpf_ringbuf_reserve_dynptr(&ring, 64, 0, &pointer) == 0) {
		bpf_dynptr_write(&pointer, 8, &now, sizeof(now), 0);
		data = bpf_dynptr_data(&pointer, 0, sizeof(*data));
		if (data)
			*data = 1;
	}
	bpf_ringbuf_submit_dynptr(&pointer, 0);
	return 0;
}

SEC("raw_tp/sched_switch")
int local(void *ctx)
{
	struct bpf_dynptr pointer;
	u32 word = 0;

	bpf_dynptr_from_mem(scratch, sizeof(scratch), 0, &pointer);
	bpf_dynptr_read(&word, sizeof(word), &pointer, 60, 0);
	return word + bpf_dynptr_size(&pointer);
}

SEC("tc")
int packet(struct __sk_buff *skb)
{
	struct bpf_dynptr pointer;
	struct ethhdr space, *header;

	if (bpf_dynptr_from_skb(skb, 0, &pointer))
		return 0;
	header = bpf_dynptr_slice(&pointer, 0, &space, sizeof(space));
	return header && header->h_proto == bpf_htons(0x0800);
}

/* Must be refused: the record is neither submitted nor discarded. */
SEC("raw_tp/sched_switch")
int left_over(void *ctx)
{
	struct bpf_dynptr pointer;

	bpf_ringbuf_reserve_dynptr(&ring, 64, 0, &pointer);
	return 0;
}
