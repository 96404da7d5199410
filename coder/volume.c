#include "volume.h"

#include <stdlib.h>
#include <string.h>

#include "clones.h"

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

static inline __attribute__((always_inline)) int32_t limited(int32_t value, int32_t least, int32_t most) {
  return value < least ? least : value > most ? most : value;
}

/* First layer: a symbol at a tap adds a row of a table. */
static inline __attribute__((always_inline)) void first_layer(const state *s, int64_t at, int F) {
  const volume_network *n = s->network;
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
static inline __attribute__((always_inline)) void layer(const state *s, int l, int64_t at, int F, int outputs, int32_t *out) {
  const volume_network *n = s->network;
  int32_t sums[2][F_MAX] = {{0}};
  const int16_t *weights = n->weights[l];
  for (int t = 0; t < VOLUME_TAPS; t++) {
    const int16_t *x = s->units[l][t >= 9] + (at + s->taps[t]) * F;
    for (int i = 0; i < F; i += 2) {
      int32_t *sum = sums[i / 2 % 2];
      const int32_t a = x[i], b = x[i + 1];
      for (int o = 0; o < outputs; o++) sum[o] += weights[2 * o] * a + weights[2 * o + 1] * b;
      weights += 2 * outputs;
    }
  }
  for (int o = 0; o < outputs; o++) out[o] = (n->bias[l + 1][o] + sums[0][o] + sums[1][o]) >> n->shift[l + 1][o];
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
static inline __attribute__((always_inline)) void run(state *s, int F, int64_t channels, uint8_t *symbols,
                                                      rc_encoder *encoder, rc_decoder *decoder, int32_t *logits) {
  const volume_network *n = s->network;
  const int64_t h = s->height, w = s->width;
  int32_t out[F_MAX];
  uint32_t cdf[VOLUME_MAX_LEVELS + 1];
  for (int64_t c = -3; c < channels; c++, next_slice(s))
    for (int64_t y = -3; y < h + 3; y++)
      for (int64_t x = -3; x < w + 3; x++) {
        const int64_t at = (y + HALO) * s->row + x + HALO;
        first_layer(s, at, F);
        if (c < -2 || y < -2 || y >= h + 2 || x < -2 || x >= w + 2) continue;
        layer(s, 0, at, F, F, out);
        for (int o = 0; o < F; o++) s->units[1][1][at * F + o] = (int16_t)limited(out[o], 0, n->top);
        if (c < -1 || y < -1 || y > h || x < -1 || x > w) continue;
        layer(s, 1, at, F, F, out);
        const int16_t *skip = s->units[0][1] + at * F;
        for (int o = 0; o < F; o++) s->units[2][1][at * F + o] = (int16_t)limited(out[o] + skip[o], -n->top, n->top);
        if (c < 0 || y < 0 || y >= h || x < 0 || x >= w) continue;
        layer(s, 2, at, F, LAST, out);
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

CLONES
static void go(state *s, int64_t channels, uint8_t *symbols, rc_encoder *encoder, rc_decoder *decoder, int32_t *logits) {
  if (s->network->features == 24) /* the paper's; a constant makes better loops */
    run(s, 24, channels, symbols, encoder, decoder, logits);
  else
    run(s, s->network->features, channels, symbols, encoder, decoder, logits);
}

int volume_encode(const volume_network *network, const uint8_t *symbols, int64_t channels, int64_t height, int64_t width,
                  uint8_t *out, size_t *size) {
  state *s = state_new(network, height, width);
  if (!s) return -1;
  rc_encoder encoder;
  rc_encoder_begin(&encoder, out);
  go(s, channels, (uint8_t *)symbols, &encoder, NULL, NULL);
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
  go(s, channels, symbols, NULL, &decoder, NULL);
  *valid = *valid && rc_decoder_ends(&decoder, bytes);
  state_free(s);
  return 0;
}

int volume_logits(const volume_network *network, const uint8_t *symbols, int64_t channels, int64_t height, int64_t width,
                  int32_t *logits) {
  state *s = state_new(network, height, width);
  if (!s) return -1;
  go(s, channels, (uint8_t *)symbols, NULL, NULL, logits);
  state_free(s);
  return 0;
}
