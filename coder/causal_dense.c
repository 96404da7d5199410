#include "causal_dense.h"

#include <string.h>

#if defined(__GNUC__)
#define UNROLL _Pragma("GCC unroll 8")
#else
#define UNROLL
#endif

/* Instruction sets are chosen at run time; NO_CLONES leaves all but the portable one out. (Windows does not align the
 * stack as their registers need.) */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(_WIN32) && !defined(NO_CLONES)
#define HAVE_X86
#include <immintrin.h>
#elif defined(__aarch64__) && defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && !defined(NO_CLONES)
#define HAVE_NEON
#include <arm_neon.h>
#endif

static inline int32_t two_inputs(const int16_t *p) {
  int32_t both;
  memcpy(&both, p, sizeof both);
  return both;
}

/* ---- portable */

typedef struct {
  int32_t sum[16];
} sums16;
typedef struct {
  const int16_t *at;
} weights16;
typedef struct {
  int32_t first, second;
} inputs2;

static inline sums16 start_portable(const int32_t *p) {
  sums16 a;
  memcpy(&a, p, sizeof a);
  return a;
}

static inline sums16 add_portable(sums16 a, weights16 w, inputs2 x) {
  for (int o = 0; o < 16; o++) a.sum[o] += w.at[2 * o] * x.first + w.at[2 * o + 1] * x.second;
  return a;
}

static inline int16_t unit(int32_t sum, int32_t shift, int32_t top) {
  int32_t y = sum >> shift; /* rounds down, as every compiler we know; the tests would tell */
  y = y > INT16_MAX ? INT16_MAX : y < INT16_MIN ? INT16_MIN : y;
  y = y > y >> CAUSAL_SLOPE ? y : y >> CAUSAL_SLOPE;
  return (int16_t)(y < top ? y : top);
}

#define NAME(function) function##_portable
#define TARGET
#define ROWS 1
#define MORE_ROWS 1
#define GROUPS 1
#define VECTORS 1
#define WEIGHT weights16
#define acc sums16
#define START(p) start_portable(p)
#define PAIR(p) ((inputs2){(p)[0], (p)[1]})
#define WEIGHTS(p, i) ((weights16){p})
#define ADD(a, w, x) add_portable(a, w, x)
#define STORE_SUMS(p, a, shifts) for (int o = 0; o < 16; o++) (p)[o] = (a).sum[o] >> (shifts)[o]
#define STORE_UNITS(p, a, shift, top) for (int o = 0; o < 16; o++) (p)[o] = unit((a)[0].sum[o], shift, top)
#include "causal_tiles.h"

#ifdef HAVE_X86
/* ---- SSE2 */

static inline __attribute__((always_inline)) void store_units_sse2(int16_t *p, const __m128i *a, int32_t shift, int32_t top) {
  const __m128i by = _mm_cvtsi32_si128(shift);
  for (int half = 0; half < 2; half++) {
    const __m128i y = _mm_packs_epi32(_mm_sra_epi32(a[2 * half], by), _mm_sra_epi32(a[2 * half + 1], by));
    const __m128i bent = _mm_max_epi16(y, _mm_srai_epi16(y, CAUSAL_SLOPE));
    _mm_storeu_si128((__m128i *)(p + 8 * half), _mm_min_epi16(bent, _mm_set1_epi16((int16_t)top)));
  }
}

static inline __attribute__((always_inline)) void store_sums_sse2(int32_t *p, __m128i a, const int32_t *shift) {
  int32_t sum[4];
  _mm_storeu_si128((__m128i *)sum, a);
  for (int o = 0; o < 4; o++) p[o] = sum[o] >> shift[o];
}

#define NAME(function) function##_sse2
#define TARGET
#define ROWS 2
#define MORE_ROWS 2
#define GROUPS 1
#define VECTORS 4
#define WEIGHT __m128i
#define acc __m128i
#define START(p) _mm_loadu_si128((const __m128i *)(p))
#define PAIR(p) _mm_set1_epi32(two_inputs(p))
#define WEIGHTS(p, i) _mm_loadu_si128((const __m128i *)(p) + (i))
#define ADD(a, w, x) _mm_add_epi32(a, _mm_madd_epi16(w, x))
#define STORE_SUMS(p, a, shifts) store_sums_sse2(p, a, shifts)
#define STORE_UNITS(p, a, shift, top) store_units_sse2(p, a, shift, top)
#include "causal_tiles.h"

/* ---- AVX2 */

#define AVX2 __attribute__((target("avx2")))

AVX2 static inline __attribute__((always_inline)) void store_units_avx2(int16_t *p, const __m256i *a, int32_t shift, int32_t top) {
  const __m128i by = _mm_cvtsi32_si128(shift);
  const __m256i packed = _mm256_packs_epi32(_mm256_sra_epi32(a[0], by), _mm256_sra_epi32(a[1], by));
  const __m256i y = _mm256_permute4x64_epi64(packed, 0xd8); /* packs works in halves */
  const __m256i bent = _mm256_max_epi16(y, _mm256_srai_epi16(y, CAUSAL_SLOPE));
  _mm256_storeu_si256((__m256i *)p, _mm256_min_epi16(bent, _mm256_set1_epi16((int16_t)top)));
}

#define NAME(function) function##_avx2
#define TARGET AVX2
#define ROWS 4
#define MORE_ROWS 4
#define GROUPS 1
#define VECTORS 2
#define WEIGHT __m256i
#define acc __m256i
#define START(p) _mm256_loadu_si256((const __m256i *)(p))
#define PAIR(p) _mm256_set1_epi32(two_inputs(p))
#define WEIGHTS(p, i) _mm256_loadu_si256((const __m256i *)(p) + (i))
#define ADD(a, w, x) _mm256_add_epi32(a, _mm256_madd_epi16(w, x))
#define STORE_SUMS(p, a, shifts)           \
  _mm256_storeu_si256((__m256i *)(p), _mm256_srav_epi32(a, _mm256_loadu_si256((const __m256i *)(shifts))))
#define STORE_UNITS(p, a, shift, top) store_units_avx2(p, a, shift, top)
#include "causal_tiles.h"

/* ---- AVX-512 with VNNI */

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni")))

AVX512 static inline __attribute__((always_inline)) void store_units_avx512(int16_t *p, const __m512i *a, int32_t shift, int32_t top) {
  const __m256i y = _mm512_cvtsepi32_epi16(_mm512_sra_epi32(a[0], _mm_cvtsi32_si128(shift)));
  const __m256i bent = _mm256_max_epi16(y, _mm256_srai_epi16(y, CAUSAL_SLOPE));
  _mm256_storeu_si256((__m256i *)p, _mm256_min_epi16(bent, _mm256_set1_epi16((int16_t)top)));
}

/* As _mm512_dpwssd_epi32, in place: gcc 12 copies all sums in each step of the loop. */
AVX512 static inline __attribute__((always_inline)) __m512i add_avx512(__m512i a, __m512i w, __m512i x) {
  __asm__("vpdpwssd %2, %1, %0" : "+v"(a) : "v"(w), "v"(x));
  return a;
}

#define NAME(function) function##_avx512
#define TARGET AVX512
#define ROWS 8
#define MORE_ROWS 8
#define GROUPS 3
#define VECTORS 1
#define WEIGHT __m512i
#define acc __m512i
#define START(p) _mm512_loadu_si512(p)
#define PAIR(p) _mm512_set1_epi32(two_inputs(p))
#define WEIGHTS(p, i) _mm512_loadu_si512(p)
#define ADD(a, w, x) add_avx512(a, w, x)
#define STORE_SUMS(p, a, shifts) _mm512_storeu_si512(p, _mm512_srav_epi32(a, _mm512_loadu_si512(shifts)))
#define STORE_UNITS(p, a, shift, top) store_units_avx512(p, a, shift, top)
#include "causal_tiles.h"
#endif

#ifdef HAVE_NEON
static inline __attribute__((always_inline)) int32x4_t add_neon(int32x4_t a, const int16_t *at, int32_t both) {
  const int16x4x2_t w = vld2_s16(at); /* first and second weight of four outputs */
  a = vmlal_n_s16(a, w.val[0], (int16_t)both);
  return vmlal_n_s16(a, w.val[1], (int16_t)(both >> 16));
}

static inline __attribute__((always_inline)) void store_units_neon(int16_t *p, const int32x4_t *a, int32_t shift, int32_t top) {
  const int32x4_t by = vdupq_n_s32(-shift);
  for (int half = 0; half < 2; half++) {
    const int16x8_t y = vcombine_s16(vqmovn_s32(vshlq_s32(a[2 * half], by)), vqmovn_s32(vshlq_s32(a[2 * half + 1], by)));
    const int16x8_t bent = vmaxq_s16(y, vshrq_n_s16(y, CAUSAL_SLOPE));
    vst1q_s16(p + 8 * half, vminq_s16(bent, vdupq_n_s16((int16_t)top)));
  }
}

#define NAME(function) function##_neon
#define TARGET
#define ROWS 4
#define MORE_ROWS 4
#define GROUPS 1
#define VECTORS 4
#define WEIGHT const int16_t *
#define acc int32x4_t
#define START(p) vld1q_s32(p)
#define PAIR(p) two_inputs(p)
#define WEIGHTS(p, i) ((p) + 8 * (i))
#define ADD(a, w, x) add_neon(a, w, x)
#define STORE_SUMS(p, a, shifts) vst1q_s32(p, vshlq_s32(a, vnegq_s32(vld1q_s32(shifts))))
#define STORE_UNITS(p, a, shift, top) store_units_neon(p, a, shift, top)
#include "causal_tiles.h"
#endif

static int available(int variant) {
  switch (variant) {
    case CAUSAL_PORTABLE: return 1;
#ifdef HAVE_X86
    case CAUSAL_SSE2: return 1;
    case CAUSAL_AVX2: return __builtin_cpu_supports("avx2") != 0;
    case CAUSAL_AVX512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
#endif
#ifdef HAVE_NEON
    case CAUSAL_NEON: return 1;
#endif
    default: return 0;
  }
}

static int variant_in_use = -1;

int causal_variant(int wanted) {
  const int before = variant_in_use;
  if (wanted >= 0 && available(wanted)) variant_in_use = wanted;
  if (variant_in_use < 0)
    for (int v = 0; v < CAUSAL_VARIANTS; v++)
      if (available(v)) variant_in_use = v;
  if (variant_in_use != before) /* the coder goes with it */
    mix_variant(variant_in_use == CAUSAL_AVX512 ? MIX_AVX512 : variant_in_use == CAUSAL_AVX2 ? MIX_AVX2 : MIX_PORTABLE);
  return variant_in_use;
}

void causal_layer_outputs(const causal_layer *l, const int16_t *x, int64_t stride, int32_t pixels, int16_t *units,
                          int32_t *sums) {
  switch (causal_variant(-1)) {
#ifdef HAVE_X86
    case CAUSAL_SSE2: layer_sse2(l, x, stride, pixels, units, sums); return;
    case CAUSAL_AVX2: layer_avx2(l, x, stride, pixels, units, sums); return;
    case CAUSAL_AVX512: layer_avx512(l, x, stride, pixels, units, sums); return;
#endif
#ifdef HAVE_NEON
    case CAUSAL_NEON: layer_neon(l, x, stride, pixels, units, sums); return;
#endif
    default: layer_portable(l, x, stride, pixels, units, sums);
  }
}
