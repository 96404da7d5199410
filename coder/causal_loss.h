/* Float arithmetic of the causal codec: for training, and for encoders that adapt a network to a tile. Elementary
 * operations of IEEE 754 in a fixed order, so that all machines get the same numbers; decoding needs none of it. */
#ifndef L3C_CAUSAL_LOSS_H
#define L3C_CAUSAL_LOSS_H

#include <stdint.h>

#define CAUSAL_MAX_K 8
#define CAUSAL_FIT_BLOCK 512 /* pixels that causal_fit has room for at a time */

/* Bits of `pixels` RGB pixels x, summed, and their gradient by the parameters (pixels, 12 K): logits (3, K), means as
 * offsets from med (3, K), log sigma (3, K), lambda (3, K): R to G, R to B, G to B; lambda multiplies x - med. */
double causal_loss(const float *params, const int16_t *med, const uint8_t *x, int64_t pixels, int32_t K, float *gradient);

/* Finds numbers that, added to the parameters of all these pixels, make them cost fewer bits: bias (12 K), in units of
 * 2^-6. `params` (pixels, 12 K), on the grids, are what a network puts out; `work` has room for 2 * 12 K * CAUSAL_FIT_BLOCK floats.
 * Returns the bits saved at these pixels, 0 where there is nothing to gain. */
double causal_fit(const int32_t *params, const int16_t *med, const uint8_t *x, int64_t pixels, int32_t K, float *work,
                  int8_t *bias);

#endif
