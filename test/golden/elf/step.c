/* One of each: a function that others call, data of all sorts, something that is elsewhere. */
extern int other;
int counter = 1;
static int zeroed;
__attribute__((visibility("hidden"), noinline)) int step(int by) {
  return counter += by + zeroed++ + other;
}
__attribute__((weak)) int twice(int by) { return step(step(by)); }
