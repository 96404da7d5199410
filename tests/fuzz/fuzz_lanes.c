/* Feeds hostile streams and parameters to the C core: lanes.c and the two headers under it.
 *
 * An input chooses a shape, parameters (any bits: NaN, infinities, denormals, any int32), symbols or CDFs,
 * and a stream: random bytes, or a valid stream that is cut and whose bits are flipped. Checked at each:
 *
 *   - what is decoded from any bytes lies below `levels`;
 *   - a lane does not outgrow the capacity that lanes.h asks for;
 *   - what was coded decodes to itself, whatever the parameters;
 *   - encoder, decoder and CDFs agree on whether the parameters are finite;
 *   - every CDF runs from 0 to 2^24 and strictly increases;
 *   - calls of all kinds go on with one lane, and its decoder knows whether the bytes are an encoder's;
 *   - the portable variant and the one for AVX2 give the same bytes and symbols.
 *
 *   -fsanitize=fuzzer   a libFuzzer target (README.md)
 *   -DSTANDALONE        a program: `fuzz_lanes SECONDS [SEED]` makes inputs itself, `fuzz_lanes -r FILE...`
 *                       runs files, which is how found cases stay tests
 */
#include "fuzz.h"
#include "lanes.h"

#define MAX_INPUT 4096

typedef struct {
  const uint8_t *next, *end;
  uint64_t spread; /* goes on after the input's end, so that short inputs reach far */
} source;

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

/* A copy of `size` bytes in a buffer of just that size. */
static uint8_t *copy(const uint8_t *bytes, size_t size) {
  uint8_t *made = room(size);
  memcpy(made, bytes, size);
  return made;
}

/* Coders of `lanes` lanes at their begin; those of an encoder write into `out`. */
static rc_encoder *begin_encoders(uint8_t *out, size_t capacity, int32_t lanes) {
  rc_encoder *e = room((size_t)lanes * sizeof *e);
  for (int32_t i = 0; i < lanes; i++) rc_encoder_begin(&e[i], out + (size_t)i * capacity);
  return e;
}

static rc_decoder *begin_decoders(const uint8_t *bytes, const size_t *offsets, int32_t lanes) {
  rc_decoder *d = room((size_t)lanes * sizeof *d);
  for (int32_t i = 0; i < lanes; i++)
    rc_decoder_begin(&d[i], bytes + offsets[i], offsets[i + 1] - offsets[i]);
  return d;
}

/* Ends lanes of `capacity` bytes, and joins them into one stream with offsets, as range_coder.py does. */
static uint8_t *join(rc_encoder *e, size_t capacity, int32_t lanes, size_t *offsets) {
  offsets[0] = 0;
  for (int32_t i = 0; i < lanes; i++) {
    size_t size = rc_encoder_end(&e[i]);
    check(size <= capacity, "a lane outgrew its capacity");
    offsets[i + 1] = offsets[i] + size;
  }
  uint8_t *bytes = room(offsets[lanes]);
  for (int32_t i = 0; i < lanes; i++)
    if (offsets[i + 1] > offsets[i]) memcpy(bytes + offsets[i], e[i].start, offsets[i + 1] - offsets[i]);
  return bytes;
}

/* Damages a stream as the input says: bits flipped, cut short or replaced, other lengths of lanes. */
static uint8_t *damage(source *s, uint8_t *bytes, size_t *offsets, int32_t lanes) {
  size_t size = offsets[lanes];
  uint8_t how = byte(s);
  if (how & 1) {
    for (int flips = how >> 5; flips >= 0 && size; flips--)
      bytes[word(s) % size] ^= (uint8_t)(1 << (byte(s) & 7));
  }
  if (how & 2) size = size ? word(s) % size : 0;
  if (how & 4) {
    free(bytes);
    size = word(s) % 64;
    bytes = room(size);
    int fill = byte(s) & 3;
    for (size_t i = 0; i < size; i++) bytes[i] = fill == 0 ? 0 : fill == 1 ? 255 : byte(s);
  } else {
    uint8_t *cut = copy(bytes, size);
    free(bytes);
    bytes = cut;
  }
  for (int32_t i = 1; i < lanes; i++) {
    size_t end = how & 8 && size ? word(s) % (size + 1) : offsets[i];
    end = end > size ? size : end;
    offsets[i] = end < offsets[i - 1] ? offsets[i - 1] : end;
  }
  offsets[lanes] = size;
  return bytes;
}

static int32_t choose_levels(source *s) {
  static const int32_t usual[] = {1, 2, 3, 5, 25, 256, 65535, 0};
  int32_t levels = usual[byte(s) & 7];
  return levels ? levels : 1 + (int32_t)(word(s) % 65535);
}

static float choose_float(source *s, int kind) {
  static const float extreme[] = {0.0f, -0.0f, 1e-45f, 3.4e38f, -3.4e38f, 1.0f, 255.5f, -7.0f};
  uint32_t bits = word(s);
  float value;
  if (kind == 0) { /* plausible: most work is done at means within the levels */
    value = (float)(int32_t)bits / 8388608.0f; /* +- 256 */
  } else if (kind == 1 && (bits & 15)) {
    value = extreme[bits >> 29];
  } else {
    memcpy(&value, &bits, sizeof value); /* NaN and infinity among them */
  }
  return value;
}

extern const mix_tables fuzz_tables;

static void mixtures(source *s) {
  mix_shape shape;
  uint8_t first = byte(s);
  shape.channels = 1 + (first & 3);
  shape.mixtures = 1 + (first >> 2 & 3);
  shape.coupled = (first >> 4) % 3;
  uint8_t large = byte(s); /* the largest numbers, seldom and one at a time: they are slow */
  if (large == 77) shape.channels = 31, shape.mixtures = 1; /* coupled means of 32 would not fit 32 bits */
  if (large == 78) shape.channels = 1, shape.mixtures = 64;
  shape.levels = choose_levels(s);
  int64_t pixels = 1 + byte(s) % (large == 77 ? 1 : 6);
  int32_t lanes = 1 + byte(s) % 20;
  int32_t lambdas = shape.coupled ? shape.channels * (shape.channels - 1) / 2 : 0;
  size_t parameters = (size_t)pixels * (size_t)((3 * shape.channels + lambdas) * shape.mixtures);
  size_t count = (size_t)pixels * (size_t)shape.channels;

  uint8_t kind = byte(s) & 3;
  float *real = NULL;
  int32_t *grid = NULL;
  if (kind < 3) {
    real = room(parameters * sizeof *real);
    for (size_t i = 0; i < parameters; i++) real[i] = choose_float(s, kind);
  } else {
    grid = room(parameters * sizeof *grid);
    uint8_t shift = byte(s) & 31;
    for (size_t i = 0; i < parameters; i++) grid[i] = (int32_t)word(s) >> shift;
  }
  mix_parameters given = {real, grid, 0};
  uint16_t *symbols = room(count * sizeof *symbols), *decoded = room(count * sizeof *decoded);
  for (size_t i = 0; i < count; i++) symbols[i] = (uint16_t)(word(s) % (uint32_t)shape.levels);

  /* the largest lane's symbols, as range_coder.py counts them, and the 8 bytes that lanes.h asks for */
  size_t longest = ((size_t)pixels + (size_t)lanes - 1) / (size_t)lanes * (size_t)shape.channels;
  size_t capacity = 4 * longest + 8;
  uint8_t *out = room((size_t)lanes * capacity);
  size_t *offsets = room(((size_t)lanes + 1) * sizeof *offsets);

  uint8_t variants = byte(s); /* each step by the portable variant or by AVX2's */
  mix_variant(variants & 1);
  int32_t cut = (int32_t)(byte(s) % (uint8_t)(lanes + 1)); /* two calls, as two threads make them */
  rc_encoder *e = begin_encoders(out, capacity, lanes);
  int finite = mix_encode_lanes(&shape, &fuzz_tables, given, symbols, pixels, lanes, 0, cut, e) == 0;
  mix_variant(variants >> 1 & 1);
  finite &= mix_encode_lanes(&shape, &fuzz_tables, given, symbols, pixels, lanes, cut, lanes, e + cut) == 0;
  uint8_t *bytes = join(e, capacity, lanes, offsets);
  rc_decoder *d = begin_decoders(bytes, offsets, lanes);
  mix_variant(variants >> 2 & 1);
  int same = mix_decode_lanes(&shape, &fuzz_tables, given, d, pixels, lanes, 0, cut, decoded) == 0;
  mix_variant(variants >> 3 & 1);
  same &= mix_decode_lanes(&shape, &fuzz_tables, given, d + cut, pixels, lanes, cut, lanes, decoded) == 0;
  check(same == finite, "encoder and decoder differ on what is finite");
  if (finite) check(!memcmp(symbols, decoded, count * sizeof *symbols), "round trip of mixtures");
  free(d);

  bytes = damage(s, bytes, offsets, lanes);
  for (int avx2 = 0; avx2 < 2; avx2++) {
    mix_variant(avx2);
    d = begin_decoders(bytes, offsets, lanes);
    mix_decode_lanes(&shape, &fuzz_tables, given, d, pixels, lanes, 0, lanes, avx2 ? symbols : decoded);
    free(d);
  }
  for (size_t i = 0; i < count; i++) check(decoded[i] < shape.levels, "symbol out of range");
  check(!memcmp(symbols, decoded, count * sizeof *symbols), "AVX2 decodes hostile bytes otherwise");

  if (shape.levels <= 256 && shape.mixtures <= 4 && pixels <= 4) {
    int32_t channel = byte(s) % shape.channels;
    size_t row = (size_t)shape.levels + 1;
    uint32_t *cdf = room((size_t)pixels * row * sizeof *cdf);
    mix_cdf_tables(&shape, &fuzz_tables, given, symbols, pixels, channel, cdf);
    for (size_t p = 0; p < (size_t)pixels && finite; p++) {
      check(cdf[p * row] == 0 && cdf[p * row + row - 1] == 1u << 24, "ends of a CDF");
      for (size_t v = 1; v < row; v++)
        check(cdf[p * row + v - 1] < cdf[p * row + v], "a CDF does not increase");
    }
    free(cdf);
  }
  free(real), free(grid), free(symbols), free(decoded);
  free(out), free(e), free(offsets), free(bytes);
}

/* Valid CDFs, as arguments.py has checked them: any increasing steps. */
static uint32_t *choose_cdfs(source *s, int32_t levels, int64_t rows) {
  size_t width = (size_t)levels + 1;
  uint32_t *cdf = room((size_t)rows * width * sizeof *cdf);
  for (int64_t r = 0; r < rows; r++) {
    uint32_t *row = cdf + (size_t)r * width, at = 0, left = (1u << 24) - (uint32_t)levels;
    uint32_t most = byte(s) & 1 ? left : 2 * (left / (uint32_t)levels) + 1;
    int cheap = levels > 512;
    for (int32_t v = 0; v < levels; v++) {
      row[v] = at + (uint32_t)v;
      uint32_t step = cheap ? left / (uint32_t)(levels - v) : word(s) % most;
      step = step > left ? left : step;
      at += step, left -= step;
    }
    row[levels] = 1u << 24;
  }
  return cdf;
}

static void tables(source *s) {
  int32_t levels = choose_levels(s);
  if (levels > 256) levels = 1 + levels % 1024; /* longer tables are only slower */
  int64_t rows = 1 + byte(s) % 3, count = 1 + byte(s) % 64;
  if (levels > 256) rows = 1;
  int32_t lanes = 1 + byte(s) % 20;
  int shared = levels > 256 || byte(s) & 1;
  if (!shared) count = rows;
  uint32_t *cdf = choose_cdfs(s, levels, rows);
  int64_t *which = NULL;
  if (shared) {
    which = room((size_t)count * sizeof *which);
    for (int64_t i = 0; i < count; i++) which[i] = byte(s) % rows;
  }
  cdf_tables t = {cdf, which, levels, 0};
  uint16_t *symbols = room((size_t)count * 2), *decoded = room((size_t)count * 2);
  for (int64_t i = 0; i < count; i++) symbols[i] = (uint16_t)(word(s) % (uint32_t)levels);
  size_t capacity = 4 * (((size_t)count + (size_t)lanes - 1) / (size_t)lanes) + 8;
  uint8_t *out = room((size_t)lanes * capacity);
  size_t *offsets = room(((size_t)lanes + 1) * sizeof *offsets);
  rc_encoder *e = begin_encoders(out, capacity, lanes);
  table_encode_lanes(t, symbols, count, lanes, 0, lanes, e);
  uint8_t *bytes = join(e, capacity, lanes, offsets);
  rc_decoder *d = begin_decoders(bytes, offsets, lanes);
  table_decode_lanes(t, d, count, lanes, 0, lanes, decoded);
  check(!memcmp(symbols, decoded, (size_t)count * 2), "round trip of tables");
  free(d);
  bytes = damage(s, bytes, offsets, lanes);
  d = begin_decoders(bytes, offsets, lanes);
  table_decode_lanes(t, d, count, lanes, 0, lanes, decoded);
  for (int64_t i = 0; i < count; i++) check(decoded[i] < levels, "symbol out of range");
  free(cdf), free(which), free(symbols), free(decoded);
  free(out), free(e), free(d), free(offsets), free(bytes);
}

/* One call for part of a lane. */
typedef struct {
  mix_shape shape;
  mix_parameters parameters;
  cdf_tables tables;
  uint32_t levels;
  int64_t pixels;
  size_t first, count; /* symbols */
} step;

static step choose_step(source *s, size_t first) {
  step made = {.first = first, .pixels = byte(s) % 5};
  made.count = (size_t)made.pixels;
  uint8_t kind = byte(s) % 4;
  if (kind == 0) {
    made.levels = 1 + (word(s) & (byte(s) & 1 ? 0xffff : 0xff));
  } else if (kind < 3) {
    made.levels = 1 + byte(s) % 40;
    made.tables.levels = (int32_t)made.levels;
    made.tables.shared = kind == 1;
    made.tables.cdf = choose_cdfs(s, made.tables.levels, kind == 1 ? 1 : made.pixels);
  } else {
    made.levels = (uint32_t)choose_levels(s);
    made.shape = (mix_shape){1 + byte(s) % 3, (int32_t)made.levels, 1 + byte(s) % 5, byte(s) % 3};
    int32_t lambdas = made.shape.coupled ? made.shape.channels * (made.shape.channels - 1) / 2 : 0;
    size_t values = made.count * (size_t)((3 * made.shape.channels + lambdas) * made.shape.mixtures);
    int32_t *grid = room(values * sizeof *grid);
    for (size_t i = 0; i < values; i++) grid[i] = (int32_t)word(s) >> 16;
    made.parameters.grid = grid;
    made.count *= (size_t)made.shape.channels;
  }
  return made;
}

static void encode_step(const step *t, const uint16_t *symbols, rc_encoder *e) {
  if (t->tables.cdf)
    check(table_encode_lanes(t->tables, symbols, t->pixels, 1, 0, 1, e) < 0, "a table was refused");
  else if (t->parameters.grid)
    check(!mix_encode_lanes(&t->shape, &fuzz_tables, t->parameters, symbols, t->pixels, 1, 0, 1, e), "finite");
  else
    uniform_encode(e, symbols, t->pixels, t->levels);
}

static void decode_step(const step *t, uint16_t *symbols, rc_decoder *d) {
  if (t->tables.cdf)
    check(table_decode_lanes(t->tables, d, t->pixels, 1, 0, 1, symbols) < 0, "a table was refused");
  else if (t->parameters.grid)
    check(!mix_decode_lanes(&t->shape, &fuzz_tables, t->parameters, d, t->pixels, 1, 0, 1, symbols), "finite");
  else
    uniform_decode(d, symbols, t->pixels, t->levels);
}

static uint8_t *encode_steps(const step *steps, int number, size_t count, const uint16_t *symbols, size_t *offsets) {
  uint8_t *out = room(4 * count + 8);
  rc_encoder *e = begin_encoders(out, 4 * count + 8, 1);
  for (int i = 0; i < number; i++) encode_step(&steps[i], symbols + steps[i].first, e);
  uint8_t *bytes = join(e, 4 * count + 8, 1, offsets);
  free(out), free(e);
  return bytes;
}

static void incremental(source *s) {
  step steps[8];
  int number = byte(s) % 9;
  size_t count = 0, offsets[2], others[2];
  for (int i = 0; i < number; i++) {
    steps[i] = choose_step(s, count);
    count += steps[i].count;
  }
  uint16_t *symbols = room(count * sizeof *symbols), *decoded = room(count * sizeof *decoded);
  for (int i = 0; i < number; i++)
    for (size_t n = 0; n < steps[i].count; n++)
      symbols[steps[i].first + n] = (uint16_t)(word(s) % steps[i].levels);
  uint8_t *bytes = encode_steps(steps, number, count, symbols, offsets);
  for (int damaged = 0; damaged < 2; damaged++) {
    if (damaged) bytes = damage(s, bytes, offsets, 1);
    rc_decoder *d = begin_decoders(bytes, offsets, 1);
    if (damaged && !rc_decoder_begins(d)) {
      for (int i = 0; i < 8; i++) check(bytes[i] == 255, "a good beginning is refused");
    } else {
      for (int i = 0; i < number; i++) decode_step(&steps[i], decoded + steps[i].first, d);
      for (int i = 0; i < number; i++)
        for (size_t n = 0; n < steps[i].count; n++)
          check(decoded[steps[i].first + n] < steps[i].levels, "symbol out of range");
      check(d->code < d->range, "the decoder left its interval");
      uint8_t *again = encode_steps(steps, number, count, decoded, others);
      int same = others[1] == offsets[1] && !memcmp(again, bytes, others[1]);
      check(rc_decoder_ends(d, bytes) == same, "a decoder does not know where its stream ends");
      if (!damaged) check(same && !memcmp(symbols, decoded, 2 * count), "round trip of many calls");
      free(again);
    }
    free(d);
  }
  for (int i = 0; i < number; i++) free((void *)steps[i].tables.cdf), free((void *)steps[i].parameters.grid);
  free(symbols), free(decoded), free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  source s = {data, data + size, size};
  for (size_t i = 0; i < size; i++) s.spread = (s.spread ^ data[i]) * 0x9E3779B97F4A7C15u;
  switch (byte(&s) & 3) {
    case 0: tables(&s); break;
    case 3: incremental(&s); break;
    default: mixtures(&s);
  }
  return 0;
}

#ifdef STANDALONE
int main(int argc, char **argv) {
  static uint8_t input[MAX_INPUT];
  if (argc > 2 && !strcmp(argv[1], "-r")) {
    for (int i = 2; i < argc; i++) {
      FILE *file = fopen(argv[i], "rb");
      check(file != NULL, argv[i]);
      size_t size = fread(input, 1, sizeof input, file);
      fclose(file);
      LLVMFuzzerTestOneInput(input, size);
    }
    printf("%d files\n", argc - 2);
    return 0;
  }
  double seconds = argc > 1 ? atof(argv[1]) : 2;
  uint64_t state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
  time_t end = time(NULL) + (time_t)(seconds + 0.5);
  long inputs = 0;
  while (time(NULL) < end)
    for (int i = 0; i < 64; i++, inputs++) {
      size_t size = 0;
      do { /* a third of the inputs is short and goes on by itself */
        input[size++] = (uint8_t)(random_bits(&state) >> 56);
      } while (size < (inputs % 3 ? 256 : 16));
      LLVMFuzzerTestOneInput(input, size);
    }
  printf("%ld inputs\n", inputs);
  return 0;
}
#endif
