/* What symbols cost under the mixtures that a network puts out, and the gradient of it; for training, in float32. */
#ifndef L3C_MIXTURE_LOSS_H
#define L3C_MIXTURE_LOSS_H

#include <stdint.h>

#define MIXTURE_LOSS_WIDTH 64 /* pixels of a block */

/* C channels of `levels` symbols, K logistics for each, P parameters in the order of coder.shape.MixtureShape. A parameter
 * is scale y + shift of the network's output y; then `centred` means lose lambda times the means of the channels before;
 * then it is clipped to low..high. A gradient passes within, and above `high` if it leads back. */
typedef struct {
  int32_t channels, levels, mixtures, parameters, sigmoid, centred;
  const float *scale, *shift, *low, *high; /* (P) */
} mixture_units;

/* -log p of `symbols` (pixels, C), summed, in nats; and unless they are NULL its gradients by the network's outputs `raw`
 * (pixels, P), and by the symbols (pixels, C), without what a symbol adds to the means of other channels.
 * `work` has room for 4 P MIXTURE_LOSS_WIDTH floats. */
double mixture_loss(const mixture_units *u, const float *raw, const float *symbols, int64_t pixels, float *gradient,
                    float *by_symbols, float *work);

#endif
