/* What the fuzzers of the C core share. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The next 64 bits of xorshift64*. */
static uint64_t random_bits(uint64_t *state) {
  *state ^= *state >> 12, *state ^= *state << 25, *state ^= *state >> 27;
  return *state * 0x2545F4914F6CDD1Du;
}

static void check(int holds, const char *what) {
  if (holds) return;
  fprintf(stderr, "broken: %s\n", what);
  abort();
}

/* Memory of just this size, so that a sanitizer sees the first byte outside. */
static void *room(size_t bytes) {
  void *made = malloc(bytes ? bytes : 1);
  check(made != NULL, "memory");
  return made;
}
