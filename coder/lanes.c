#include "lanes.h"

#include <math.h>
#include <string.h>

#include "range_coder.h"

#define WIDTH 8 /* lanes in lockstep: two registers of SSE2, one of AVX2 */
#define MAX_CHANNELS 32
#define INLINE static inline __attribute__((always_inline))

/* The compiler vectorises the loops over WIDTH; a clone for AVX2 is chosen at load time where there is one. */
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(NO_CLONES)
#define VECTOR_CLONES __attribute__((target_clones("default", "avx2")))
#else
#define VECTOR_CLONES
#endif

typedef int32_t vec[WIDTH];

/* The mixtures of one channel at WIDTH pixels, ready to be evaluated. */
typedef struct {
  vec weight[MIX_MAX_MIXTURES], mu[MIX_MAX_MIXTURES], inverse[MIX_MAX_MIXTURES],
      reach[MIX_MAX_MIXTURES];
  uint32_t normalizer[WIDTH];
} mixtures;

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

/* Reads `count` parameters of one kind at WIDTH pixels; returns 0 if one is not finite. */
INLINE int load(mix_parameters p, const int64_t *pixel, int64_t stride, int64_t from, int32_t count,
                int bits, int32_t limit, vec *out) {
  int finite = 1;
  for (int j = 0; j < WIDTH; j++) {
    int64_t at = pixel[j] * stride + from;
    if (p.grid) {
      for (int32_t i = 0; i < count; i++) out[i][j] = clip(p.grid[at + i], limit);
      continue;
    }
    const float *real = p.real + at;
    for (int32_t i = 0; i < count; i++) {
      finite &= fabsf(real[i]) <= 3.4028234e38f;
      out[i][j] = to_grid(real[i], (float)(1 << bits), (float)limit);
    }
  }
  return finite;
}

/* Fills `m` for channel c at WIDTH pixels, given the symbols x of the channels before. */
INLINE int prepare(const mix_shape *s, const mix_tables *t, mix_parameters p, const int64_t *pixel,
                   int32_t c, const vec *x, mixtures *m) {
  const int32_t K = s->mixtures;
  const int64_t stride = parameter_count(s), kind = (int64_t)s->channels * K;
  vec sigma[MIX_MAX_MIXTURES];
  int finite = load(p, pixel, stride, (int64_t)c * K, K, MIX_LOGIT_BITS, MIX_LOGIT_LIMIT, m->weight);
  finite &= load(p, pixel, stride, kind + (int64_t)c * K, K, MIX_MU_BITS, MIX_MU_LIMIT, m->mu);
  finite &= load(p, pixel, stride, 2 * kind + (int64_t)c * K, K, MIX_LOG_SIGMA_BITS,
                 MIX_LOG_SIGMA_MAX, sigma);
  for (int32_t before = 0; s->coupled && before < c; before++) {
    vec lambda[MIX_MAX_MIXTURES];
    int64_t row = (int64_t)c * (c - 1) / 2 + before;
    finite &= load(p, pixel, stride, 3 * kind + row * K, K, MIX_LAMBDA_BITS,
                   s->coupled == 2 ? MIX_LAMBDA_RAW_LIMIT : MIX_LAMBDA_LIMIT, lambda);
    for (int32_t k = 0; k < K; k++)
      for (int j = 0; j < WIDTH; j++) {
        int32_t l = lambda[k][j];
        if (s->coupled == 2) l = mix_lambda_sigmoid(l, t->sigmoid);
        m->mu[k][j] += mix_shift(l, x[before][j]);
      }
  }
  vec top;
  memcpy(top, m->weight[0], sizeof top);
  for (int32_t k = 1; k < K; k++)
    for (int j = 0; j < WIDTH; j++) top[j] = m->weight[k][j] > top[j] ? m->weight[k][j] : top[j];
  uint32_t sum[WIDTH] = {0};
  for (int32_t k = 0; k < K; k++)
    for (int j = 0; j < WIDTH; j++) {
      int32_t i = sigma[k][j];
      i = (i < MIX_LOG_SIGMA_MIN ? MIX_LOG_SIGMA_MIN : i) - MIX_LOG_SIGMA_MIN;
      m->inverse[k][j] = t->inverse_sigma[i];
      m->reach[k][j] = t->reach[i];
      m->weight[k][j] = mix_weight(top[j] - m->weight[k][j], t->exp);
      sum[j] += (uint32_t)m->weight[k][j];
    }
  for (int j = 0; j < WIDTH; j++) m->normalizer[j] = mix_normalizer(sum[j], s->levels);
  return finite;
}

/* CDF at the lower edges of the symbols v, one for each of WIDTH pixels. */
INLINE void evaluate(const mix_shape *s, const mix_tables *t, const mixtures *m, const vec v,
                     uint32_t *cdf) {
  uint64_t sum[WIDTH] = {0};
  vec edge;
  for (int j = 0; j < WIDTH; j++) edge[j] = mix_edge(v[j]);
  for (int32_t k = 0; k < s->mixtures; k++)
    for (int j = 0; j < WIDTH; j++)
      sum[j] += (uint64_t)(uint32_t)m->weight[k][j] *
                (uint32_t)mix_logistic(edge[j], m->mu[k][j], m->inverse[k][j], m->reach[k][j],
                                       t->sigmoid);
  for (int j = 0; j < WIDTH; j++) {
    uint32_t inside = mix_cdf(sum[j], m->normalizer[j], v[j]);
    cdf[j] = v[j] <= 0 ? 0 : v[j] >= s->levels ? RC_TOTAL : inside;
  }
}

/* Pixels of one step of WIDTH lanes; lanes that have none repeat the block's first and are not coded. */
INLINE int lane_pixels(int64_t step, int32_t block, int32_t last, int32_t lanes, int64_t pixels,
                       int64_t *pixel) {
  int active = 0;
  for (int j = 0; j < WIDTH; j++) {
    int64_t at = step * lanes + block + j;
    int has = block + j < last && at < pixels;
    pixel[j] = has ? at : step * lanes + block;
    active += has;
  }
  return active; /* the active ones come first */
}

VECTOR_CLONES
int mix_encode_lanes(const mix_shape *s, const mix_tables *t, mix_parameters p,
                     const uint16_t *symbols, int64_t pixels, int32_t lanes, int32_t first,
                     int32_t last, uint8_t *out, size_t capacity, size_t *sizes) {
  int finite = 1;
  for (int32_t block = first; block < last; block += WIDTH) {
    rc_encoder e[WIDTH];
    int width = last - block < WIDTH ? last - block : WIDTH;
    for (int j = 0; j < width; j++) rc_encoder_begin(&e[j], out + (size_t)(block + j) * capacity);
    for (int64_t step = 0; step * lanes + block < pixels; step++) {
      int64_t pixel[WIDTH];
      int active = lane_pixels(step, block, last, lanes, pixels, pixel);
      vec x[MAX_CHANNELS];
      for (int32_t c = 0; c < s->channels; c++) {
        mixtures m;
        vec above;
        uint32_t from[WIDTH], to[WIDTH];
        for (int j = 0; j < WIDTH; j++) {
          x[c][j] = symbols[pixel[j] * s->channels + c];
          above[j] = x[c][j] + 1;
        }
        finite &= prepare(s, t, p, pixel, c, x, &m);
        evaluate(s, t, &m, x[c], from);
        evaluate(s, t, &m, above, to);
        for (int j = 0; j < active; j++) rc_encode(&e[j], from[j], to[j]);
      }
    }
    for (int j = 0; j < width; j++) sizes[block + j] = rc_encoder_end(&e[j]);
  }
  return finite ? 0 : -1;
}

VECTOR_CLONES
int mix_decode_lanes(const mix_shape *s, const mix_tables *t, mix_parameters p,
                     const uint8_t *bytes, const size_t *offsets, int64_t pixels, int32_t lanes,
                     int32_t first, int32_t last, uint16_t *symbols) {
  int finite = 1, halvings = 0;
  while ((1 << halvings) < s->levels) halvings++;
  for (int32_t block = first; block < last; block += WIDTH) {
    rc_decoder d[WIDTH];
    int width = last - block < WIDTH ? last - block : WIDTH;
    for (int j = 0; j < width; j++)
      rc_decoder_begin(&d[j], bytes + offsets[block + j], offsets[block + j + 1] - offsets[block + j]);
    for (int64_t step = 0; step * lanes + block < pixels; step++) {
      int64_t pixel[WIDTH];
      int active = lane_pixels(step, block, last, lanes, pixels, pixel);
      vec x[MAX_CHANNELS];
      for (int32_t c = 0; c < s->channels; c++) {
        mixtures m;
        vec high;
        uint32_t target[WIDTH] = {0}, from[WIDTH], to[WIDTH];
        finite &= prepare(s, t, p, pixel, c, x, &m);
        for (int j = 0; j < active; j++) target[j] = rc_target(&d[j]);
        for (int j = 0; j < WIDTH; j++) {
          x[c][j] = 0, high[j] = s->levels;
          from[j] = 0, to[j] = RC_TOTAL;
        }
        /* invariant: from = CDF(x) <= target < CDF(high) = to */
        for (int i = 0; i < halvings; i++) {
          vec middle;
          uint32_t at[WIDTH];
          for (int j = 0; j < WIDTH; j++) middle[j] = (x[c][j] + high[j]) >> 1;
          evaluate(s, t, &m, middle, at);
          for (int j = 0; j < WIDTH; j++) {
            int up = at[j] <= target[j];
            x[c][j] = up ? middle[j] : x[c][j];
            from[j] = up ? at[j] : from[j];
            high[j] = up ? high[j] : middle[j];
            to[j] = up ? to[j] : at[j];
          }
        }
        for (int j = 0; j < active; j++) {
          rc_consume(&d[j], from[j], to[j]);
          symbols[pixel[j] * s->channels + c] = (uint16_t)x[c][j];
        }
      }
    }
  }
  return finite ? 0 : -1;
}

int mix_cdf_tables(const mix_shape *s, const mix_tables *t, mix_parameters p,
                   const uint16_t *before, int64_t pixels, int32_t channel, uint32_t *cdf) {
  int finite = 1;
  for (int64_t start = 0; start < pixels; start += WIDTH) {
    int64_t pixel[WIDTH];
    int active = lane_pixels(0, 0, WIDTH, WIDTH, pixels - start, pixel);
    vec x[MAX_CHANNELS];
    mixtures m;
    for (int j = 0; j < WIDTH; j++) {
      pixel[j] += start;
      for (int32_t c = 0; c < channel; c++) x[c][j] = before[pixel[j] * s->channels + c];
    }
    finite &= prepare(s, t, p, pixel, channel, x, &m);
    for (int32_t v = 0; v <= s->levels; v++) {
      vec all;
      uint32_t at[WIDTH];
      for (int j = 0; j < WIDTH; j++) all[j] = v;
      evaluate(s, t, &m, all, at);
      for (int j = 0; j < active; j++) cdf[pixel[j] * (s->levels + 1) + v] = at[j];
    }
  }
  return finite ? 0 : -1;
}

void table_encode_lanes(const uint32_t *cdf, const int64_t *rows, int32_t levels,
                        const uint16_t *symbols, int64_t count, int32_t lanes, int32_t first,
                        int32_t last, uint8_t *out, size_t capacity, size_t *sizes) {
  for (int32_t lane = first; lane < last; lane++) {
    rc_encoder e;
    rc_encoder_begin(&e, out + (size_t)lane * capacity);
    for (int64_t i = lane; i < count; i += lanes) {
      const uint32_t *at = cdf + (rows ? rows[i] : i) * (levels + 1) + symbols[i];
      rc_encode(&e, at[0], at[1]);
    }
    sizes[lane] = rc_encoder_end(&e);
  }
}

void table_decode_lanes(const uint32_t *cdf, const int64_t *rows, int32_t levels,
                        const uint8_t *bytes, const size_t *offsets, int64_t count, int32_t lanes,
                        int32_t first, int32_t last, uint16_t *symbols) {
  for (int32_t lane = first; lane < last; lane++) {
    rc_decoder d;
    rc_decoder_begin(&d, bytes + offsets[lane], offsets[lane + 1] - offsets[lane]);
    for (int64_t i = lane; i < count; i += lanes) {
      const uint32_t *row = cdf + (rows ? rows[i] : i) * (levels + 1);
      uint32_t target = rc_target(&d);
      int32_t low = 0, length = levels; /* row[low] <= target < row[low + length] */
      while (length > 1) {
        int32_t half = length >> 1;
        low = row[low + half] <= target ? low + half : low;
        length -= half;
      }
      rc_consume(&d, row[low], row[low + 1]);
      symbols[i] = (uint16_t)low;
    }
  }
}
