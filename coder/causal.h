/* The engine of the causal codec: predicts each pixel of a tile from those before it, and codes it. CAUSAL.md is the
 * definition; causal_reference.py the same in NumPy.
 */
#ifndef L3C_CAUSAL_H
#define L3C_CAUSAL_H

#include <stddef.h>
#include <stdint.h>

#include "lanes.h"

#define CAUSAL_INPUTS 86
#define CAUSAL_MAX_LAYERS 8
#define CAUSAL_MAX_WIDTH 512
#define CAUSAL_MAX_LANES 16
#define CAUSAL_MAX_OUTPUTS 96 /* 12 K, K <= 8 */
#define CAUSAL_BLOCK 64 /* pixels that go through the network together; a multiple of CAUSAL_MAX_LANES */

/* One layer: sums = bias + weights x, shifted right. Outputs are a multiple of 16, inputs even. */
typedef struct {
  int32_t inputs, outputs;
  const int16_t *weights; /* packed: [outputs / 16][inputs / 2][16][2] */
  const int32_t *bias;    /* with half a unit of the shift, so that shifting rounds */
  const int32_t *shift;   /* 1..24, of each output; all alike but in the last layer */
  int32_t top;            /* hidden layers: the largest unit, below 2^15 */
} causal_layer;

/* REQUIRES what causal.py checks: no sum of a layer leaves 32 bits for any inputs of 16. */
typedef struct {
  int32_t layers, mixtures; /* mixtures: 1, 2, 4 or 8 */
  causal_layer layer[CAUSAL_MAX_LAYERS];
} causal_network;

enum { CAUSAL_PORTABLE, CAUSAL_SSE2, CAUSAL_AVX2, CAUSAL_AVX512, CAUSAL_NEON, CAUSAL_VARIANTS };

/* The instruction set in use, one of the above; `wanted` >= 0 sets it where the processor has it. */
int causal_variant(int wanted);

/* `bias` (12 K), on the coder's grids, is added to all outputs of the network. */

/* Mixture parameters on the coder's grids, (height * width, 12 K), in the order of coding; for tests. */
int causal_parameters(const causal_network *network, const int32_t *bias, const uint8_t *pixels,
                      int64_t height, int64_t width, int32_t *parameters);

/* Codes a tile of RGB pixels in `lanes` lanes, 1, 2, 4, 8 or 16; lane l goes to out + l * capacity, its length to
 * sizes[l].
 * Returns 0, or -1 without memory. */
int causal_encode(const causal_network *network, const int32_t *bias, const mix_tables *tables,
                  const uint8_t *pixels, int64_t height, int64_t width, int32_t lanes, uint8_t *out, size_t capacity,
                  size_t *sizes);

/* Inverse; any bytes end in pixels. */
int causal_decode(const causal_network *network, const int32_t *bias, const mix_tables *tables,
                  const uint8_t *bytes, const size_t *offsets, int64_t height, int64_t width, int32_t lanes,
                  uint8_t *pixels);

/* What the network puts out at the pixels number `places` (y * width + x) of a tile: outputs (count, 12 K) with means as
 * offsets from med (count, 3), and the pixels x (count, 3). */
int causal_sample(const causal_network *network, const uint8_t *pixels, int64_t height, int64_t width,
                  const int64_t *places, int64_t count, int32_t *outputs, int16_t *med, uint8_t *x);

/* Inputs (pixels, CAUSAL_INPUTS), MED and pixels (pixels, 3) of crops (count, height + 3, width + 6, 3) with their margins:
 * three rows above and three columns on either side. For training. Returns 0, or -1 without memory. */
int causal_crop_inputs(const uint8_t *crops, int64_t count, int64_t height, int64_t width, int16_t *inputs, int16_t *med,
                       uint8_t *x);

#endif
