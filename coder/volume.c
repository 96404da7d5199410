#include "volume.h"

#include <stdlib.h>
#include <string.h>

/* Chosen at run time; NO_CLONES leaves only the portable variant. (Windows does not align the stack as needed.) */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(_WIN32) && !defined(NO_CLONES)
#define HAVE_X86
#include <immintrin.h>
#endif

#define HALO 4 /* around a slice: as far as four layers see */
#define F_MAX VOLUME_MAX_FEATURES
#define LAST 16 /* outputs of the last layer, of which levels are used */

typedef struct {
  const volume_network *network;
  int64_t height, width, row, slice; /* row: positions of one, halo included; slice: of one */
  int64_t taps[VOLUME_TAPS];         /* from a position, within its slice; the first 9 are in the slice before */
  uint8_t *symbols[2];               /* the slice before, and this one; outside the image symbol 0 */
  int16_t *units[VOLUME_HIDDEN][2];  /* outputs of the first three layers, (slice, features) */
} state;

static void state_free(state *s) {
  for (int i = 0; i < 2; i++) {
    free(s->symbols[i]);
    for (int l = 0; l < VOLUME_HIDDEN; l++) free(s->units[l][i]);
  }
  free(s);
}

static state *state_new(const volume_network *network, int64_t height, int64_t width) {
  state *s = calloc(1, sizeof *s);
  if (!s) return NULL;
  s->network = network;
  s->height = height, s->width = width;
  s->row = width + 2 * HALO, s->slice = s->row * (height + 2 * HALO);
  int ok = 1;
  for (int i = 0; i < 2; i++) {
    ok &= (s->symbols[i] = calloc((size_t)s->slice, 1)) != NULL;
    for (int l = 0; l < VOLUME_HIDDEN; l++)
      ok &= (s->units[l][i] = calloc((size_t)(s->slice * network->features), sizeof(int16_t))) != NULL;
  }
  for (int t = 0; t < 9; t++) s->taps[t] = (t / 3 - 1) * s->row + t % 3 - 1;
  for (int t = 0; t < 5; t++) s->taps[9 + t] = t < 3 ? t - 1 - s->row : t - 4;
  if (ok) return s;
  state_free(s);
  return NULL;
}

static void next_slice(state *s) {
  uint8_t *symbols = s->symbols[0];
  s->symbols[0] = s->symbols[1], s->symbols[1] = symbols;
  memset(symbols, 0, (size_t)s->slice);
  for (int l = 0; l < VOLUME_HIDDEN; l++) {
    int16_t *units = s->units[l][0];
    s->units[l][0] = s->units[l][1], s->units[l][1] = units;
  }
}

static inline int32_t limited(int32_t value, int32_t least, int32_t most) {
  return value < least ? least : value > most ? most : value;
}

/* First layer: a symbol at a tap adds a row of a table. */
static void first_layer(const state *s, int64_t at) {
  const volume_network *n = s->network;
  const int F = n->features;
  int32_t sums[F_MAX];
  memcpy(sums, n->bias[0], sizeof(int32_t) * (size_t)F);
  for (int t = 0; t < VOLUME_TAPS - 1; t++) {
    const int symbol = s->symbols[t >= 9][at + s->taps[t]];
    const int32_t *added = n->first + (t * n->levels + symbol) * F;
    for (int o = 0; o < F; o++) sums[o] += added[o];
  }
  int16_t *out = s->units[0][1] + at * F;
  for (int o = 0; o < F; o++) out[o] = (int16_t)limited(sums[o] >> n->shift[0][o], 0, n->top);
}

/* Sums of layer l + 1, shifted, from the units of layer l. */
static void layer_portable(const state *s, int l, int64_t at, int F, int outputs, int32_t *out) {
  const volume_network *n = s->network;
  int32_t sums[F_MAX];
  memcpy(sums, n->bias[l + 1], sizeof(int32_t) * (size_t)outputs);
  const int16_t *weights = n->weights[l];
  for (int t = 0; t < VOLUME_TAPS; t++) {
    const int16_t *x = s->units[l][t >= 9] + (at + s->taps[t]) * F;
    for (int i = 0; i < F; i += 2, weights += 2 * outputs)
      for (int o = 0; o < outputs; o++) sums[o] += weights[2 * o] * x[i] + weights[2 * o + 1] * x[i + 1];
  }
  for (int o = 0; o < outputs; o++) out[o] = sums[o] >> n->shift[l + 1][o];
}

#ifdef HAVE_X86
#define AVX2 __attribute__((target("avx2")))

/* Of 8 * groups outputs. Even and odd pairs of inputs have sums of their own: shorter chains. */
AVX2 static inline __attribute__((always_inline)) void outputs_avx2(const state *s, int l, int64_t at, int F, int outputs,
                                                                    int from, const int groups, int32_t *out) {
  const volume_network *n = s->network;
  __m256i sums[2][3];
  for (int g = 0; g < groups; g++) {
    sums[0][g] = _mm256_loadu_si256((const __m256i *)(n->bias[l + 1] + from) + g);
    sums[1][g] = _mm256_setzero_si256();
  }
  const int16_t *weights = n->weights[l] + 2 * from;
  for (int t = 0; t < VOLUME_TAPS; t++) {
    const int16_t *x = s->units[l][t >= 9] + (at + s->taps[t]) * F;
    for (int i = 0; i < F; i += 4)
      for (int odd = 0; odd < 2; odd++, weights += 2 * outputs) {
        int32_t pair;
        memcpy(&pair, x + i + 2 * odd, sizeof pair);
        const __m256i both = _mm256_set1_epi32(pair);
        for (int g = 0; g < groups; g++)
          sums[odd][g] = _mm256_add_epi32(
              sums[odd][g], _mm256_madd_epi16(_mm256_loadu_si256((const __m256i *)weights + g), both));
      }
  }
  for (int g = 0; g < groups; g++) {
    const __m256i shift = _mm256_loadu_si256((const __m256i *)(n->shift[l + 1] + from) + g);
    const __m256i sum = _mm256_add_epi32(sums[0][g], sums[1][g]);
    _mm256_storeu_si256((__m256i *)(out + from) + g, _mm256_srav_epi32(sum, shift));
  }
}

AVX2 static void layer_avx2(const state *s, int l, int64_t at, int F, int outputs, int32_t *out) {
  if (F == 24 && outputs == 24) { /* the paper's; constants make better loops */
    outputs_avx2(s, l, at, 24, 24, 0, 3, out);
    return;
  }
  int from = 0;
  for (; from + 16 <= outputs; from += 16) outputs_avx2(s, l, at, F, outputs, from, 2, out);
  if (from < outputs) outputs_avx2(s, l, at, F, outputs, from, 1, out);
}
#endif

static int use_avx2 = -1;

int volume_use_avx2(int wanted) {
  int there = 0;
#ifdef HAVE_X86
  there = __builtin_cpu_supports("avx2") != 0;
#endif
  if (wanted >= 0 || use_avx2 < 0) use_avx2 = wanted != 0 && there;
  return use_avx2;
}

static inline void layer(const state *s, int l, int64_t at, int outputs, int32_t *out) {
#ifdef HAVE_X86
  if (use_avx2) {
    layer_avx2(s, l, at, s->network->features, outputs, out);
    return;
  }
#endif
  layer_portable(s, l, at, s->network->features, outputs, out);
}

/* CDF (levels + 1) of logits >= 0 in units of 1/64. The weight of the largest is 2^16, so that the normalizer is below
 * 2^32 and products below 2^48; adding v keeps every frequency >= 1. */
static void make_cdf(const volume_network *n, const int32_t *logits, uint32_t *cdf) {
  int32_t most = 0;
  for (int v = 0; v < n->levels; v++) most = logits[v] > most ? logits[v] : most;
  uint32_t sum[VOLUME_MAX_LEVELS + 1] = {0};
  for (int v = 0; v < n->levels; v++) {
    const int32_t below = most - logits[v];
    sum[v + 1] = sum[v] + (uint32_t)n->exp[below < VOLUME_EXP_ENTRIES ? below : VOLUME_EXP_ENTRIES - 1];
  }
  const uint64_t factor = ((uint64_t)(RC_TOTAL - (uint32_t)n->levels) << 24) / sum[n->levels];
  for (int v = 0; v < n->levels; v++) cdf[v] = (uint32_t)((sum[v] * factor) >> 24) + (uint32_t)v;
  cdf[n->levels] = RC_TOTAL;
}

/* Goes through the volume in the order of coding. `symbols` are read, or filled if there is a decoder. */
static void run(state *s, int64_t channels, uint8_t *symbols, rc_encoder *encoder, rc_decoder *decoder, int32_t *logits) {
  const volume_network *n = s->network;
  const int F = n->features;
  const int64_t h = s->height, w = s->width;
  volume_use_avx2(-1);
  int32_t out[F_MAX];
  uint32_t cdf[VOLUME_MAX_LEVELS + 1];
  for (int64_t c = -3; c < channels; c++, next_slice(s))
    for (int64_t y = -3; y < h + 3; y++)
      for (int64_t x = -3; x < w + 3; x++) {
        const int64_t at = (y + HALO) * s->row + x + HALO;
        first_layer(s, at);
        if (c < -2 || y < -2 || y >= h + 2 || x < -2 || x >= w + 2) continue;
        layer(s, 0, at, F, out);
        for (int o = 0; o < F; o++) s->units[1][1][at * F + o] = (int16_t)limited(out[o], 0, n->top);
        if (c < -1 || y < -1 || y > h || x < -1 || x > w) continue;
        layer(s, 1, at, F, out);
        const int16_t *skip = s->units[0][1] + at * F;
        for (int o = 0; o < F; o++) s->units[2][1][at * F + o] = (int16_t)limited(out[o] + skip[o], -n->top, n->top);
        if (c < 0 || y < 0 || y >= h || x < 0 || x >= w) continue;
        layer(s, 2, at, LAST, out);
        for (int v = 0; v < n->levels; v++) out[v] = out[v] > 0 ? out[v] : 0;
        if (logits) {
          memcpy(logits, out, sizeof(int32_t) * (size_t)n->levels);
          logits += n->levels;
        } else {
          make_cdf(n, out, cdf);
        }
        if (encoder) rc_encode(encoder, cdf[*symbols], cdf[*symbols + 1]);
        if (decoder) {
          const uint32_t target = rc_target(decoder);
          int v = 0;
          while (cdf[v + 1] <= target) v++;
          rc_consume(decoder, cdf[v], cdf[v + 1]);
          *symbols = (uint8_t)v;
        }
        s->symbols[1][at] = *symbols++;
      }
}

int volume_encode(const volume_network *network, const uint8_t *symbols, int64_t channels, int64_t height, int64_t width,
                  uint8_t *out, size_t *size) {
  state *s = state_new(network, height, width);
  if (!s) return -1;
  rc_encoder encoder;
  rc_encoder_begin(&encoder, out);
  run(s, channels, (uint8_t *)symbols, &encoder, NULL, NULL);
  *size = rc_encoder_end(&encoder);
  state_free(s);
  return 0;
}

int volume_decode(const volume_network *network, const uint8_t *bytes, size_t size, int64_t channels, int64_t height,
                  int64_t width, uint8_t *symbols, int *valid) {
  state *s = state_new(network, height, width);
  if (!s) return -1;
  rc_decoder decoder;
  rc_decoder_begin(&decoder, bytes, size);
  *valid = rc_decoder_begins(&decoder);
  run(s, channels, symbols, NULL, &decoder, NULL);
  *valid = *valid && rc_decoder_ends(&decoder, bytes);
  state_free(s);
  return 0;
}

int volume_logits(const volume_network *network, const uint8_t *symbols, int64_t channels, int64_t height, int64_t width,
                  int32_t *logits) {
  state *s = state_new(network, height, width);
  if (!s) return -1;
  run(s, channels, (uint8_t *)symbols, NULL, NULL, logits);
  state_free(s);
  return 0;
}
