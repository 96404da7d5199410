/* Encoding and decoding of many symbols in independent lanes.
 *
 * Pixel p, with all its channels in order, belongs to lane p % lanes. Lanes share nothing, so they can run in
 * any threads, and WIDTH neighbouring lanes in lockstep fill the elements of a vector register.
 */
#ifndef L3C_LANES_H
#define L3C_LANES_H

#include <stddef.h>
#include <stdint.h>

#include "mixture_cdf.h"

/* What a mixture describes; parameters of a pixel in the order logits (C, K), mu (C, K), log sigma (C, K) and,
 * if coupled, lambda (C (C-1) / 2, K). */
typedef struct {
  int32_t channels, levels, mixtures;
  int32_t coupled; /* 0: no lambda; 1: lambda as given; 2: its sigmoid */
} mix_shape;

/* Parameters of all pixels, (pixels, parameters) without gaps; one of the two pointers is set. */
typedef struct {
  const float *real;
  const int32_t *grid;
} mix_parameters;

/* Codes lanes [first, last); lane l goes to out + l * capacity, its length to sizes[l].
 * REQUIRES capacity >= 4 bytes for each of its symbols + 8, symbols (pixels, channels) below levels.
 * Returns 0, or -1 where a parameter is not finite. */
int mix_encode_lanes(const mix_shape *shape, const mix_tables *tables, mix_parameters parameters,
                     const uint16_t *symbols, int64_t pixels, int32_t lanes, int32_t first,
                     int32_t last, uint8_t *out, size_t capacity, size_t *sizes);

/* Inverse: lane l is read from bytes + offsets[l] to bytes + offsets[l + 1]. Any bytes end in symbols. */
int mix_decode_lanes(const mix_shape *shape, const mix_tables *tables, mix_parameters parameters,
                     const uint8_t *bytes, const size_t *offsets, int64_t pixels, int32_t lanes,
                     int32_t first, int32_t last, uint16_t *symbols);

/* CDF of every symbol edge, (pixels, levels + 1), of one channel; for tests and for looking at. `before` holds
 * the symbols (pixels, channels) of which channels before `channel` are read. */
int mix_cdf_tables(const mix_shape *shape, const mix_tables *tables, mix_parameters parameters,
                   const uint16_t *before, int64_t pixels, int32_t channel, uint32_t *cdf);

/* Whether the variant for AVX2 is used: 1 or 0 sets it where the processor allows, -1 asks. The bytes do not
 * depend on it. */
int mix_use_avx2(int wanted);

/* The same coder on given tables: symbol i has the CDF cdf + rows[i] * (levels + 1), or, without rows, the i-th.
 * REQUIRES symbols below levels and rows inside the table. Returns -1, or the number of a symbol whose CDF was
 * found not to increase; whatever the tables hold, nothing is read or written elsewhere. */
int64_t table_encode_lanes(const uint32_t *cdf, const int64_t *rows, int32_t levels,
                           const uint16_t *symbols, int64_t count, int32_t lanes, int32_t first,
                           int32_t last, uint8_t *out, size_t capacity, size_t *sizes);
int64_t table_decode_lanes(const uint32_t *cdf, const int64_t *rows, int32_t levels,
                           const uint8_t *bytes, const size_t *offsets, int64_t count,
                           int32_t lanes, int32_t first, int32_t last, uint16_t *symbols);

/* The first of `count` rows that does not increase strictly from 0 to 2^24, or -1. */
int64_t table_flaw(const uint32_t *cdf, int64_t count, int32_t levels);

#endif
