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

#if defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
/* R, G, B and what follows them in registers; what follows is overwritten, or never used. Small integers in 16 bits. */
typedef uint8_t causal_u8x16 __attribute__((vector_size(16)));
typedef int16_t causal_i16x8 __attribute__((vector_size(16)));
typedef int32_t causal_i32x4 __attribute__((vector_size(16)));
typedef int64_t causal_i64x2 __attribute__((vector_size(16)));
typedef float causal_f32x4 __attribute__((vector_size(16)));
#ifdef __clang__
#define CAUSAL_MIX(type, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define CAUSAL_MIX(type, a, b, ...) __builtin_shuffle(a, b, (type){__VA_ARGS__})
#endif

CAUSAL_FUNCTION causal_i16x8 causal_eight(const uint8_t *at) {
  int64_t word;
  memcpy(&word, at, sizeof word);
  const causal_i64x2 low = {word, 0};
  const causal_u8x16 zero = {0};
  return (causal_i16x8)CAUSAL_MIX(causal_u8x16, (causal_u8x16)low, zero, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

/* The first four, none negative, in 32 bits. */
CAUSAL_FUNCTION causal_i32x4 causal_wide(causal_i16x8 v) {
  const causal_i16x8 zero = {0};
  return (causal_i32x4)CAUSAL_MIX(causal_i16x8, v, zero, 0, 8, 1, 9, 2, 10, 3, 11);
}

CAUSAL_FUNCTION causal_i16x8 causal_less(causal_i16x8 a, causal_i16x8 b) {
  const causal_i16x8 which = a < b;
  return b ^ ((a ^ b) & which);
}

CAUSAL_FUNCTION causal_i16x8 causal_more(causal_i16x8 a, causal_i16x8 b) {
  const causal_i16x8 which = a < b;
  return a ^ ((a ^ b) & which);
}

CAUSAL_FUNCTION causal_i16x8 causal_distances(causal_i16x8 a, causal_i16x8 b) { return causal_more(a, b) - causal_less(a, b); }

/* causal_log - 64 of the first four, twice. */
CAUSAL_FUNCTION causal_i16x8 causal_logs(causal_i16x8 sums) {
  const causal_f32x4 real = __builtin_convertvector(causal_wide(sums) + 1, causal_f32x4);
  const causal_i16x8 logs = (causal_i16x8)(((causal_i32x4)real >> 19) - (16 * 127 + 64));
  return CAUSAL_MIX(causal_i16x8, logs, logs, 0, 2, 4, 6, 0, 2, 4, 6);
}

/* Eight channels minus the MED of each, `around` being those. */
CAUSAL_FUNCTION void causal_differences(const uint8_t *at, causal_i16x8 around, int16_t *out) {
  const causal_i16x8 differences = causal_eight(at) - around;
  memcpy(out, &differences, sizeof differences);
}

/* The inputs of one pixel; `error` points to the pixel's among those of causal_errors, `row` is the distance of two rows in
 * bytes. */
CAUSAL_FUNCTION void causal_features(const uint8_t *at, const uint8_t *error, int64_t row, int16_t *out, int32_t med[3]) {
  const uint8_t *r1 = at - row, *r2 = r1 - row, *r3 = r2 - row, *e1 = error - row;
  const causal_i16x8 W = causal_eight(at - 3), N = causal_eight(r1), NW = causal_eight(r1 - 3), NE = causal_eight(r1 + 3);
  const causal_i16x8 m = causal_less(causal_more(W + N - NW, causal_less(W, N)), causal_more(W, N));
  const causal_i16x8 errors = causal_eight(error - 3) + causal_eight(e1) + causal_eight(e1 - 3) + causal_eight(e1 + 3);
  const causal_i16x8 across = causal_distances(W, causal_eight(at - 6)) + causal_distances(N, NW) + causal_distances(N, NE);
  const causal_i16x8 down = causal_distances(W, NW) + causal_distances(N, causal_eight(r2)) +
                            causal_distances(NE, causal_eight(r2 + 3));
  const causal_i16x8 around[3] = {CAUSAL_MIX(causal_i16x8, m, m, 0, 1, 2, 0, 1, 2, 0, 1),
                                  CAUSAL_MIX(causal_i16x8, m, m, 2, 0, 1, 2, 0, 1, 2, 0),
                                  CAUSAL_MIX(causal_i16x8, m, m, 1, 2, 0, 1, 2, 0, 1, 2)};
  const uint8_t *rows[3] = {r3 - 9, r2 - 9, r1 - 9};
  for (int i = 0; i < 3; i++)
    for (int part = 0; part < 3; part++) causal_differences(rows[i] + 8 * part, around[part], out + 21 * i + 8 * part);
  causal_differences(at - 9, around[0], out + 63);
  causal_differences(at - 1, around[1], out + 71);
  const causal_i16x8 middle = {128, 128, 128, 128, 128, 128, 128, 128};
  const causal_i16x8 levels = CAUSAL_MIX(causal_i16x8, m, m, 0, 1, 2, 0, 2, 0, 0, 0) -
                              CAUSAL_MIX(causal_i16x8, m, middle, 8, 8, 8, 1, 1, 8, 8, 8);
  memcpy(out + 72, &levels, 16);
  const causal_i16x8 logs[3] = {causal_logs(errors), causal_logs(across), causal_logs(down)};
  memcpy(out + 77, &logs[0], 8);
  memcpy(out + 80, &logs[1], 8);
  memcpy(out + 83, &logs[2], 6);
  const causal_i32x4 wide = causal_wide(m);
  memcpy(med, &wide, 12);
}
#else
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

#endif
