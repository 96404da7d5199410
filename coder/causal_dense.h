/* Layers of the causal network on blocks of pixels: int16 by int16 to int32, exact. */
#ifndef L3C_CAUSAL_DENSE_H
#define L3C_CAUSAL_DENSE_H

#include "causal.h"

#define CAUSAL_SLOPE 3 /* negative sums of hidden layers are divided by 2^3 */

/* Outputs (pixels, l->outputs) for inputs (pixels, stride): units of a hidden layer, or shifted sums of the last one; the
 * other pointer is NULL. REQUIRES pixels to be a multiple of 8. */
void causal_layer_outputs(const causal_layer *l, const int16_t *x, int64_t stride, int32_t pixels, int16_t *units,
                          int32_t *sums);

#endif
