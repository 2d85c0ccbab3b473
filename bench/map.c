// The same operations as map.ts, in C with bare system calls: what the kernel alone takes.
// gcc -O2 map.c -o map && ./map        prints one line of JSON: ns per operation
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { ENTRIES = 10000, ROUNDS = 30, BATCH = 4096 };

static long bpf(int cmd, union bpf_attr *attr, unsigned size) {
  return syscall(SYS_bpf, cmd, attr, size);
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static int fd;
static volatile uint64_t sink;

static void each(int cmd) {
  for (uint32_t key = 0; key < ENTRIES; key++) {
    uint64_t value = key;
    union bpf_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.map_fd = fd;
    attr.key = (uintptr_t)&key;
    attr.value = (uintptr_t)&value;
    if (bpf(cmd, &attr, 32)) abort();
    sink += value;
  }
}

static void update(void) { each(BPF_MAP_UPDATE_ELEM); }
static void lookup(void) { each(BPF_MAP_LOOKUP_ELEM); }

static void batches(void) {
  static uint32_t keys[BATCH];
  static uint64_t values[BATCH];
  uint32_t place;
  for (int first = 1, more = 1; more; first = 0) {
    union bpf_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.batch.in_batch = first ? 0 : (uintptr_t)&place;
    attr.batch.out_batch = (uintptr_t)&place;
    attr.batch.keys = (uintptr_t)keys;
    attr.batch.values = (uintptr_t)values;
    attr.batch.count = BATCH;
    attr.batch.map_fd = fd;
    more = bpf(BPF_MAP_LOOKUP_BATCH, &attr, 56) == 0;
    for (uint32_t i = 0; i < attr.batch.count; i++) sink += keys[i] + values[i];
  }
}

static void walk(void) {
  uint32_t key, next;
  for (int first = 1;; first = 0) {
    uint64_t value;
    union bpf_attr attr;
    memset(&attr, 0, sizeof attr);
    attr.map_fd = fd;
    attr.key = first ? 0 : (uintptr_t)&key;
    attr.next_key = (uintptr_t)&next;
    if (bpf(BPF_MAP_GET_NEXT_KEY, &attr, 32)) return;
    key = next;
    attr.key = (uintptr_t)&key;
    attr.value = (uintptr_t)&value;
    if (bpf(BPF_MAP_LOOKUP_ELEM, &attr, 32)) abort();
    sink += key + value;
  }
}

static double best(void (*run)(void)) {
  double least = 1e18;
  for (int i = 0; i < ROUNDS; i++) {
    double start = now();
    run();
    double took = now() - start;
    if (took < least) least = took;
  }
  return least / ENTRIES;
}

int main(void) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.map_type = BPF_MAP_TYPE_HASH;
  attr.key_size = 4;
  attr.value_size = 8;
  attr.max_entries = ENTRIES;
  fd = bpf(BPF_MAP_CREATE, &attr, sizeof attr);
  if (fd < 0) return perror("BPF_MAP_CREATE"), 1;
  double set = best(update), get = best(lookup), iterate = best(batches), keys = best(walk);
  printf("{\"set\":%.1f,\"get\":%.1f,\"iterate\":%.1f,\"walk\":%.1f}\n", set, get, iterate, keys);
  return 0;
}
