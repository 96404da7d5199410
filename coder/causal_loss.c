/* Cost in bits of pixels under mixtures of logistics, with the gradient; for training, in float32.
 *
 * Works on blocks of WIDTH pixels, parameter by parameter, so that the compiler can use vectors.
 */
#include "causal_loss.h"

#include "clones.h"
#include "elementary.h"

#define WIDTH 64

typedef float lane[WIDTH] __attribute__((aligned(64)));

/* One channel at WIDTH pixels; `shift` is what lambda adds to the means, dshift the gradient by it. */
INLINE void channel(int K, const lane *logit, const lane *mu, const lane *scale, const lane *shift, const float *x,
                    float *bits, lane *dlogit, lane *dmu, lane *dscale) {
  const float floor_ = 0x1p-24f, rest = 1.0f - 256.0f * 0x1p-24f, to_bits = 1.44269504f;
  lane top, sum, p, P[CAUSAL_MAX_K], dm[CAUSAL_MAX_K], ds[CAUSAL_MAX_K], w[CAUSAL_MAX_K];
  for (int j = 0; j < WIDTH; j++) top[j] = logit[0][j];
  for (int k = 1; k < K; k++)
    for (int j = 0; j < WIDTH; j++) top[j] = logit[k][j] > top[j] ? logit[k][j] : top[j];
  for (int j = 0; j < WIDTH; j++) sum[j] = 0, p[j] = 0;
  for (int k = 0; k < K; k++) {
    for (int j = 0; j < WIDTH; j++) {
      const float weight = exponential(logit[k][j] - top[j]);
      const float raw = scale[k][j], s = clip(raw, -7.0f, 8.0f);
      const float inverse = exponential(-s), away = x[j] - mu[k][j] - shift[k][j];
      /* The mirror image has the same bin and no cancellation: d <= 0. */
      const float side = away > 0 ? -1.0f : 1.0f, d = away * side;
      const float least = x[j] <= 0 ? 1.0f : 0.0f, most = x[j] >= 255 ? 1.0f : 0.0f; /* bins without an end */
      const float no_low = away > 0 ? most : least, no_high = away > 0 ? least : most;
      const float low = (d - 0.5f) * inverse, high = (d + 0.5f) * inverse;
      const float el = exponential(low), eh = exponential(high > 0 ? -high : high);
      const float one_l = 1.0f / (1.0f + el), one_h = 1.0f / (1.0f + eh);
      const float below_h = eh * one_h, cl = el * one_l * (1.0f - no_low), fl = cl * one_l;
      const float inside = high > 0 ? one_h : below_h;
      const float ch = inside + no_high * (1.0f - inside), fh = below_h * one_h * (1.0f - no_high);
      const float curve = high * fh - low * fl;
      w[k][j] = weight;
      sum[j] += weight;
      P[k][j] = ch - cl;
      dm[k][j] = -side * (fh - fl) * inverse;
      ds[k][j] = s == raw ? -curve : 0.0f;
      p[j] += w[k][j] * P[k][j];
    }
  }
  for (int j = 0; j < WIDTH; j++) {
    const float one = 1.0f / sum[j];
    p[j] *= one;
    const float q = p[j] * rest + floor_;
    bits[j] += -to_bits * log_positive(q);
    sum[j] = one;
    top[j] = -to_bits * rest / q; /* d bits / d p */
  }
  for (int k = 0; k < K; k++)
    for (int j = 0; j < WIDTH; j++) {
      const float wk = w[k][j] * sum[j];
      dlogit[k][j] = top[j] * wk * (P[k][j] - p[j]);
      dmu[k][j] = top[j] * wk * dm[k][j];
      dscale[k][j] = top[j] * wk * ds[k][j];
    }
}

/* What lambda adds to the means of channel c. */
INLINE void shifts(int K, int c, const lane *lambda, const lane *off, lane *shift) {
  for (int k = 0; k < K; k++)
    for (int j = 0; j < WIDTH; j++)
      shift[k][j] = c == 0 ? 0 : c == 1 ? lambda[k][j] * off[0][j] : lambda[K + k][j] * off[0][j] + lambda[2 * K + k][j] * off[1][j];
}

/* Reads WIDTH pixels from `from` on; those beyond the end repeat the first. */
INLINE void transpose(const float *params, int count, int64_t from, int active, lane *v) {
  for (int j = 0; j < WIDTH; j++) {
    const float *p = params + (from + (j < active ? j : 0)) * count;
    for (int n = 0; n < count; n++) v[n][j] = p[n];
  }
}

CLONES
double causal_loss(const float *params, const int16_t *med, const uint8_t *x, int64_t pixels, int32_t K, float *gradient) {
  const int count = 12 * K;
  double total = 0;
  lane v[12 * CAUSAL_MAX_K], g[12 * CAUSAL_MAX_K], symbol[3], off[3], bits, shift[CAUSAL_MAX_K];
  for (int64_t start = 0; start < pixels; start += WIDTH) {
    const int active = pixels - start < WIDTH ? (int)(pixels - start) : WIDTH;
    transpose(params, count, start, active, v);
    for (int j = 0; j < WIDTH; j++) {
      const int64_t i = start + (j < active ? j : 0);
      bits[j] = 0;
      for (int c = 0; c < 3; c++) {
        symbol[c][j] = x[3 * i + c];
        off[c][j] = (float)(x[3 * i + c] - med[3 * i + c]);
      }
    }
    for (int n = 0; n < 3 * K; n++)
      for (int j = 0; j < WIDTH; j++) v[3 * K + n][j] += symbol[n / K][j] - off[n / K][j];
    const lane *lambda = v + 9 * K;
    lane *dmu = g + 3 * K, *dlambda = g + 9 * K;
    for (int c = 0; c < 3; c++) {
      shifts(K, c, lambda, off, shift);
      channel(K, v + c * K, v + (3 + c) * K, v + (6 + c) * K, shift, symbol[c], bits, g + c * K, g + (3 + c) * K,
              g + (6 + c) * K);
    }
    for (int k = 0; k < K; k++)
      for (int j = 0; j < WIDTH; j++) {
        dlambda[k][j] = dmu[K + k][j] * off[0][j];
        dlambda[K + k][j] = dmu[2 * K + k][j] * off[0][j];
        dlambda[2 * K + k][j] = dmu[2 * K + k][j] * off[1][j];
      }
    for (int j = 0; j < active; j++) {
      total += (double)bits[j];
      for (int n = 0; n < count; n++) gradient[(start + j) * count + n] = g[n][j];
    }
  }
  return total;
}
