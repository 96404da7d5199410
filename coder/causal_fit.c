#include <math.h>
#include <stddef.h>

#include "causal_loss.h"
#include "clones.h"
#include "mixture_cdf.h"

#define STEPS 3
#define DAMPING 0.3
#define MOST 96 /* 12 K */
#define BIAS_BITS 6

/* Fractional bits of parameter n of 12 K. */
static int grid_bits(int n, int K) {
  const int kind = n / (3 * K);
  return kind == 0 ? MIX_LOGIT_BITS : kind == 1 ? MIX_MU_BITS : kind == 2 ? MIX_LOG_SIGMA_BITS : MIX_LAMBDA_BITS;
}

CLONES
static void apply(const int32_t *params, const double *bias, int64_t pixels, int K, float *out) {
  const int count = 12 * K;
  float unit[MOST], add[MOST];
  for (int n = 0; n < count; n++) {
    unit[n] = 1.0f / (float)(1 << grid_bits(n, K));
    add[n] = (float)bias[n];
  }
  for (int64_t i = 0; i < pixels; i++)
    for (int n = 0; n < count; n++) out[i * count + n] = (float)params[i * count + n] * unit[n] + add[n];
}

/* Adds the gradients and their products to sums; of products[a], what lies beyond a is not used. */
CLONES
static void accumulate(const float *gradient, int64_t pixels, int count, float products[MOST][MOST], float *sums) {
  for (int64_t i = 0; i < pixels; i++) {
    const float *g = gradient + i * count;
    for (int a = 0; a < count; a++) {
      const int end = (a + 16) / 16 * 16 < count ? (a + 16) / 16 * 16 : count; /* whole vectors */
      sums[a] += g[a];
      for (int b = 0; b < end; b++) products[a][b] += g[a] * g[b];
    }
  }
}

/* Solves F d = g for the symmetric F, which is overwritten; F is positive definite by its damping. */
static void solve(int count, double F[MOST][MOST], const double *g, double *d) {
  for (int a = 0; a < count; a++) {
    for (int b = 0; b <= a; b++) {
      double sum = F[a][b];
      for (int c = 0; c < b; c++) sum -= F[a][c] * F[b][c];
      F[a][b] = a == b ? sqrt(sum) : sum / F[b][b];
    }
  }
  for (int a = 0; a < count; a++) {
    d[a] = g[a];
    for (int c = 0; c < a; c++) d[a] -= F[a][c] * d[c];
    d[a] /= F[a][a];
  }
  for (int a = count; a-- > 0;) {
    for (int c = a + 1; c < count; c++) d[a] -= F[c][a] * d[c];
    d[a] /= F[a][a];
  }
}

/* Bits of the pixels with a bias, and what `accumulate` makes of the gradients, if its sums are wanted. */
static double cost(const int32_t *params, const double *bias, const int16_t *med, const uint8_t *x, int64_t pixels, int K,
                   float *work, float products[MOST][MOST], float *sums) {
  float *moved = work, *gradient = work + CAUSAL_FIT_BLOCK * 12 * K;
  double bits = 0;
  for (int64_t i = 0; i < pixels; i += CAUSAL_FIT_BLOCK) {
    const int64_t block = pixels - i < CAUSAL_FIT_BLOCK ? pixels - i : CAUSAL_FIT_BLOCK;
    apply(params + i * 12 * K, bias, block, K, moved);
    bits += causal_loss(moved, med + 3 * i, x + 3 * i, block, K, gradient);
    if (sums) accumulate(gradient, block, 12 * K, products, sums);
  }
  return bits;
}

double causal_fit(const int32_t *params, const int16_t *med, const uint8_t *x, int64_t pixels, int32_t K, float *work,
                  int8_t *bias) {
  const int count = 12 * K;
  double now[MOST] = {0}, first = 0;
  static const double nats = 0.69314718055994531;
  const int64_t half = (pixels + 1) / 2;
  for (int step = 0; step < STEPS; step++) {
    /* Fisher scoring: gradients by the parameters stand in for second derivatives; all pixels in the last step only */
    const int64_t used = step + 1 == STEPS ? pixels : half;
    float products[MOST][MOST] = {{0}}, sums[MOST] = {0};
    const double bits = cost(params, now, med, x, used, K, work, products, sums);
    if (step == 0) first = bits;
    double F[MOST][MOST], mean[MOST], d[MOST];
    for (int a = 0; a < count; a++) {
      mean[a] = nats * (double)sums[a] / (double)used;
      for (int b = 0; b <= a; b++) F[a][b] = nats * nats * (double)products[a][b] / (double)used;
      F[a][a] += DAMPING * F[a][a] + 1e-4;
    }
    solve(count, F, mean, d);
    for (int a = 0; a < count; a++) {
      now[a] -= d[a];
      now[a] = now[a] < 1.98 ? now[a] > -1.98 ? now[a] : -1.98 : 1.98; /* a number in any case */
    }
  }
  for (int a = 0; a < count; a++) {
    bias[a] = (int8_t)floor(now[a] * (1 << BIAS_BITS) + 0.5);
    now[a] = (double)bias[a] / (1 << BIAS_BITS);
  }
  const double saved = (first - cost(params, now, med, x, half, K, work, NULL, NULL)) * (double)pixels / (double)half;
  return saved > 0 ? saved : 0;
}
