// The consumer that ours is held against, with libbpf: reads the map of an id when it is told to, and takes
// every field of an event of 64 bytes.
// gcc -O2 consumer.c -lbpf -o consumer && ./consumer ring|perf MAP-ID
// On stdin, a line each: "drain" (what is there) or "flood MS". On stdout: events, nanoseconds.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct sample {
  uint64_t time_ns, duration_ns;
  uint32_t pid;
  int32_t ppid;
  uint32_t tid, uid;
  int32_t exit_code;
  uint32_t signal;
  char comm[16];
  uint32_t flags, cpu;
};

static struct sample last;
static volatile uint64_t sum;
static uint64_t events;

static int on_sample(void *context, void *data, size_t size) {
  (void)context;
  if (size < sizeof last) abort();
  memcpy(&last, data, sizeof last);
  sum += last.pid + last.exit_code + strlen(last.comm);
  events++;
  return 0;
}

static void on_perf_sample(void *context, int cpu, void *data, uint32_t size) {
  (void)cpu;
  on_sample(context, data, size);
}

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ull + t.tv_nsec;
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  int is_ring = strcmp(argv[1], "ring") == 0;
  int fd = bpf_map_get_fd_by_id(atoi(argv[2]));
  if (fd < 0) return perror("map"), 1;
  char line[64];
  setvbuf(stdout, NULL, _IOLBF, 0);
  while (fgets(line, sizeof line, stdin)) {
    long ms = 0;
    struct ring_buffer *ring = NULL;
    struct perf_buffer *perf = NULL;
    if (is_ring) ring = ring_buffer__new(fd, on_sample, NULL, NULL);
    else perf = perf_buffer__new(fd, 64, on_perf_sample, NULL, NULL, NULL);
    if (!ring && !perf) return perror("buffer"), 1;
    events = 0;
    uint64_t start = now();
    if (sscanf(line, "flood %ld", &ms) == 1) {
      uint64_t end = start + ms * 1000000ull;
      while (now() < end) {
        if (is_ring) ring_buffer__poll(ring, 5);
        else perf_buffer__poll(perf, 5);
      }
    } else {
      ring_buffer__consume(ring);
    }
    uint64_t took = now() - start;
    // Before the answer: freeing clears the slots of the map, which are the other's by then.
    ring_buffer__free(ring);
    perf_buffer__free(perf);
    printf("%llu %llu\n", (unsigned long long)events, (unsigned long long)took);
  }
  return 0;
}
