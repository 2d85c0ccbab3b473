// Opens, loads and closes an object file with libbpf, over and over: what object.ts does with ours.
// gcc -O2 object.c -o object -lbpf && ./object FILE ROUNDS        prints milliseconds, one round a line
#include <bpf/libbpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  for (int i = 0; i < atoi(argv[2]); i++) {
    double start = now();
    struct bpf_object *object = bpf_object__open_file(argv[1], NULL);
    if (!object || bpf_object__load(object)) return 1;
    bpf_object__close(object);
    printf("%f\n", now() - start);
  }
  return 0;
}
