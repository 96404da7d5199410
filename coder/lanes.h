/* Encoding and decoding of many symbols, in independent lanes or in a single one.
 *
 * Pixel p, with all its channels in order, belongs to lane p % lanes. Lanes share nothing, so they can run in
 * any threads, and WIDTH neighbouring lanes in lockstep fill the elements of a vector register.
 *
 * The caller begins and ends the lanes' coders, of which these functions get those of lanes [first, last), one
 * after the other. A single lane may be coded in any number of calls, of any functions.
 */
#ifndef L3C_LANES_H
#define L3C_LANES_H

#include <stddef.h>
#include <stdint.h>

#include "mixture_cdf.h"
#include "range_coder.h"

/* What a mixture describes; parameters of a pixel in the order logits (C, K), mu (C, K), log sigma (C, K) and,
 * if coupled, lambda (C (C-1) / 2, K). */
typedef struct {
  int32_t channels, levels, mixtures;
  int32_t coupled; /* 0: no lambda; 1: lambda as given; 2: its sigmoid */
} mix_shape;

/* Parameters of all pixels, (pixels, parameters) without gaps; one of the two pointers is set. With `columns`, `grid` is
 * (parameters, columns) instead: number n of pixel p is grid[n * columns + p]. REQUIRES then that columns exceeds the
 * pixels by MIX_MARGIN. */
typedef struct {
  const float *real;
  const int32_t *grid;
  int64_t columns;
} mix_parameters;

#define MIX_MARGIN 16

/* Codes lanes [first, last). REQUIRES room for 4 bytes a symbol in each, and 8 for its end, symbols (pixels,
 * channels) below levels. Returns 0, or -1 where a parameter is not finite. */
int mix_encode_lanes(const mix_shape *shape, const mix_tables *tables, mix_parameters parameters,
                     const uint16_t *symbols, int64_t pixels, int32_t lanes, int32_t first,
                     int32_t last, rc_encoder *encoders);

/* Inverse. Any bytes end in symbols. */
int mix_decode_lanes(const mix_shape *shape, const mix_tables *tables, mix_parameters parameters,
                     rc_decoder *decoders, int64_t pixels, int32_t lanes, int32_t first,
                     int32_t last, uint16_t *symbols);

/* CDF of every symbol edge, (pixels, levels + 1), of one channel; for tests and for looking at. `before` holds
 * the symbols (pixels, channels) of which channels before `channel` are read. */
int mix_cdf_tables(const mix_shape *shape, const mix_tables *tables, mix_parameters parameters,
                   const uint16_t *before, int64_t pixels, int32_t channel, uint32_t *cdf);

enum { MIX_PORTABLE, MIX_AVX2, MIX_AVX512 };

/* The variant in use; `wanted` >= 0 sets it, or the best below that the processor has. The bytes do not depend on it.
 * That for AVX-512 takes parameters in columns alone; others go to that for AVX2. */
int mix_variant(int wanted);

/* CDFs of `levels` + 1 entries each. Symbol i has number rows[i], or, without rows, the i-th, or the only one. */
typedef struct {
  const uint32_t *cdf;
  const int64_t *rows;
  int32_t levels, shared;
} cdf_tables;

/* The same coder on given tables. REQUIRES symbols below levels and rows inside the table. Returns -1, or the
 * number of a symbol whose CDF was found not to increase; whatever the tables hold, nothing is read or written
 * elsewhere. */
int64_t table_encode_lanes(cdf_tables tables, const uint16_t *symbols, int64_t count,
                           int32_t lanes, int32_t first, int32_t last, rc_encoder *encoders);
int64_t table_decode_lanes(cdf_tables tables, rc_decoder *decoders, int64_t count,
                           int32_t lanes, int32_t first, int32_t last, uint16_t *symbols);

/* The first of `count` rows that does not increase strictly from 0 to 2^24, or -1. */
int64_t table_flaw(const uint32_t *cdf, int64_t count, int32_t levels);

/* The same coder in one lane, all symbols equally probable. REQUIRES symbols below levels, 1 <= levels <= 2^16. */
void uniform_encode(rc_encoder *encoder, const uint16_t *symbols, int64_t count, uint32_t levels);
void uniform_decode(rc_decoder *decoder, uint16_t *symbols, int64_t count, uint32_t levels);

#endif
