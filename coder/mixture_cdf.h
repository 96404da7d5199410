/* Integer CDF of a discretized logistic mixture: the one definition that CPU and GPU code include.
 *
 * From parameters on their integer grids to the CDF everything is integer arithmetic with tables; no step
 * can overflow and none depends on rounding modes, vector width or device. CDF.md derives the bounds that the
 * comments quote. reference.py mirrors this file line by line; tables.py makes the tables.
 */
#ifndef L3C_MIXTURE_CDF_H
#define L3C_MIXTURE_CDF_H

#ifdef __CUDACC_RTC__ /* run-time compilation brings no C headers (cuda.py) */
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
#else
#include <stdint.h>
#endif

#ifdef __CUDACC__
#define MIX_FUNCTION static __device__ __host__ __forceinline__
#else
#define MIX_FUNCTION static inline __attribute__((always_inline))
#endif

#define MIX_LOGIT_BITS 6
#define MIX_MU_BITS 8
#define MIX_LOG_SIGMA_BITS 6
#define MIX_LAMBDA_BITS 12
#define MIX_LOGIT_LIMIT (1 << 20)
#define MIX_MU_LIMIT (1 << 26)
#define MIX_LAMBDA_LIMIT (1 << 14)
#define MIX_LAMBDA_RAW_LIMIT (1 << 16)
#define MIX_LOG_SIGMA_MIN (-7 * (1 << MIX_LOG_SIGMA_BITS))
#define MIX_LOG_SIGMA_MAX (8 * (1 << MIX_LOG_SIGMA_BITS))
#define MIX_FREQUENCY_BITS 24
#define MIX_SIGMOID_STEP_BITS 10
#define MIX_SIGMOID_OFFSET (1 << 20) /* 16 on the grid of the argument */
#define MIX_EXP_ENTRIES 1024
#define MIX_MAX_MIXTURES 64

typedef struct {
  const int32_t *sigmoid, *scales, *exp; /* scales: 2^16 / sigma, then reach, for each log sigma */
} mix_tables;

/* sigmoid(t) * 2^24, linear between table entries 1/64 apart.
 * REQUIRES |t| <= 2^20, t in units of 2^-16. Non-decreasing in t: the table is, and so is each chord. */
MIX_FUNCTION int32_t mix_sigmoid(int32_t t, const int32_t *sigmoid) {
  int32_t at = t + MIX_SIGMOID_OFFSET;
  int32_t entry = at >> MIX_SIGMOID_STEP_BITS;
  int32_t part = at & ((1 << MIX_SIGMOID_STEP_BITS) - 1);
  int32_t low = sigmoid[entry];
  return low + (((sigmoid[entry + 1] - low) * part) >> MIX_SIGMOID_STEP_BITS); /* < 2^17 * 2^10 */
}

/* 2^24 * sigmoid((edge - mu) / sigma). edge and mu on the grid of mu, |edge - mu| < 2^31.
 * |difference| <= reach makes |difference * inverse| <= 2^28 and the argument at most 2^20. */
MIX_FUNCTION int32_t mix_logistic(int32_t edge, int32_t mu, int32_t inverse, int32_t reach,
                                  const int32_t *sigmoid) {
  int32_t difference = edge - mu;
  difference = difference > reach ? reach : difference;
  difference = difference < -reach ? -reach : difference;
  return mix_sigmoid((difference * inverse) >> MIX_MU_BITS, sigmoid);
}

/* The upper edge of symbol v - 1 and lower edge of symbol v, v - 1/2, on the grid of mu. */
MIX_FUNCTION int32_t mix_edge(int32_t v) {
  return v * (1 << MIX_MU_BITS) - (1 << (MIX_MU_BITS - 1));
}

/* Factor that turns sum_k weight_k * logistic_k into a CDF. weights >= 2^16, levels < 2^24: below 2^32. */
MIX_FUNCTION uint32_t mix_normalizer(uint32_t weights, int32_t levels) {
  uint64_t span = (1u << MIX_FREQUENCY_BITS) - (uint32_t)levels;
  return (uint32_t)((span << 24) / weights);
}

/* CDF at the lower edge of v, 0 < v < levels, from sum = sum_k weight_k * logistic_k <= weights * 2^24.
 * sum >> 16 < 2^32 for up to 255 components; the product is at most (2^24 - levels) * 2^32. Adding v keeps
 * every frequency >= 1 and the CDF below 2^24. */
MIX_FUNCTION uint32_t mix_cdf(uint64_t sum, uint32_t normalizer, int32_t v) {
  return (uint32_t)(((uint64_t)(uint32_t)(sum >> 16) * normalizer) >> 32) + (uint32_t)v;
}

/* Weight of a component, its logit `below` the largest of the mixture, >= 0. */
MIX_FUNCTION int32_t mix_weight(int32_t below, const int32_t *exp) {
  return exp[below < MIX_EXP_ENTRIES ? below : MIX_EXP_ENTRIES - 1];
}

/* lambda (2^-12) from the raw output of the network on the same grid. */
MIX_FUNCTION int32_t mix_lambda_sigmoid(int32_t raw, const int32_t *sigmoid) {
  int32_t t = raw * 16; /* |raw| <= 2^16, t in units of 2^-16 */
  return mix_sigmoid(t, sigmoid) >> 12;
}

/* lambda * x on the grid of mu. |lambda| <= 2^14, 0 <= x < 2^16. */
MIX_FUNCTION int32_t mix_shift(int32_t lambda, int32_t x) {
  return (lambda * x) >> (MIX_LAMBDA_BITS - MIX_MU_BITS);
}

#endif
