/* Feeds hostile streams and parameters to the C core: lanes.c and the two headers under it.
 *
 * An input chooses a number of lanes and the calls that code in them, each with its symbols: under mixtures of any
 * shape and parameters (any bits: NaN, infinities, denormals, any int32), on CDFs, or, in a single lane, equally probable;
 * and a stream: random bytes, or a valid stream that is cut and whose bits are flipped. Checked at each:
 *
 *   - what is decoded from any bytes lies below `levels`;
 *   - a lane does not outgrow the capacity that lanes.h asks for;
 *   - what was coded decodes to itself, whatever the parameters, lanes coded in one call or in two;
 *   - encoder, decoder and CDFs agree on whether the parameters are finite;
 *   - every CDF runs from 0 to 2^24 and strictly increases;
 *   - a lane's decoder knows whether the bytes are those of an encoder;
 *   - the portable variant and the one for AVX2 give the same bytes and symbols.
 */
#include "fuzz.h"
#include "lanes.h"

extern const mix_tables fuzz_tables;

/* One call for part of all lanes: under mixtures, on CDFs or, with neither, equally probable. */
typedef struct {
  mix_shape shape;
  mix_parameters parameters;
  cdf_tables tables;
  uint32_t levels;
  int64_t pixels;
  size_t first, count; /* symbols */
} step;

/* All calls. */
typedef struct {
  step steps[4];
  int number;
  int32_t lanes, cut; /* where two threads divide the lanes */
  uint8_t variants;   /* bits: each direction and part by the portable variant or by AVX2's */
  size_t count, capacity;
} calls;

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

static void choose_mixtures(source *s, step *made) {
  uint8_t first = byte(s), large = byte(s); /* the largest numbers, seldom and one at a time: they are slow */
  mix_shape *shape = &made->shape;
  *shape = (mix_shape){1 + (first & 3), choose_levels(s), 1 + (first >> 2 & 3), (first >> 4) % 3};
  if (large % 128 == 7) shape->channels = 31, shape->mixtures = 1; /* coupled means of 32 would not fit 32 bits */
  if (large % 128 == 8) shape->channels = 1, shape->mixtures = 64;
  made->levels = (uint32_t)shape->levels;
  made->pixels = byte(s) % (shape->channels == 31 ? 2 : 13);
  made->count = (size_t)made->pixels * (size_t)shape->channels;
  const int32_t lambdas = shape->coupled ? shape->channels * (shape->channels - 1) / 2 : 0;
  const size_t numbers = (size_t)made->pixels * (size_t)((3 * shape->channels + lambdas) * shape->mixtures);
  const uint8_t kind = byte(s), bits = kind >> 1 & 7; /* few of any bits: one NaN spoils all */
  if (kind & 1) {
    float *real = room(numbers * sizeof *real);
    for (size_t i = 0; i < numbers; i++) real[i] = choose_float(s, bits < 6 ? 0 : bits - 5);
    made->parameters.real = real;
  } else {
    int32_t *grid = room(numbers * sizeof *grid);
    for (size_t i = 0; i < numbers; i++) grid[i] = (int32_t)word(s) >> (kind >> 3);
    made->parameters.grid = grid;
  }
}

/* Valid CDFs, as arguments.py has checked them, of any increasing steps: of each symbol, one for all, or by rows. */
static void choose_tables(source *s, step *made) {
  int32_t levels = choose_levels(s);
  levels = levels > 256 ? 1 + levels % 1024 : levels; /* longer tables are only slower */
  const uint8_t how = byte(s);
  made->pixels = byte(s) % (levels > 256 ? 4 : 65);
  made->count = (size_t)made->pixels;
  made->levels = (uint32_t)levels;
  const int64_t rows = how & 1 ? made->pixels : how & 2 ? 1 : 1 + how % 3;
  const size_t width = (size_t)levels + 1;
  uint32_t *cdf = room((size_t)rows * width * sizeof *cdf);
  for (int64_t r = 0; r < rows; r++) {
    uint32_t *row = cdf + (size_t)r * width, at = 0, left = (1u << 24) - (uint32_t)levels;
    const uint32_t most = byte(s) & 1 ? left : 2 * (left / (uint32_t)levels) + 1;
    for (int32_t v = 0; v < levels; v++) {
      row[v] = at + (uint32_t)v;
      uint32_t rise = levels > 512 ? left / (uint32_t)(levels - v) : word(s) % most;
      rise = rise > left ? left : rise;
      at += rise, left -= rise;
    }
    row[levels] = 1u << 24;
  }
  int64_t *which = NULL;
  if (!(how & 3)) {
    which = room(made->count * sizeof *which);
    for (size_t i = 0; i < made->count; i++) which[i] = byte(s) % rows;
  }
  made->tables = (cdf_tables){cdf, which, levels, !(how & 1) && how & 2};
}

static calls choose_calls(source *s) {
  calls c = {0};
  c.lanes = byte(s) & 1 ? 1 : 1 + byte(s) % 20;
  c.cut = byte(s) % (c.lanes + 1);
  c.variants = byte(s);
  c.number = byte(s) % (c.lanes > 1 ? 3 : 5);
  c.capacity = 8;
  for (int i = 0; i < c.number; i++) {
    step *made = &c.steps[i];
    const uint8_t kind = byte(s) & 7;
    if (kind == 0 && c.lanes == 1) {
      made->levels = 1 + (word(s) & (byte(s) & 1 ? 0xffff : 0xff));
      made->count = (size_t)(made->pixels = byte(s) % 5);
    } else if (kind < 3) {
      choose_tables(s, made);
    } else {
      choose_mixtures(s, made);
    }
    made->first = c.count;
    c.count += made->count;
    const int64_t longest = (made->pixels + c.lanes - 1) / c.lanes;
    c.capacity += 4 * (size_t)longest * (made->shape.channels ? (size_t)made->shape.channels : 1);
  }
  return c;
}

/* Codes lanes [first, last) of one call; returns whether its parameters are finite. */
static int encode_part(const step *t, const uint16_t *symbols, int32_t lanes, int32_t first, int32_t last, rc_encoder *e) {
  symbols += t->first;
  if (t->tables.cdf)
    check(table_encode_lanes(t->tables, symbols, t->pixels, lanes, first, last, e) < 0, "a table was refused");
  else if (t->shape.channels)
    return !mix_encode_lanes(&t->shape, &fuzz_tables, t->parameters, symbols, t->pixels, lanes, first, last, e);
  else if (first < last)
    uniform_encode(e, symbols, t->pixels, t->levels);
  return 1;
}

static int decode_part(const step *t, uint16_t *symbols, int32_t lanes, int32_t first, int32_t last, rc_decoder *d) {
  symbols += t->first;
  if (t->tables.cdf)
    check(table_decode_lanes(t->tables, d, t->pixels, lanes, first, last, symbols) < 0, "a table was refused");
  else if (t->shape.channels)
    return !mix_decode_lanes(&t->shape, &fuzz_tables, t->parameters, d, t->pixels, lanes, first, last, symbols);
  else if (first < last)
    uniform_decode(d, symbols, t->pixels, t->levels);
  return 1;
}

/* The lanes one after the other, as range_coder.py joins them, and where each begins. */
static uint8_t *encode(const calls *c, const uint16_t *symbols, uint8_t variants, size_t *offsets, int *finite) {
  uint8_t *out = room((size_t)c->lanes * c->capacity);
  rc_encoder *e = room((size_t)c->lanes * sizeof *e);
  for (int32_t l = 0; l < c->lanes; l++) rc_encoder_begin(&e[l], out + (size_t)l * c->capacity);
  *finite = 1;
  for (int i = 0; i < c->number; i++) {
    mix_variant(variants & 1);
    *finite &= encode_part(&c->steps[i], symbols, c->lanes, 0, c->cut, e);
    mix_variant(variants >> 1 & 1);
    *finite &= encode_part(&c->steps[i], symbols, c->lanes, c->cut, c->lanes, e + c->cut);
  }
  offsets[0] = 0;
  for (int32_t l = 0; l < c->lanes; l++) {
    const size_t size = rc_encoder_end(&e[l]);
    check(size <= c->capacity, "a lane outgrew its capacity");
    offsets[l + 1] = offsets[l] + size;
  }
  uint8_t *bytes = room(offsets[c->lanes]);
  for (int32_t l = 0; l < c->lanes; l++) memcpy(bytes + offsets[l], e[l].start, offsets[l + 1] - offsets[l]);
  free(out), free(e);
  return bytes;
}

/* Decoders of all lanes after all calls. */
static rc_decoder *decode(const calls *c, const uint8_t *bytes, const size_t *offsets, uint8_t variants, uint16_t *symbols,
                          int *finite) {
  rc_decoder *d = room((size_t)c->lanes * sizeof *d);
  for (int32_t l = 0; l < c->lanes; l++) rc_decoder_begin(&d[l], bytes + offsets[l], offsets[l + 1] - offsets[l]);
  *finite = 1;
  for (int i = 0; i < c->number; i++) {
    mix_variant(variants & 1);
    *finite &= decode_part(&c->steps[i], symbols, c->lanes, 0, c->cut, d);
    mix_variant(variants >> 1 & 1);
    *finite &= decode_part(&c->steps[i], symbols, c->lanes, c->cut, c->lanes, d + c->cut);
  }
  return d;
}

/* Damages a stream as the input says: bits flipped, cut short or replaced, other lengths of lanes. */
static uint8_t *damage(source *s, uint8_t *bytes, size_t *offsets, int32_t lanes) {
  size_t size = offsets[lanes];
  const uint8_t how = byte(s);
  if (how & 1) {
    for (int flips = how >> 5; flips >= 0 && size; flips--) bytes[word(s) % size] ^= (uint8_t)(1 << (byte(s) & 7));
  }
  if (how & 2) size = size ? word(s) % size : 0;
  if (how & 4) size = word(s) % 64;
  uint8_t *made = room(size);
  const int fill = byte(s) & 3;
  if (how & 4)
    for (size_t i = 0; i < size; i++) made[i] = fill == 0 ? 0 : fill == 1 ? 255 : byte(s);
  else
    memcpy(made, bytes, size);
  free(bytes);
  for (int32_t l = 1; l < lanes; l++) {
    size_t end = how & 8 && size ? word(s) % (size + 1) : offsets[l];
    end = end > size ? size : end;
    offsets[l] = end < offsets[l - 1] ? offsets[l - 1] : end;
  }
  offsets[lanes] = size;
  return made;
}

/* Each lane's decoder, at the end, against what an encoder of the decoded symbols writes. */
static void check_ends(const calls *c, const uint8_t *bytes, const size_t *offsets, const rc_decoder *d,
                       const uint16_t *symbols) {
  int finite;
  size_t others[21];
  uint8_t *again = encode(c, symbols, c->variants, others, &finite);
  for (int32_t l = 0; l < c->lanes; l++) {
    const uint8_t *lane = bytes + offsets[l];
    const size_t size = offsets[l + 1] - offsets[l];
    rc_decoder fresh;
    rc_decoder_begin(&fresh, lane, size);
    if (!rc_decoder_begins(&fresh)) {
      for (int i = 0; i < 8; i++) check(lane[i] == 255, "a good beginning is refused");
      continue;
    }
    check(d[l].code < d[l].range, "the decoder left its interval");
    const int same = others[l + 1] - others[l] == size && !memcmp(again + others[l], lane, size);
    check(rc_decoder_ends(&d[l], lane) == same, "a decoder does not know where its stream ends");
  }
  free(again);
}

static void check_cdfs(source *s, const step *t, const uint16_t *symbols) {
  const mix_shape *shape = &t->shape;
  if (!shape->channels || !t->pixels || shape->levels > 256 || shape->mixtures > 4) return;
  const int32_t channel = byte(s) % shape->channels;
  const size_t row = (size_t)shape->levels + 1;
  uint32_t *cdf = room((size_t)t->pixels * row * sizeof *cdf);
  mix_cdf_tables(shape, &fuzz_tables, t->parameters, symbols + t->first, t->pixels, channel, cdf);
  for (size_t p = 0; p < (size_t)t->pixels; p++) {
    check(cdf[p * row] == 0 && cdf[p * row + row - 1] == 1u << 24, "ends of a CDF");
    for (size_t v = 1; v < row; v++) check(cdf[p * row + v - 1] < cdf[p * row + v], "a CDF does not increase");
  }
  free(cdf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  source s = begin(data, size);
  calls c = choose_calls(&s);
  size_t offsets[21];
  int finite, same;
  uint16_t *symbols = room(c.count * sizeof *symbols), *decoded = room(c.count * sizeof *decoded);
  uint16_t *other = room(c.count * sizeof *other);
  for (int i = 0; i < c.number; i++)
    for (size_t n = 0; n < c.steps[i].count; n++)
      symbols[c.steps[i].first + n] = (uint16_t)(word(&s) % c.steps[i].levels);
  uint8_t *bytes = encode(&c, symbols, c.variants, offsets, &finite);
  rc_decoder *d = decode(&c, bytes, offsets, c.variants >> 2, decoded, &same);
  check(same == finite, "encoder and decoder differ on what is finite");
  if (finite) {
    check(!memcmp(symbols, decoded, c.count * sizeof *symbols), "round trip");
    check_ends(&c, bytes, offsets, d, decoded);
    for (int i = 0; i < c.number; i++) check_cdfs(&s, &c.steps[i], symbols);
  }
  free(d);

  bytes = damage(&s, bytes, offsets, c.lanes);
  free(decode(&c, bytes, offsets, 3, other, &same));
  d = decode(&c, bytes, offsets, 0, decoded, &same);
  for (int i = 0; i < c.number; i++)
    for (size_t n = 0; n < c.steps[i].count; n++)
      check(decoded[c.steps[i].first + n] < c.steps[i].levels, "symbol out of range");
  check(!memcmp(other, decoded, c.count * sizeof *other), "AVX2 decodes hostile bytes otherwise");
  if (finite) check_ends(&c, bytes, offsets, d, decoded);
  for (int i = 0; i < c.number; i++) {
    free((void *)c.steps[i].tables.cdf), free((void *)c.steps[i].tables.rows);
    free((void *)c.steps[i].parameters.grid), free((void *)c.steps[i].parameters.real);
  }
  free(d), free(symbols), free(decoded), free(other), free(bytes);
  return 0;
}
