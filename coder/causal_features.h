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
/* R, G, B and what follows them in registers; what follows is overwritten, or never used. */
typedef uint8_t causal_u8x4 __attribute__((vector_size(4)));
typedef uint8_t causal_u8x8 __attribute__((vector_size(8)));
typedef int16_t causal_i16x4 __attribute__((vector_size(8)));
typedef int16_t causal_i16x8 __attribute__((vector_size(16)));
typedef int32_t causal_i32x4 __attribute__((vector_size(16)));
typedef float causal_f32x4 __attribute__((vector_size(16)));

CAUSAL_FUNCTION causal_i32x4 causal_four(const uint8_t *at) {
  causal_u8x4 bytes;
  memcpy(&bytes, at, sizeof bytes);
  return __builtin_convertvector(bytes, causal_i32x4);
}

CAUSAL_FUNCTION causal_i32x4 causal_choose(causal_i32x4 which, causal_i32x4 a, causal_i32x4 b) {
  return b ^ ((a ^ b) & which);
}

CAUSAL_FUNCTION causal_i32x4 causal_distances(causal_i32x4 a, causal_i32x4 b) {
  const causal_i32x4 sign = a < b, difference = a - b;
  return (difference ^ sign) - sign;
}

/* causal_log - 64 of each. */
CAUSAL_FUNCTION causal_i16x4 causal_logs(causal_i32x4 sums) {
  const causal_f32x4 real = __builtin_convertvector(sums + 1, causal_f32x4);
  causal_i32x4 bits;
  memcpy(&bits, &real, sizeof bits);
  return __builtin_convertvector((bits >> 19) - (16 * 127 + 64), causal_i16x4);
}

/* Eight channels minus the MED of each, `around` being those. */
CAUSAL_FUNCTION void causal_differences(const uint8_t *at, causal_i16x8 around, int16_t *out) {
  causal_u8x8 bytes;
  memcpy(&bytes, at, sizeof bytes);
  const causal_i16x8 differences = __builtin_convertvector(bytes, causal_i16x8) - around;
  memcpy(out, &differences, sizeof differences);
}

/* The inputs of one pixel; `error` points to the pixel's among those of causal_errors, `row` is the distance of two rows in
 * bytes. */
CAUSAL_FUNCTION void causal_features(const uint8_t *at, const uint8_t *error, int64_t row, int16_t *out, int32_t med[3]) {
  const uint8_t *r1 = at - row, *r2 = r1 - row, *r3 = r2 - row, *e1 = error - row;
  const causal_i32x4 W = causal_four(at - 3), N = causal_four(r1), NW = causal_four(r1 - 3), NE = causal_four(r1 + 3);
  const causal_i32x4 left = W < N, low = causal_choose(left, W, N), high = causal_choose(left, N, W), plane = W + N - NW;
  const causal_i32x4 m = causal_choose(plane < low, low, causal_choose(plane > high, high, plane));
  const causal_i32x4 errors = causal_four(error - 3) + causal_four(e1) + causal_four(e1 - 3) + causal_four(e1 + 3);
  const causal_i32x4 across = causal_distances(W, causal_four(at - 6)) + causal_distances(N, NW) + causal_distances(N, NE);
  const causal_i32x4 down = causal_distances(W, NW) + causal_distances(N, causal_four(r2)) +
                            causal_distances(NE, causal_four(r2 + 3));
  const causal_i16x4 logs[3] = {causal_logs(errors), causal_logs(across), causal_logs(down)};
  const causal_i16x4 short_m = __builtin_convertvector(m, causal_i16x4), level = short_m - 128;
  causal_i16x8 all = {0};
  memcpy(&all, &short_m, sizeof short_m);
#ifdef __clang__
  const causal_i16x8 around[3] = {__builtin_shufflevector(all, all, 0, 1, 2, 0, 1, 2, 0, 1),
                                  __builtin_shufflevector(all, all, 2, 0, 1, 2, 0, 1, 2, 0),
                                  __builtin_shufflevector(all, all, 1, 2, 0, 1, 2, 0, 1, 2)};
#else
  const causal_i16x8 around[3] = {__builtin_shuffle(all, (causal_i16x8){0, 1, 2, 0, 1, 2, 0, 1}),
                                  __builtin_shuffle(all, (causal_i16x8){2, 0, 1, 2, 0, 1, 2, 0}),
                                  __builtin_shuffle(all, (causal_i16x8){1, 2, 0, 1, 2, 0, 1, 2})};
#endif
  const uint8_t *rows[3] = {r3 - 9, r2 - 9, r1 - 9};
  for (int i = 0; i < 3; i++)
    for (int part = 0; part < 3; part++) causal_differences(rows[i] + 8 * part, around[part], out + 21 * i + 8 * part);
  causal_differences(at - 9, around[0], out + 63);
  out[71] = (int16_t)(at[-1] - m[2]);
  memcpy(out + 72, &level, 6);
  out[75] = (int16_t)(m[0] - m[1]);
  out[76] = (int16_t)(m[2] - m[1]);
  for (int kind = 0; kind < 3; kind++) memcpy(out + 77 + 3 * kind, &logs[kind], 6);
  memcpy(med, &m, 12);
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
