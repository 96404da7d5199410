/* Codes volumes of symbols (channels, rows, columns), each given the 5 x 9 x 9 before it in raster order, by a network of
 * four masked layers of 2 x 3 x 3 taps: CPM's context model in integers (VOLUME.md).
 *
 * Once a symbol is known, each layer has one new position to compute, from kept outputs of the layer below: decoding costs
 * what a convolution of the whole volume costs.
 */
#ifndef L3C_VOLUME_H
#define L3C_VOLUME_H

#include <stddef.h>
#include <stdint.h>

#include "range_coder.h"

#define VOLUME_TAPS 14 /* open ones of 18: 9 in the channel before, 3 in the row above, the left one, the position itself */
#define VOLUME_HIDDEN 3
#define VOLUME_MAX_FEATURES 64
#define VOLUME_MAX_LEVELS 16
#define VOLUME_EXP_ENTRIES 1024 /* of exp, 2^16 e^(-d / 64) */

/* REQUIRES what volume.py checks: no partial sum leaves 32 bits for inputs within +-top; features are a multiple of 8. */
typedef struct {
  int32_t features, levels, top;
  const int32_t *first;                      /* (13, levels, features): what a symbol at a tap adds */
  const int16_t *weights[VOLUME_HIDDEN];     /* packed: [14][features / 2][outputs][2]; outputs of the last: 16 */
  const int32_t *bias[VOLUME_HIDDEN + 1];    /* of `first` too, with half a unit of the shift */
  const int32_t *shift[VOLUME_HIDDEN + 1];   /* 1..24, of each output */
  const int32_t *exp;
} volume_network;

/* Each returns 0, or -1 without memory. Symbols are below levels; room for 4 bytes a symbol and 8 for the end. */
int volume_encode(const volume_network *network, const uint8_t *symbols, int64_t channels, int64_t height, int64_t width,
                  uint8_t *out, size_t *size);

/* Inverse; any bytes end in symbols. *valid: whether an encoder writes these bytes. */
int volume_decode(const volume_network *network, const uint8_t *bytes, size_t size, int64_t channels, int64_t height,
                  int64_t width, uint8_t *symbols, int *valid);

/* Logits of all symbols, (channels height width, levels), in units of 1 / 64. */
int volume_logits(const volume_network *network, const uint8_t *symbols, int64_t channels, int64_t height, int64_t width,
                  int32_t *logits);

/* Whether the variant for AVX2 is used: 1 or 0 sets it where the processor allows, -1 asks. The bytes do not depend on it. */
int volume_use_avx2(int wanted);

#endif
