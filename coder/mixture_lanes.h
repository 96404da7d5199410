/* Mixture coding of WIDTH lanes in lockstep. lanes.c includes this file once for each instruction set, with
 * NAME (suffix of the functions), TARGET (attribute of the functions) and WIDTH, and USE_AVX2 or USE_AVX512 where it
 * applies.
 *
 * All sets compute the same integers; `load`, `prepare` and the steps are written for some of them, the rest is
 * loops over WIDTH that the compiler turns into vectors. Floating point appears in two places: parameters are
 * rounded to their grids, which is exact (CDF.md), and the search for a symbol is guided by a guess, which
 * decides how many CDF values are computed but not which symbol is found.
 */

#define LOCAL static inline __attribute__((always_inline)) TARGET
#define vec NAME(vec)
#define real_vec NAME(real_vec)
#define prepared NAME(prepared)

typedef ALIGNED int32_t vec[WIDTH];
typedef ALIGNED float real_vec[WIDTH];

/* The mixtures of one channel at WIDTH pixels, ready to be evaluated, without components of no weight. */
typedef struct {
  vec weight[MIX_MAX_MIXTURES], mu[MIX_MAX_MIXTURES], inverse[MIX_MAX_MIXTURES],
      reach[MIX_MAX_MIXTURES];
  vec normalizer; /* uint32_t, as all arithmetic with it knows */
  int32_t used;
  /* For the search. rise: weight / sigma; share: 1 / all weights, with the constants of the density;
   * middle and spread: in symbols, of the one logistic that is most like the mixture where it is densest. */
  real_vec rise[MIX_MAX_MIXTURES], share, middle, spread;
} prepared;

/* Up to `left` pixels from `at` on, and where their parameters begin; what is missing repeats the first pixel and
 * is not coded. Returns how many there are; they come first. */
LOCAL int NAME(lane_pixels)(const mix_shape *s, mix_parameters p, int64_t at, int64_t left, int64_t pixels,
                            int64_t *pixel, int64_t *row) {
  int active = left < WIDTH ? (int)left : WIDTH;
  if (pixels - at < active) active = (int)(pixels - at);
  for (int j = 0; j < WIDTH; j++) {
    pixel[j] = j < active ? at + j : at;
    row[j] = p.columns ? pixel[j] : pixel[j] * parameter_count(s);
  }
  return active;
}

/* Asks for the parameters of the WIDTH pixels after those from `row` on; a hint, which reads nothing itself and
 * may point past the end. Worth a sixth of the time where parameters come from memory. */
LOCAL void NAME(prefetch)(const mix_shape *s, mix_parameters p, int64_t row) {
#ifdef __GNUC__
  if (p.columns) return;
  uintptr_t block = (uintptr_t)WIDTH * (uintptr_t)parameter_count(s) * 4;
  uintptr_t start = (p.grid ? (uintptr_t)p.grid : (uintptr_t)p.real) + (uintptr_t)row * 4 + block;
  for (uintptr_t at = 0; at < block; at += 64) __builtin_prefetch((const void *)(start + at));
#endif
}

#include "mixture_steps.h"

/* Reads `count` parameters of one kind, `from` on in each row; returns 0 if one is not finite. */
LOCAL int NAME(load)(mix_parameters p, const int64_t *row, int64_t from, int32_t count, int bits,
                     int32_t limit, vec *out) {
  if (p.columns) { /* WIDTH pixels one after the other; what is missing is read from the margin, and not coded */
    for (int32_t i = 0; i < count; i++) {
      const int32_t *at = p.grid + (from + i) * p.columns + row[0];
      for (int j = 0; j < WIDTH; j++) out[i][j] = clip(at[j], limit);
    }
    return 1;
  }
#ifdef USE_AVX2
  if (count >= 4) { /* four columns at a time: 8 x 4 numbers are transposed */
    const float *base = (p.grid ? (const float *)p.grid : p.real) + from; /* never read as floats */
    const __m256i most = _mm256_set1_epi32(limit), least = _mm256_set1_epi32(-limit);
    const __m256 scale = _mm256_set1_ps((float)(1 << bits)), zero = _mm256_setzero_ps();
    const __m256 top = _mm256_set1_ps((float)limit), bottom = _mm256_set1_ps((float)-limit);
    __m256 wrong = zero;
    for (int32_t step = 0; step < count; step += 4) {
      const int32_t i = step + 4 <= count ? step : count - 4; /* some columns are read twice */
#define ROWS(j)                                                                              \
  _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(base + row[j] + i)),              \
                       _mm_loadu_ps(base + row[j + 4] + i), 1)
      const __m256 a = ROWS(0), b = ROWS(1), c = ROWS(2), d = ROWS(3);
#undef ROWS
      const __m256 ab = _mm256_unpacklo_ps(a, b), ab_high = _mm256_unpackhi_ps(a, b);
      const __m256 cd = _mm256_unpacklo_ps(c, d), cd_high = _mm256_unpackhi_ps(c, d);
      const __m256 column[4] = {
          _mm256_shuffle_ps(ab, cd, 0x44), _mm256_shuffle_ps(ab, cd, 0xee),
          _mm256_shuffle_ps(ab_high, cd_high, 0x44), _mm256_shuffle_ps(ab_high, cd_high, 0xee)};
      for (int n = 0; n < 4; n++) {
        __m256i grid = _mm256_castps_si256(column[n]);
        if (p.grid) {
          grid = _mm256_max_epi32(_mm256_min_epi32(grid, most), least);
        } else {
          wrong = _mm256_or_ps(wrong, _mm256_mul_ps(column[n], zero)); /* NaN if not finite */
          __m256 real = _mm256_min_ps(_mm256_mul_ps(column[n], scale), top); /* NaN: the limit */
          grid = _mm256_cvtps_epi32(_mm256_max_ps(real, bottom)); /* ties to even */
        }
        STORE(out[i + n], grid);
      }
    }
    wrong = _mm256_cmp_ps(wrong, wrong, _CMP_UNORD_Q);
    return _mm256_testz_ps(wrong, wrong);
  }
#endif
  int finite = 1;
  for (int j = 0; j < WIDTH; j++) {
    const int64_t at = row[j] + from;
    for (int32_t i = 0; i < count && p.grid; i++) out[i][j] = clip(p.grid[at + i], limit);
    for (int32_t i = 0; i < count && !p.grid; i++) {
      finite &= fabsf(p.real[at + i]) <= 3.4028234e38f;
      out[i][j] = to_grid(p.real[at + i], (float)(1 << bits), (float)limit);
    }
  }
  return finite;
}

/* Fills `m` for channel c at WIDTH pixels, given the symbols x of the channels before; what the search for a
 * symbol starts from only if it is to `guide` one. */
LOCAL int NAME(prepare)(const mix_shape *s, const mix_tables *t, mix_parameters p,
                        const int64_t *row, int32_t c, const vec *x,
                        int guide, prepared *m) {
  const int32_t K = s->mixtures;
  const int64_t kind = (int64_t)s->channels * K;
  vec sigma[MIX_MAX_MIXTURES];
  int finite = NAME(load)(p, row, (int64_t)c * K, K, MIX_LOGIT_BITS, MIX_LOGIT_LIMIT, m->weight);
  finite &= NAME(load)(p, row, kind + (int64_t)c * K, K, MIX_MU_BITS, MIX_MU_LIMIT, m->mu);
  finite &= NAME(load)(p, row, 2 * kind + (int64_t)c * K, K, MIX_LOG_SIGMA_BITS, MIX_LOG_SIGMA_MAX,
                       sigma);
  for (int32_t before = 0; s->coupled && before < c; before++) {
    vec lambda[MIX_MAX_MIXTURES];
    int64_t from = 3 * kind + ((int64_t)c * (c - 1) / 2 + before) * K;
    finite &= NAME(load)(p, row, from, K, MIX_LAMBDA_BITS,
                         s->coupled == 2 ? MIX_LAMBDA_RAW_LIMIT : MIX_LAMBDA_LIMIT, lambda);
    for (int32_t k = 0; k < K; k++) {
#ifdef USE_AVX2
      __m256i l = LOAD(lambda[k]);
      if (s->coupled == 2)
        l = _mm256_srai_epi32(NAME(sigmoid)(_mm256_slli_epi32(l, 4), t->sigmoid), 12);
      l = _mm256_mullo_epi32(l, LOAD(x[before]));
      l = _mm256_srai_epi32(l, MIX_LAMBDA_BITS - MIX_MU_BITS);
      STORE(m->mu[k], _mm256_add_epi32(LOAD(m->mu[k]), l));
#else
      for (int j = 0; j < WIDTH; j++) {
        int32_t l = lambda[k][j];
        if (s->coupled == 2) l = mix_lambda_sigmoid(l, t->sigmoid);
        m->mu[k][j] += mix_shift(l, x[before][j]);
      }
#endif
    }
  }
  vec top;
  memcpy(top, m->weight[0], sizeof top);
  for (int32_t k = 1; k < K; k++)
    for (int j = 0; j < WIDTH; j++) top[j] = m->weight[k][j] > top[j] ? m->weight[k][j] : top[j];
  vec sum = {0};
  real_vec peak = {0}, middle = {0};
  m->used = 0;
  for (int32_t k = 0; k < K; k++) {
    const int32_t u = m->used; /* components that weigh nothing at any of the pixels are left out */
    vec index;
#ifdef USE_AVX2
    const __m256i below = _mm256_sub_epi32(LOAD(top), LOAD(m->weight[k]));
    STORE(index, _mm256_min_epi32(below, _mm256_set1_epi32(MIX_EXP_ENTRIES - 1)));
#define AT(j) t->exp[index[j]]
    const __m256i weight = _mm256_set_epi32(AT(7), AT(6), AT(5), AT(4), AT(3), AT(2), AT(1), AT(0));
#undef AT
    if (_mm256_testz_si256(weight, weight)) continue;
    const __m256i least = _mm256_set1_epi32(MIX_LOG_SIGMA_MIN);
    STORE(index, _mm256_sub_epi32(_mm256_max_epi32(LOAD(sigma[k]), least), least));
    __m256i inverse, reach;
#define AT(j) (t->scales + 2 * index[j])
    GATHER_PAIRS(AT, inverse, reach);
#undef AT
    STORE(m->mu[u], LOAD(m->mu[k]));
    STORE(m->weight[u], weight);
    STORE(m->inverse[u], inverse);
    STORE(m->reach[u], reach);
    STORE(sum, _mm256_add_epi32(LOAD(sum), weight));
    if (guide) {
      const __m256 rise = _mm256_mul_ps(_mm256_cvtepi32_ps(weight), _mm256_cvtepi32_ps(inverse));
      const __m256 mean = _mm256_cvtepi32_ps(LOAD(m->mu[u]));
      _mm256_store_ps(m->rise[u], rise);
      _mm256_store_ps(peak, _mm256_add_ps(_mm256_load_ps(peak), rise));
      _mm256_store_ps(middle, _mm256_add_ps(_mm256_load_ps(middle), _mm256_mul_ps(rise, mean)));
    }
#else
    vec weight;
    int32_t any = 0;
    for (int j = 0; j < WIDTH; j++) weight[j] = mix_weight(top[j] - m->weight[k][j], t->exp);
    for (int j = 0; j < WIDTH; j++) any |= weight[j];
    if (!any) continue;
    for (int j = 0; j < WIDTH; j++) {
      int32_t i = sigma[k][j];
      index[j] = (i < MIX_LOG_SIGMA_MIN ? MIX_LOG_SIGMA_MIN : i) - MIX_LOG_SIGMA_MIN;
    }
    for (int j = 0; j < WIDTH; j++) {
      m->mu[u][j] = m->mu[k][j];
      m->weight[u][j] = weight[j];
      m->inverse[u][j] = t->scales[2 * index[j]];
      m->reach[u][j] = t->scales[2 * index[j] + 1];
      sum[j] += weight[j];
    }
    for (int j = 0; guide && j < WIDTH; j++) {
      m->rise[u][j] = (float)m->weight[u][j] * (float)m->inverse[u][j];
      peak[j] += m->rise[u][j];
      middle[j] += m->rise[u][j] * (float)m->mu[u][j];
    }
#endif
    m->used++;
  }
  NAME(normalize)(sum, s->levels, m->normalizer);
  for (int j = 0; guide && j < WIDTH; j++) {
    m->share[j] = 0x1p-40f / (float)sum[j];
    m->middle[j] = middle[j] / peak[j] * (1.0f / (1 << MIX_MU_BITS));
    m->spread[j] = (float)sum[j] / peak[j] * 65536.0f;
  }
  return finite;
}

/* Finds the symbols x with from = CDF(x) <= target < CDF(x + 1) = to, at most MORE_STEPS evaluations more than
 * halving the interval takes.
 *
 * A mixture is close to one logistic, and the logit of a logistic's CDF is a straight line: Newton's method on
 * the logit lands within a symbol or two of the target, then one evaluation on either side of it remains.
 * Where the interval is still too wide for halving to finish in the steps that are left, it is halved. */
LOCAL void NAME(search)(const mix_shape *s, const mix_tables *t, const prepared *m, int halvings,
                        const vec target, vec x, vec from, vec to) {
  vec high;
  real_vec at, goal;
  for (int j = 0; j < WIDTH; j++) {
    x[j] = 0, high[j] = s->levels;
    from[j] = 0, to[j] = RC_TOTAL;
    goal[j] = ((float)target[j] + 0.5f) / ((float)((int32_t)RC_TOTAL - target[j]) - 0.5f);
    at[j] = m->middle[j] + m->spread[j] * fast_log(goal[j]);
  }
  for (int left = halvings + MORE_STEPS; left > 0; left--) {
    vec v, cdf;
    real_vec slope;
    int32_t open = 0;
    for (int j = 0; j < WIDTH; j++) open |= high[j] - x[j] - 1;
    if (!open) break;
    const int32_t wide = left > 16 ? 1 << 16 : 1 << (left - 1);
    for (int j = 0; j < WIDTH; j++) {
      float near = at[j] < 0.0f ? 0.0f : at[j]; /* also where it is NaN: clipped below */
      near = near < 65535.0f ? near : 65535.0f;
      int32_t guess = (int32_t)(near + 1.0f); /* the edge next to `near`: v's lies at v - 1/2 */
      guess = guess > x[j] ? guess : x[j] + 1;
      guess = guess < high[j] ? guess : high[j] - 1;
      int32_t half = (x[j] + high[j]) >> 1;
      v[j] = high[j] - x[j] > wide ? half : guess;
      v[j] = high[j] - x[j] > 1 ? v[j] : high[j]; /* found: nothing changes any more */
    }
    NAME(evaluate)(s, t, m, v, cdf, slope);
    for (int j = 0; j < WIDTH; j++) {
      int up = cdf[j] <= target[j];
      x[j] = up ? v[j] : x[j];
      from[j] = up ? cdf[j] : from[j];
      high[j] = up ? high[j] : v[j];
      to[j] = up ? to[j] : cdf[j];
      float below = (float)cdf[j] + 0.5f, above = (float)((int32_t)RC_TOTAL - cdf[j]) + 0.5f;
      float distance = fast_log(goal[j] * above / below);
      at[j] = (float)v[j] - 0.5f + distance * below * above * 0x1p-24f / (slope[j] + 1.0f);
    }
  }
}

TARGET static int NAME(encode)(const mix_shape *s, const mix_tables *t, mix_parameters p,
                               const uint16_t *symbols, int64_t pixels, int32_t lanes, int32_t first,
                               int32_t last, rc_encoder *encoders) {
  int finite = 1;
  /* An encoder has all symbols: a few lanes, coded together, can still have WIDTH pixels in each step. */
  const int64_t few = lanes < WIDTH && first == 0 && last == lanes;
  for (int32_t group = first; group < last; group += GROUP) {
    rc_encoder e[GROUP]; /* copies, which the bytes written cannot be mistaken for */
    int size = last - group < GROUP ? last - group : GROUP;
    memcpy(e, encoders + (group - first), (size_t)size * sizeof *e);
    const int64_t stride = few ? WIDTH : lanes, step = few ? WIDTH : size;
    for (int64_t start = group; start < pixels; start += stride) {
      for (int64_t i = 0; i < step && start + i < pixels; i += WIDTH) {
        int64_t pixel[WIDTH], row[WIDTH];
        int active = NAME(lane_pixels)(s, p, start + i, step - i, pixels, pixel, row);
        vec x[MAX_CHANNELS], from[MAX_CHANNELS], to[MAX_CHANNELS];
        NAME(prefetch)(s, p, row[0]);
        for (int32_t c = 0; c < s->channels; c++) {
          prepared m;
          vec above;
          for (int j = 0; j < WIDTH; j++) {
            x[c][j] = symbols[pixel[j] * s->channels + c];
            above[j] = x[c][j] + 1;
          }
          finite &= NAME(prepare)(s, t, p, row, c, x, 0, &m);
          NAME(evaluate)(s, t, &m, x[c], from[c], NULL);
          NAME(evaluate)(s, t, &m, above, to[c], NULL);
        }
        for (int j = 0; j < active; j++) {
          rc_encoder *lane = &e[few ? (start + j) % lanes : i + j];
          for (int32_t c = 0; c < s->channels; c++)
            rc_encode(lane, (uint32_t)from[c][j], (uint32_t)to[c][j]);
        }
      }
    }
    memcpy(encoders + (group - first), e, (size_t)size * sizeof *e);
  }
  return finite;
}

TARGET static int NAME(decode)(const mix_shape *s, const mix_tables *t, mix_parameters p,
                               rc_decoder *decoders, int64_t pixels, int32_t lanes, int32_t first, int32_t last,
                               uint16_t *symbols) {
  int finite = 1, halvings = 0;
  while ((1 << halvings) < s->levels) halvings++;
  for (int32_t group = first; group < last; group += GROUP) {
    rc_decoder *d = decoders + (group - first);
    int size = last - group < GROUP ? last - group : GROUP;
    for (int64_t start = group; start < pixels; start += lanes) {
      for (int i = 0; i < size && start + i < pixels; i += WIDTH) {
        int64_t pixel[WIDTH], row[WIDTH];
        int active = NAME(lane_pixels)(s, p, start + i, size - i, pixels, pixel, row);
        vec x[MAX_CHANNELS];
        NAME(prefetch)(s, p, row[0]);
        for (int32_t c = 0; c < s->channels; c++) {
          prepared m;
          vec target = {(int32_t)rc_target(&d[i])}, from, to;
          finite &= NAME(prepare)(s, t, p, row, c, x, 1, &m);
          for (int j = 1; j < WIDTH; j++) /* what is missing repeats the first search, too */
            target[j] = j < active ? (int32_t)rc_target(&d[i + j]) : target[0];
          NAME(search)(s, t, &m, halvings, target, x[c], from, to);
          for (int j = 0; j < active; j++) {
            rc_consume(&d[i + j], (uint32_t)from[j], (uint32_t)to[j]);
            symbols[pixel[j] * s->channels + c] = (uint16_t)x[c][j];
          }
        }
      }
    }
  }
  return finite;
}

TARGET static int NAME(tables)(const mix_shape *s, const mix_tables *t, mix_parameters p,
                               const uint16_t *before, int64_t pixels, int32_t channel, uint32_t *cdf) {
  int finite = 1;
  for (int64_t start = 0; start < pixels; start += WIDTH) {
    int64_t pixel[WIDTH], row[WIDTH];
    int active = NAME(lane_pixels)(s, p, start, WIDTH, pixels, pixel, row);
    vec x[MAX_CHANNELS];
    prepared m;
    for (int32_t c = 0; c < channel; c++)
      for (int j = 0; j < WIDTH; j++) x[c][j] = before[pixel[j] * s->channels + c];
    finite &= NAME(prepare)(s, t, p, row, channel, x, 0, &m);
    for (int32_t v = 0; v <= s->levels; v++) {
      vec all, at;
      for (int j = 0; j < WIDTH; j++) all[j] = v;
      NAME(evaluate)(s, t, &m, all, at, NULL);
      for (int j = 0; j < active; j++) cdf[pixel[j] * (s->levels + 1) + v] = (uint32_t)at[j];
    }
  }
  return finite;
}

#undef LOCAL
#undef vec
#undef real_vec
#undef prepared
