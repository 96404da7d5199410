/* What the fuzzers of the C core share: the bytes of an input, and a program that makes inputs or reads them from files.
 *
 *   -fsanitize=fuzzer   a libFuzzer target (README.md)
 *   -DSTANDALONE        a program: `fuzz_... SECONDS [SEED]` makes inputs itself, `fuzz_... -r FILE...` runs files,
 *                       which is how found cases stay tests
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
  const uint8_t *next, *end;
  uint64_t spread; /* goes on after the input's end, so that short inputs reach far */
} source;

static source begin(const uint8_t *data, size_t size) {
  source s = {data, data + size, size};
  for (size_t i = 0; i < size; i++) s.spread = (s.spread ^ data[i]) * 0x9E3779B97F4A7C15u;
  return s;
}

static uint8_t byte(source *s) {
  if (s->next < s->end) return *s->next++;
  s->spread = s->spread * 6364136223846793005u + 1442695040888963407u;
  return (uint8_t)(s->spread >> 56);
}

static uint32_t word(source *s) {
  uint32_t value = 0;
  for (int i = 0; i < 4; i++) value = value << 8 | byte(s);
  return value;
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifdef STANDALONE
/* The next byte of xorshift64*. */
static uint8_t random_byte(uint64_t *state) {
  *state ^= *state >> 12, *state ^= *state << 25, *state ^= *state >> 27;
  return (uint8_t)(*state * 0x2545F4914F6CDD1Du >> 56);
}

int main(int argc, char **argv) {
  static uint8_t input[4096];
  if (argc > 2 && !strcmp(argv[1], "-r")) {
    for (int i = 2; i < argc; i++) {
      FILE *file = fopen(argv[i], "rb");
      check(file != NULL, argv[i]);
      LLVMFuzzerTestOneInput(input, fread(input, 1, sizeof input, file));
      fclose(file);
    }
    printf("%d files\n", argc - 2);
    return 0;
  }
  double seconds = argc > 1 ? atof(argv[1]) : 2;
  uint64_t state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
  time_t end = time(NULL) + (time_t)(seconds + 0.5);
  long inputs = 0;
  for (; time(NULL) < end; inputs++) {
    size_t size = inputs % 3 ? 256 : 16; /* a third of the inputs is short and goes on by itself */
    for (size_t i = 0; i < size; i++) input[i] = random_byte(&state);
    LLVMFuzzerTestOneInput(input, size);
  }
  printf("%ld inputs\n", inputs);
  return 0;
}
#endif
