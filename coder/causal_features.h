/* What the network of the causal family is shown of a pixel: integers that depend on decoded pixels only.
 *
 * A tile is stored padded: CAUSAL_UP rows above, CAUSAL_SIDE columns on either side (see causal.md). `at` points to
 * the pixel's first channel; its own value is never read.
 */
#ifndef L3C_CAUSAL_FEATURES_H
#define L3C_CAUSAL_FEATURES_H

#include <stdint.h>

#include "causal.h"

#define CAUSAL_UP 3
#define CAUSAL_SIDE 3
#define CAUSAL_CHANNELS 3
#define CAUSAL_NEIGHBOURS 24

#define CAUSAL_FUNCTION static inline __attribute__((always_inline))

/* Median of left, up, and the plane through left, up and their common neighbour. */
CAUSAL_FUNCTION int32_t causal_med(int32_t left, int32_t up, int32_t corner) {
  const int32_t low = left < up ? left : up, high = left < up ? up : left;
  const int32_t plane = left + up - corner;
  return plane < low ? low : plane > high ? high : plane;
}

CAUSAL_FUNCTION int32_t causal_distance(int32_t a, int32_t b) { return a < b ? b - a : a - b; }

/* 16 log2(v + 1), linear between powers of two, rounded down. 0 <= v < 2^24. */
CAUSAL_FUNCTION int32_t causal_log(int32_t v) {
  const int32_t e = 31 - __builtin_clz((uint32_t)v + 1);
  return 16 * e + (int32_t)((((int64_t)(v + 1) << 4) >> e) - 16);
}

/* The inputs of one pixel; `row` is the distance of two rows in bytes. */
CAUSAL_FUNCTION void causal_features(const uint8_t *at, int64_t row, int16_t *out, int32_t med[3]) {
  const uint8_t *r1 = at - row, *r2 = r1 - row, *r3 = r2 - row;
  for (int c = 0; c < 3; c++) {
    const int32_t W = at[c - 3], WW = at[c - 6], N = r1[c], NW = r1[c - 3], NE = r1[c + 3], NWW = r1[c - 6];
    const int32_t NN = r2[c], NNW = r2[c - 3], NNE = r2[c + 3], NNWW = r2[c - 6];
    med[c] = causal_med(W, N, NW);
    int32_t error = causal_distance(W, causal_med(WW, NW, NWW)) + causal_distance(N, causal_med(NW, NN, NNW)) +
                    causal_distance(NW, causal_med(NWW, NNW, NNWW)) + causal_distance(NE, causal_med(N, NNE, NN));
    out[77 + c] = (int16_t)(causal_log(error) - 64);
    out[80 + c] = (int16_t)(causal_log(causal_distance(W, WW) + causal_distance(N, NW) + causal_distance(N, NE)) - 64);
    out[83 + c] = (int16_t)(causal_log(causal_distance(W, NW) + causal_distance(N, NN) + causal_distance(NE, NNE)) - 64);
  }
  for (int i = 0; i < 21; i++) out[i] = (int16_t)(r3[i - 9] - med[i % 3]);
  for (int i = 0; i < 21; i++) out[21 + i] = (int16_t)(r2[i - 9] - med[i % 3]);
  for (int i = 0; i < 21; i++) out[42 + i] = (int16_t)(r1[i - 9] - med[i % 3]);
  for (int i = 0; i < 9; i++) out[63 + i] = (int16_t)(at[i - 9] - med[i % 3]);
  for (int c = 0; c < 3; c++) out[72 + c] = (int16_t)(med[c] - 128);
  out[75] = (int16_t)(med[0] - med[1]);
  out[76] = (int16_t)(med[2] - med[1]);
}

#endif
