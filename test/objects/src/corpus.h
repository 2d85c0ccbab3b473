/* What every source of the corpus starts with: the types of the kernel and what libbpf 1.1's headers lack. */
#pragma once
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

/* A kernel function or variable that may be missing. */
#define ksym_exists(symbol) ((void *)&(symbol) != (void *)0)

/* A bounded use of r0 to r9 that the compiler cannot drop. */
#define USE(x) asm volatile("" : : "r"(x))

/* An attribute of a map that needs 64 bits, as newer libbpf has it. */
#define __ulong(name, value) enum { ___bpf_concat(__value_of_, __COUNTER__) = value } name

/* Open-coded iteration over numbers, from 6.4 on. */
extern int bpf_iter_num_new(struct bpf_iter_num *it, int start, int end) __ksym __weak;
extern int *bpf_iter_num_next(struct bpf_iter_num *it) __ksym __weak;
extern void bpf_iter_num_destroy(struct bpf_iter_num *it) __ksym __weak;

/* Memory of a type of the program's own, from 6.2 on. */
extern void *bpf_obj_new_impl(u64 local_type_id, void *meta) __ksym __weak;
extern void bpf_obj_drop_impl(void *object, void *meta) __ksym __weak;
#define obj_new(type) ((type *)bpf_obj_new_impl(bpf_core_type_id_local(type), 0))
#define obj_drop(object) bpf_obj_drop_impl(object, 0)
#define __contains(type, node) __attribute__((btf_decl_tag("contains:" #type ":" #node)))

/* Data that user space does not see. */
#define PRIVATE(name) SEC(".data." #name) __hidden __attribute__((aligned(8)))

/* A name of which each of the objects that are made of one source has its own (FILE is the number of the object). */
#define OWN(name) ___bpf_apply(name, FILE)
