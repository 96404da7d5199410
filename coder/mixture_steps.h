/* CDFs of WIDTH mixtures: the part of mixture_lanes.h, which includes it, that is written for each instruction set. */

#ifdef USE_AVX512
/* mix_sigmoid of sixteen numbers. */
LOCAL __m512i NAME(sigmoid)(__m512i t, const int32_t *table) {
  const __m512i at = _mm512_add_epi32(t, _mm512_set1_epi32(MIX_SIGMOID_OFFSET));
  const __m512i part = _mm512_and_si512(at, _mm512_set1_epi32((1 << MIX_SIGMOID_STEP_BITS) - 1));
  const __m512i entry = _mm512_srai_epi32(at, MIX_SIGMOID_STEP_BITS);
  const __m512i left = _mm512_i32gather_epi64(_mm512_castsi512_si256(entry), table, 4); /* two entries each */
  const __m512i right = _mm512_i32gather_epi64(_mm512_extracti64x4_epi64(entry, 1), table, 4);
  const __m512i even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
  const __m512i low = _mm512_permutex2var_epi32(left, even, right);
  const __m512i high = _mm512_permutex2var_epi32(left, _mm512_add_epi32(even, _mm512_set1_epi32(1)), right);
  const __m512i rise = _mm512_mullo_epi32(_mm512_sub_epi32(high, low), part);
  return _mm512_add_epi32(low, _mm512_srai_epi32(rise, MIX_SIGMOID_STEP_BITS));
}
#endif

#ifdef USE_AVX2
/* mix_sigmoid of eight numbers. */
LOCAL __m256i NAME(sigmoid)(__m256i t, const int32_t *table) {
  const __m256i at = _mm256_add_epi32(t, _mm256_set1_epi32(MIX_SIGMOID_OFFSET));
  const __m256i part = _mm256_and_si256(at, _mm256_set1_epi32((1 << MIX_SIGMOID_STEP_BITS) - 1));
  vec entry;
  STORE(entry, _mm256_srai_epi32(at, MIX_SIGMOID_STEP_BITS));
  __m256i low, high;
#define AT(j) (table + entry[j])
  GATHER_PAIRS(AT, low, high);
#undef AT
  const __m256i rise = _mm256_mullo_epi32(_mm256_sub_epi32(high, low), part);
  return _mm256_add_epi32(low, _mm256_srai_epi32(rise, MIX_SIGMOID_STEP_BITS));
}
#endif

/* mix_normalizer of sums of weights. */
LOCAL void NAME(normalize)(const vec weights, int32_t levels, vec normalizer) {
#ifdef USE_AVX2
  /* Exact: dividend N < 2^48 and divisor W <= 2^22 are doubles, so the quotient is N / W rounded correctly. That
   * could only pass floor(N / W) by reaching the next integer, which is at least 1 / W away, while half a unit
   * in the last place is at most 2^-53 N / W < 2^-5 / W. */
  const double span = (double)((1u << MIX_FREQUENCY_BITS) - (uint32_t)levels);
  const __m256d dividend = _mm256_set1_pd(span * 0x1p24), low_bits = _mm256_set1_pd(0x1p52);
  const __m256i w = LOAD(weights);
  __m256d left = _mm256_div_pd(dividend, _mm256_cvtepi32_pd(_mm256_castsi256_si128(w)));
  __m256d right = _mm256_div_pd(dividend, _mm256_cvtepi32_pd(_mm256_extracti128_si256(w, 1)));
  left = _mm256_add_pd(_mm256_floor_pd(left), low_bits); /* an integer < 2^32 in the low half */
  right = _mm256_add_pd(_mm256_floor_pd(right), low_bits);
  const __m256 both = _mm256_shuffle_ps(_mm256_castpd_ps(left), _mm256_castpd_ps(right), 0x88);
  STORE(normalizer, _mm256_permute4x64_epi64(_mm256_castps_si256(both), 0xd8));
#elif defined(USE_AVX512) /* the same quotient, rounded down */
  const double dividend = (double)((1u << MIX_FREQUENCY_BITS) - (uint32_t)levels) * 0x1p24;
  for (int j = 0; j < WIDTH; j++) normalizer[j] = (int32_t)(uint32_t)(dividend / (double)weights[j]);
#else
  for (int j = 0; j < WIDTH; j++)
    normalizer[j] = (int32_t)mix_normalizer((uint32_t)weights[j], levels);
#endif
}

/* CDF at the lower edges of the symbols v, one for each of WIDTH pixels; where `slope` is given, also about its
 * derivative there, for the search. */
LOCAL void NAME(evaluate)(const mix_shape *s, const mix_tables *t, const prepared *m, const vec v,
                          vec cdf, float *slope) {
#ifdef USE_AVX2
  const __m256i symbol = LOAD(v), zero = _mm256_setzero_si256();
  const __m256i edge = _mm256_sub_epi32(_mm256_slli_epi32(symbol, MIX_MU_BITS),
                                        _mm256_set1_epi32(1 << (MIX_MU_BITS - 1)));
  const __m256 total = _mm256_set1_ps((float)RC_TOTAL);
  __m256i even = zero, odd = zero; /* 64-bit sums of lanes 0, 2, .. and 1, 3, .. */
  __m256 density = _mm256_setzero_ps();
  for (int32_t k = 0; k < m->used; k++) {
    const __m256i reach = LOAD(m->reach[k]), weight = LOAD(m->weight[k]);
    __m256i difference = _mm256_min_epi32(_mm256_sub_epi32(edge, LOAD(m->mu[k])), reach);
    difference = _mm256_max_epi32(difference, _mm256_sub_epi32(zero, reach));
    const __m256i scaled = _mm256_mullo_epi32(difference, LOAD(m->inverse[k]));
    const __m256i value = NAME(sigmoid)(_mm256_srai_epi32(scaled, MIX_MU_BITS), t->sigmoid);
    even = _mm256_add_epi64(even, _mm256_mul_epu32(value, weight));
    odd = _mm256_add_epi64(
        odd, _mm256_mul_epu32(_mm256_srli_epi64(value, 32), _mm256_srli_epi64(weight, 32)));
    if (slope) {
      const __m256 real = _mm256_cvtepi32_ps(value);
      const __m256 bell = _mm256_mul_ps(real, _mm256_sub_ps(total, real));
      density = _mm256_add_ps(density, _mm256_mul_ps(bell, _mm256_load_ps(m->rise[k])));
    }
  }
  const __m256i factor = LOAD(m->normalizer);
  even = _mm256_mul_epu32(_mm256_srli_epi64(even, 16), factor);
  odd = _mm256_mul_epu32(_mm256_srli_epi64(odd, 16), _mm256_srli_epi64(factor, 32));
  __m256i inside = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
  inside = _mm256_add_epi32(inside, symbol);
  inside = _mm256_and_si256(inside, _mm256_cmpgt_epi32(symbol, zero));
  const __m256i past = _mm256_cmpgt_epi32(symbol, _mm256_set1_epi32(s->levels - 1));
  STORE(cdf, _mm256_blendv_epi8(inside, _mm256_set1_epi32((int)RC_TOTAL), past));
  if (slope) _mm256_store_ps(slope, _mm256_mul_ps(density, _mm256_load_ps(m->share)));
#elif defined(USE_AVX512)
  const __m512i symbol = LOAD(v), zero = _mm512_setzero_si512();
  const __m512i edge = _mm512_sub_epi32(_mm512_slli_epi32(symbol, MIX_MU_BITS),
                                        _mm512_set1_epi32(1 << (MIX_MU_BITS - 1)));
  const __m512 total = _mm512_set1_ps((float)RC_TOTAL);
  __m512i even = zero, odd = zero; /* 64-bit sums of lanes 0, 2, .. and 1, 3, .. */
  __m512 density = _mm512_setzero_ps();
  for (int32_t k = 0; k < m->used; k++) {
    const __m512i reach = LOAD(m->reach[k]), weight = LOAD(m->weight[k]);
    __m512i difference = _mm512_min_epi32(_mm512_sub_epi32(edge, LOAD(m->mu[k])), reach);
    difference = _mm512_max_epi32(difference, _mm512_sub_epi32(zero, reach));
    const __m512i scaled = _mm512_mullo_epi32(difference, LOAD(m->inverse[k]));
    const __m512i value = NAME(sigmoid)(_mm512_srai_epi32(scaled, MIX_MU_BITS), t->sigmoid);
    even = _mm512_add_epi64(even, _mm512_mul_epu32(value, weight));
    odd = _mm512_add_epi64(
        odd, _mm512_mul_epu32(_mm512_srli_epi64(value, 32), _mm512_srli_epi64(weight, 32)));
    if (slope) {
      const __m512 real = _mm512_cvtepi32_ps(value);
      const __m512 bell = _mm512_mul_ps(real, _mm512_sub_ps(total, real));
      density = _mm512_add_ps(density, _mm512_mul_ps(bell, _mm512_load_ps(m->rise[k])));
    }
  }
  const __m512i factor = LOAD(m->normalizer);
  even = _mm512_mul_epu32(_mm512_srli_epi64(even, 16), factor);
  odd = _mm512_mul_epu32(_mm512_srli_epi64(odd, 16), _mm512_srli_epi64(factor, 32));
  __m512i inside = _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 32), odd);
  inside = _mm512_maskz_add_epi32(_mm512_cmpgt_epi32_mask(symbol, zero), inside, symbol);
  const __mmask16 past = _mm512_cmpgt_epi32_mask(symbol, _mm512_set1_epi32(s->levels - 1));
  STORE(cdf, _mm512_mask_mov_epi32(inside, past, _mm512_set1_epi32((int)RC_TOTAL)));
  if (slope) _mm512_store_ps(slope, _mm512_mul_ps(density, _mm512_load_ps(m->share)));
#else
  uint64_t sum[WIDTH] = {0};
  float density[WIDTH] = {0};
  vec edge;
  for (int j = 0; j < WIDTH; j++) edge[j] = mix_edge(v[j]);
  for (int32_t k = 0; k < m->used; k++)
    for (int j = 0; j < WIDTH; j++) {
      int32_t value = mix_logistic(edge[j], m->mu[k][j], m->inverse[k][j], m->reach[k][j],
                                   t->sigmoid);
      sum[j] += (uint64_t)(uint32_t)m->weight[k][j] * (uint32_t)value;
      if (slope) density[j] += (float)value * (float)((int32_t)RC_TOTAL - value) * m->rise[k][j];
    }
  for (int j = 0; j < WIDTH; j++) {
    int32_t inside = (int32_t)mix_cdf(sum[j], (uint32_t)m->normalizer[j], v[j]);
    cdf[j] = v[j] <= 0 ? 0 : v[j] >= s->levels ? (int32_t)RC_TOTAL : inside;
    if (slope) slope[j] = density[j] * m->share[j];
  }
#endif
}
