#include "lanes.h"

#include <math.h>
#include <string.h>

#define TOGETHER 8 /* searches in tables */
#define GROUP 64 /* lanes of which each takes a step before the next: memory is read in its order */
#define MAX_CHANNELS 31
#define MORE_STEPS 3 /* of a guided search, beyond those of halving alone */

/* A variant for AVX2 is chosen at run time where the processor has it; NO_CLONES leaves it out. (Windows does not
 * align the stack as its registers need.) */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(_WIN32) && !defined(NO_CLONES)
#define HAVE_AVX2
#include <immintrin.h>
#endif

#ifdef __GNUC__
#define ALIGNED __attribute__((aligned(4 * WIDTH)))
#else
#define ALIGNED
#endif
#ifdef __GNUC__
#define PREFETCH(address) __builtin_prefetch(address)
#else
#define PREFETCH(address) ((void)0)
#endif
#define AHEAD 16 /* symbols whose tables are asked for early */
#define INLINE static inline __attribute__((always_inline))

INLINE int32_t coefficients(const mix_shape *s) {
  return s->coupled ? s->channels * (s->channels - 1) / 2 : 0;
}

INLINE int32_t parameter_count(const mix_shape *s) {
  return (3 * s->channels + coefficients(s)) * s->mixtures;
}

INLINE int32_t to_grid(float value, float scale, float limit) {
  float scaled = value * scale; /* exact: scale is a power of two */
  scaled = scaled < limit ? scaled : limit; /* so that NaN stays inside the tables too */
  scaled = scaled > -limit ? scaled : -limit;
  return (int32_t)rintf(scaled); /* ties to even */
}

INLINE int32_t clip(int32_t value, int32_t limit) {
  return value > limit ? limit : value < -limit ? -limit : value;
}

/* Natural logarithm to about 1 %, of numbers in the normal range. */
INLINE float fast_log(float x) {
  int32_t bits;
  memcpy(&bits, &x, sizeof bits);
  int32_t exponent = (bits >> 23) - 127, fraction = (bits & 0x7fffff) | 0x3f800000;
  float m;
  memcpy(&m, &fraction, sizeof m);
  float fit = (-0.33582878f * m + 2.0f) * m - 1.65871022f; /* log2(m) for m in [1, 2) */
  return ((float)exponent + fit) * 0.69314718f;
}

#define WIDTH 8 /* lanes in lockstep: two registers of SSE2 or NEON, one of AVX2 */
#define NAME(function) function##_portable
#define TARGET
#include "mixture_lanes.h"
#undef NAME
#undef TARGET

#ifdef HAVE_AVX2
#define NAME(function) function##_avx2
#define TARGET __attribute__((target("avx2")))
#define USE_AVX2
#define LOAD(from) _mm256_load_si256((const __m256i *)(from))
#define STORE(to, value) _mm256_store_si256((__m256i *)(to), value)

/* 8 bytes each at p and q. */
#define LOAD_TWO(p, q)                                                                            \
  _mm_castpd_ps(_mm_loadh_pd(_mm_castsi128_pd(_mm_loadl_epi64((const __m128i *)(p))),              \
                             (const double *)(q)))

/* first[j] = at(j)[0], second[j] = at(j)[1]: eight loads, where a gather instruction would take sixteen. */
#define GATHER_PAIRS(at, first, second)                                                           \
  do {                                                                                            \
    const __m256 left_ = _mm256_set_m128(LOAD_TWO(at(4), at(5)), LOAD_TWO(at(0), at(1)));          \
    const __m256 right_ = _mm256_set_m128(LOAD_TWO(at(6), at(7)), LOAD_TWO(at(2), at(3)));         \
    first = _mm256_castps_si256(_mm256_shuffle_ps(left_, right_, 0x88));                          \
    second = _mm256_castps_si256(_mm256_shuffle_ps(left_, right_, 0xdd));                         \
  } while (0)

#include "mixture_lanes.h"
#undef NAME
#undef TARGET
#undef WIDTH
#undef USE_AVX2
#undef LOAD
#undef STORE

#ifdef __clang__
#define WIDE
#else
#define WIDE ",prefer-vector-width=512"
#endif
#define WIDTH 16
#define NAME(function) function##_avx512
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq" WIDE)))
#define USE_AVX512
#define LOAD(from) _mm512_load_si512(from)
#define STORE(to, value) _mm512_store_si512(to, value)
#include "mixture_lanes.h"
#endif

static int variant_in_use = -1;

int mix_variant(int wanted) {
  int best = MIX_PORTABLE;
#ifdef HAVE_AVX2
  if (__builtin_cpu_supports("avx2")) best = MIX_AVX2;
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
    best = MIX_AVX512;
#endif
  if (wanted >= 0) variant_in_use = wanted < best ? wanted : best;
  if (variant_in_use < 0) variant_in_use = best;
  return variant_in_use;
}

#ifdef HAVE_AVX2
#define CALL(function, ...)                                                                \
  (mix_variant(-1) == MIX_AVX512 && p.columns ? function##_avx512(__VA_ARGS__)             \
   : mix_variant(-1) != MIX_PORTABLE          ? function##_avx2(__VA_ARGS__)               \
                                              : function##_portable(__VA_ARGS__))
#else
#define CALL(function, ...) function##_portable(__VA_ARGS__)
#endif

int mix_encode_lanes(const mix_shape *s, const mix_tables *t, mix_parameters p,
                     const uint16_t *symbols, int64_t pixels, int32_t lanes, int32_t first,
                     int32_t last, rc_encoder *encoders) {
  return CALL(encode, s, t, p, symbols, pixels, lanes, first, last, encoders) - 1;
}

int mix_decode_lanes(const mix_shape *s, const mix_tables *t, mix_parameters p,
                     rc_decoder *decoders, int64_t pixels, int32_t lanes, int32_t first,
                     int32_t last, uint16_t *symbols) {
  return CALL(decode, s, t, p, decoders, pixels, lanes, first, last, symbols) - 1;
}

int mix_cdf_tables(const mix_shape *s, const mix_tables *t, mix_parameters p,
                   const uint16_t *before, int64_t pixels, int32_t channel, uint32_t *cdf) {
  return CALL(tables, s, t, p, before, pixels, channel, cdf) - 1;
}

INLINE const uint32_t *row_of(cdf_tables t, int64_t symbol) {
  int64_t row = t.rows ? t.rows[symbol] : t.shared ? 0 : symbol;
  return t.cdf + row * ((int64_t)t.levels + 1);
}

int64_t table_flaw(const uint32_t *cdf, int64_t count, int32_t levels) {
  for (int64_t i = 0; i < count; i++) {
    const uint32_t *row = cdf + i * ((int64_t)levels + 1);
    uint32_t bits = 0;
    /* Steps of 1 to 2^24 from entries below 2^25 cannot wrap around: the entries increase up to the last. */
    for (int32_t v = 0; v < levels; v++)
      bits |= (row[v + 1] - row[v] - 1) | (row[v] & ~(2 * RC_TOTAL - 1));
    if (row[0] != 0 || row[levels] != RC_TOTAL || bits >= RC_TOTAL) return i;
  }
  return -1;
}

int64_t table_encode_lanes(cdf_tables t, const uint16_t *symbols, int64_t count,
                           int32_t lanes, int32_t first, int32_t last, rc_encoder *encoders) {
  int64_t wrong = -1;
  for (int32_t group = first; group < last; group += GROUP) {
    rc_encoder e[GROUP];
    int size = last - group < GROUP ? last - group : GROUP;
    memcpy(e, encoders + (group - first), (size_t)size * sizeof *e);
    for (int64_t start = group; start < count; start += lanes) {
      int active = count - start < size ? (int)(count - start) : size;
      for (int j = 0; j < active; j++) {
        const int64_t i = start + j;
        if (i + AHEAD < count) PREFETCH(row_of(t, i + AHEAD) + symbols[i + AHEAD]);
        const uint32_t *at = row_of(t, i) + symbols[i];
        uint32_t from = at[0], to = at[1];
        if (from >= to || to > RC_TOTAL) { /* the coder's arithmetic needs it */
          wrong = wrong < 0 ? i : wrong;
          from = 0, to = RC_TOTAL;
        }
        rc_encode(&e[j], from, to);
      }
    }
    memcpy(encoders + (group - first), e, (size_t)size * sizeof *e);
  }
  return wrong;
}

int64_t table_decode_lanes(cdf_tables t, rc_decoder *decoders, int64_t count,
                           int32_t lanes, int32_t first, int32_t last, uint16_t *symbols) {
  const int32_t levels = t.levels;
  int64_t wrong = -1;
  for (int32_t group = first; group < last; group += GROUP) {
    rc_decoder *d = decoders + (group - first);
    int size = last - group < GROUP ? last - group : GROUP;
    for (int64_t start = group; start < count; start += lanes) {
      int active = count - start < size ? (int)(count - start) : size;
      for (int first_of = 0; first_of < active; first_of += TOGETHER) {
        /* searches side by side, so that their waits for memory overlap */
        const int n = active - first_of < TOGETHER ? active - first_of : TOGETHER;
        const uint32_t *row[TOGETHER];
        uint32_t target[TOGETHER];
        int32_t low[TOGETHER] = {0};
        for (int j = 0; j < n; j++) {
          const int64_t i = start + first_of + j;
          row[j] = row_of(t, i);
          target[j] = rc_target(&d[first_of + j]);
          if (i + AHEAD < count) {
            const uint32_t *next = row_of(t, i + AHEAD);
            for (int part = 1; part < 8; part++) PREFETCH(next + (int64_t)levels * part / 8);
          }
        }
        /* row[low] <= target < row[low + length], if the row increases */
        for (int32_t length = levels; length > 1;) {
          const int32_t half = length >> 1;
          for (int j = 0; j < n; j++) low[j] = row[j][low[j] + half] <= target[j] ? low[j] + half : low[j];
          length -= half;
        }
        for (int j = 0; j < n; j++) {
          const int64_t i = start + first_of + j;
          uint32_t from = row[j][low[j]], to = row[j][low[j] + 1];
          if (from > target[j] || to <= target[j] || to > RC_TOTAL) {
            wrong = wrong < 0 ? i : wrong;
            from = 0, to = RC_TOTAL;
          }
          rc_consume(&d[first_of + j], from, to);
          symbols[i] = (uint16_t)low[j];
        }
      }
    }
  }
  return wrong;
}

/* The symbols share 0..2^24 as evenly as integers can: v begins at floor(v 2^24 / levels). */
INLINE uint32_t uniform_edge(uint64_t v, uint32_t levels) {
  return (uint32_t)((v << RC_BITS) / levels);
}

void uniform_encode(rc_encoder *encoder, const uint16_t *symbols, int64_t count, uint32_t levels) {
  rc_encoder e = *encoder;
  for (int64_t i = 0; i < count; i++)
    rc_encode(&e, uniform_edge(symbols[i], levels), uniform_edge(symbols[i] + 1u, levels));
  *encoder = e;
}

void uniform_decode(rc_decoder *d, uint16_t *symbols, int64_t count, uint32_t levels) {
  for (int64_t i = 0; i < count; i++) {
    /* v 2^24 / levels < target + 1: the largest such v, below levels since target < 2^24 */
    uint64_t v = (((uint64_t)rc_target(d) + 1) * levels - 1) >> RC_BITS;
    rc_consume(d, uniform_edge(v, levels), uniform_edge(v + 1, levels));
    symbols[i] = (uint16_t)v;
  }
}
