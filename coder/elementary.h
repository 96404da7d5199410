/* Elementary functions of IEEE 754 operations in a fixed order, without branches, so that loops over them become vectors. */
#ifndef L3C_ELEMENTARY_H
#define L3C_ELEMENTARY_H

#include <stdint.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

/* e^x for x <= 80, relative error below 3e-7; 0 < e^-80 for what is smaller. */
INLINE float exponential(float x) {
  x = x > -80.0f ? x : -80.0f;
  const float t = x * 1.44269504f;
  const int32_t whole = (int32_t)(t + 128.5f) - 128; /* rounds to the nearest: t + 128.5 > 0 */
  const float f = (t - (float)whole) * 0.69314718f;
  float p = 1.0f / 720.0f;
  p = p * f + 1.0f / 120.0f;
  p = p * f + 1.0f / 24.0f;
  p = p * f + 1.0f / 6.0f;
  p = p * f + 0.5f;
  p = p * f + 1.0f;
  p = p * f + 1.0f;
  const int32_t bits = (whole + 127) * (1 << 23);
  float scale;
  memcpy(&scale, &bits, 4);
  return p * scale;
}

/* Natural logarithm of a positive normal number, absolute error below 1e-6. */
INLINE float log_positive(float x) {
  int32_t bits;
  memcpy(&bits, &x, 4);
  bits -= 0x3f3504f3; /* mantissa in [sqrt(1/2), sqrt(2)) */
  const int32_t e = bits >> 23;
  bits = (bits & 0x7fffff) + 0x3f3504f3;
  float m;
  memcpy(&m, &bits, 4);
  const float s = (m - 1.0f) / (m + 1.0f), z = s * s;
  return (float)e * 0.69314718f + 2.0f * s * (1.0f + z * (1.0f / 3 + z * (1.0f / 5 + z * (1.0f / 7))));
}

INLINE float clip(float x, float low, float high) { return x < low ? low : x > high ? high : x; }

#endif
