/* What the network of the causal family is shown of a pixel: integers that depend on decoded pixels only.
 *
 * A tile is stored padded: CAUSAL_UP rows above, CAUSAL_SIDE columns on either side (see causal.md). `at` points to
 * the pixel's first channel; its own value is never read.
 */
#ifndef L3C_CAUSAL_FEATURES_H
#define L3C_CAUSAL_FEATURES_H

#include <stdint.h>
#include <string.h>

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

/* 16 log2(v + 1), linear between powers of two, rounded down: the exponent and four bits of the mantissa of v + 1 as a
 * float, which is exact. 0 <= v < 2^24. */
CAUSAL_FUNCTION int32_t causal_log(int32_t v) {
  const float real = (float)(v + 1);
  int32_t bits;
  memcpy(&bits, &real, sizeof bits);
  return (bits >> 19) - 16 * 127;
}

/* By how much MED misses each pixel of a padded tile of `rows` rows; zeros where a neighbour is missing, and in the
 * padding, where MED is always right. */
CAUSAL_FUNCTION void causal_errors(const uint8_t *padded, int64_t row, int64_t rows, uint8_t *errors) {
  memset(errors, 0, (size_t)(row * rows));
  for (int64_t i = row; i < row * rows; i += row)
    for (int64_t j = i + 3; j < i + row; j++)
      errors[j] = (uint8_t)causal_distance(padded[j], causal_med(padded[j - 3], padded[j - row], padded[j - row - 3]));
}

/* The inputs of one pixel; `error` points to the pixel's among those of causal_errors, `row` is the distance of two rows in
 * bytes. */
CAUSAL_FUNCTION void causal_features(const uint8_t *at, const uint8_t *error, int64_t row, int16_t *out, int32_t med[3]) {
  const uint8_t *r1 = at - row, *r2 = r1 - row, *r3 = r2 - row, *e1 = error - row;
  int32_t sums[9];
  for (int c = 0; c < 3; c++) {
    const int32_t W = at[c - 3], N = r1[c], NW = r1[c - 3], NE = r1[c + 3];
    med[c] = causal_med(W, N, NW);
    sums[c] = error[c - 3] + e1[c] + e1[c - 3] + e1[c + 3];
    sums[3 + c] = causal_distance(W, at[c - 6]) + causal_distance(N, NW) + causal_distance(N, NE);
    sums[6 + c] = causal_distance(W, NW) + causal_distance(N, r2[c]) + causal_distance(NE, r2[c + 3]);
  }
  for (int i = 0; i < 9; i++) out[77 + i] = (int16_t)(causal_log(sums[i]) - 64);
  for (int i = 0; i < 21; i++) out[i] = (int16_t)(r3[i - 9] - med[i % 3]);
  for (int i = 0; i < 21; i++) out[21 + i] = (int16_t)(r2[i - 9] - med[i % 3]);
  for (int i = 0; i < 21; i++) out[42 + i] = (int16_t)(r1[i - 9] - med[i % 3]);
  for (int i = 0; i < 9; i++) out[63 + i] = (int16_t)(at[i - 9] - med[i % 3]);
  for (int c = 0; c < 3; c++) out[72 + c] = (int16_t)(med[c] - 128);
  out[75] = (int16_t)(med[0] - med[1]);
  out[76] = (int16_t)(med[2] - med[1]);
}

#endif
