/* See l3c/nn/mixture.py for the formulas. Works on blocks of pixels, parameter by parameter, so that the compiler can use
 * vectors. */
#include "mixture_loss.h"

#include "clones.h"
#include "elementary.h"

#define WIDTH MIXTURE_LOSS_WIDTH
#define MAX_C 31
#define MAX_K 64
#define EACH for (int j = 0; j < WIDTH; j++)

typedef float lane[WIDTH];

/* log of the mass of a symbol's bin under one logistic, and its derivatives by the mean and by log sigma. */
INLINE void log_bin(float x, float last, float mu, float log_sigma, float *log_p, float *by_mu, float *by_sigma) {
  const float width = exponential(-log_sigma), centre = (x - mu) * width;
  const float a = centre + 0.5f * width, b = centre - 0.5f * width;
  const float has_a = x > last - 0.5f ? 0.0f : 1.0f, has_b = x < 0.5f ? 0.0f : 1.0f, inner = has_a * has_b;
  const float ea = exponential(a > 0 ? -a : a), eb = exponential(b > 0 ? -b : b), ew = exponential(-width);
  const float series = width * (1.0f - width / 2 * (1.0f - width / 3 * (1.0f - width / 4 * (1.0f - width / 5 *
                       (1.0f - width / 6)))));
  const float gap = width < 0.5f ? series : 1.0f - ew; /* 1 - e^-width without cancellation */
  const float one_a = 1.0f / (1.0f + ea), one_b = 1.0f / (1.0f + eb);
  const float up = has_a * (a > 0 ? ea * one_a : one_a), down = has_b * (b > 0 ? one_b : eb * one_b);
  const float parts = (1.0f + inner * (gap - 1.0f)) * (1.0f + has_a * (one_a - 1.0f)) * (1.0f + has_b * (one_b - 1.0f));
  *log_p = has_a * (a < 0 ? a : 0.0f) - has_b * (b > 0 ? b : 0.0f) + log_positive(parts);
  *by_mu = (down - up) * width;
  *by_sigma = b * down - a * up - inner * width * ew / gap;
}

/* One channel: adds to `nats`, and sets the gradients by logits, means and log sigma. */
INLINE void channel(int K, float last, lane *logit, lane *mu, lane *log_sigma, const float *x, float *nats, lane *dlogit,
                    lane *dmu, lane *dsigma) {
  lane top, best, sum, total, joint[MAX_K];
  for (int k = 0; k < K; k++)
    EACH {
      log_bin(x[j], last, mu[k][j], log_sigma[k][j], &joint[k][j], &dmu[k][j], &dsigma[k][j]);
      joint[k][j] += logit[k][j];
      top[j] = k && top[j] > logit[k][j] ? top[j] : logit[k][j];
      best[j] = k && best[j] > joint[k][j] ? best[j] : joint[k][j];
    }
  EACH sum[j] = total[j] = 0;
  for (int k = 0; k < K; k++)
    EACH {
      dlogit[k][j] = exponential(logit[k][j] - top[j]);
      joint[k][j] = exponential(joint[k][j] - best[j]);
      sum[j] += dlogit[k][j];
      total[j] += joint[k][j];
    }
  EACH {
    nats[j] += top[j] - best[j] + log_positive(sum[j]) - log_positive(total[j]);
    sum[j] = 1.0f / sum[j];
    total[j] = 1.0f / total[j];
  }
  for (int k = 0; k < K; k++)
    EACH {
      const float r = joint[k][j] * total[j];
      dlogit[k][j] = dlogit[k][j] * sum[j] - r;
      dmu[k][j] *= -r;
      dsigma[k][j] *= -r;
    }
}

INLINE void transpose(const float *rows, int count, int active, lane *v) {
  EACH { /* rows beyond the end repeat the first */
    const float *p = rows + (int64_t)(j < active ? j : 0) * count;
    for (int n = 0; n < count; n++) v[n][j] = p[n];
  }
}

/* The rows of lambda that multiply channel `before` for channel c, in K. */
INLINE int row(int c, int before) { return c * (c - 1) / 2 + before; }

/* Adds sign * sum of lambda times `at` of the channels before to `mean`, of component k of channel c. `at` has `stride`
 * lanes for each channel. */
INLINE void add_before(int c, int k, int K, float sign, lane *lambda, lane *at, int stride, float *mean) {
  for (int before = 0; before < c; before++) {
    const float *l = lambda[row(c, before) * K + k], *a = at[before * stride];
    EACH mean[j] += sign * l[j] * a[j];
  }
}

CLONES
double mixture_loss(const mixture_units *u, const float *raw, const float *symbols, int64_t pixels, float *gradient,
                    float *by_symbols, float *work) {
  const int C = u->channels, K = u->mixtures, P = u->parameters, CK = C * K, coupled = P > 3 * CK;
  const float last = (float)(u->levels - 1);
  /* The network's outputs in units of symbols, the same without what lambda adds, clipped; gradients. */
  lane *v = (lane *)work, *free = v + P, *q = free + P, *g = q + P, *lambda = v + 3 * CK, *dlambda = g + 3 * CK;
  lane x[MAX_C], nats;
  double sum = 0;
  for (int64_t start = 0; start < pixels; start += WIDTH) {
    const int active = pixels - start < WIDTH ? (int)(pixels - start) : WIDTH;
    transpose(raw + start * P, P, active, v);
    transpose(symbols + start * C, C, active, x);
    for (int n = 0; n < P; n++) {
      const float scale = u->scale[n], shift = u->shift[n];
      EACH free[n][j] = v[n][j] = v[n][j] * scale + shift;
    }
    for (int n = K; u->centred && n < CK; n++) add_before(n / K, n % K, K, -1.0f, lambda, v + CK + n % K, K, free[CK + n]);
    for (int n = 0; n < P; n++) {
      const float low = u->low[n], high = u->high[n];
      EACH q[n][j] = free[n][j] < low ? low : free[n][j] > high ? high : free[n][j];
      if (u->sigmoid && n >= 3 * CK) EACH q[n][j] = 1.0f / (1.0f + exponential(-q[n][j]));
    }
    for (int n = K; coupled && n < CK; n++) add_before(n / K, n % K, K, 1.0f, q + 3 * CK, x, 1, q[CK + n]);
    EACH nats[j] = 0;
    for (int n = 0; n < CK; n += K)
      channel(K, last, q + n, q + CK + n, q + 2 * CK + n, x[n / K], nats, g + n, g + CK + n, g + 2 * CK + n);
    for (int j = 0; j < active; j++) sum += (double)nats[j];
    if (!gradient) continue;
    for (int c = 0; by_symbols && c < C; c++)
      for (int j = 0; j < active; j++) {
        float by = 0;
        for (int k = 0; k < K; k++) by -= g[CK + c * K + k][j];
        by_symbols[(start + j) * C + c] = by;
      }
    for (int n = K; coupled && n < CK; n++)
      for (int before = 0; before < n / K; before++) {
        const int l = row(n / K, before) * K + n % K;
        EACH dlambda[l][j] = g[CK + n][j] * x[before][j];
        if (u->sigmoid) EACH dlambda[l][j] *= q[3 * CK + l][j] * (1.0f - q[3 * CK + l][j]);
      }
    for (int n = 0; n < P; n++) { /* below the limit no gradient passes, above it one that leads back */
      const float low = u->low[n], high = u->high[n];
      EACH g[n][j] = free[n][j] >= low && (free[n][j] <= high || g[n][j] > 0) ? g[n][j] : 0.0f;
    }
    for (int n = K; u->centred && n < CK; n++)
      for (int before = 0; before < n / K; before++) {
        const int l = row(n / K, before) * K + n % K, m = before * K + n % K;
        EACH {
          dlambda[l][j] -= g[CK + n][j] * v[CK + m][j];
          g[CK + m][j] -= g[CK + n][j] * lambda[l][j];
        }
      }
    for (int n = 0; n < P; n++) {
      const float scale = u->scale[n];
      EACH g[n][j] *= scale;
    }
    for (int j = 0; j < active; j++) {
      float *to = gradient + (start + j) * P;
      for (int n = 0; n < P; n++) to[n] = g[n][j];
    }
  }
  return sum;
}
