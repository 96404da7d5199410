/* The coder on a GPU: network outputs on the device -> intervals or bytes, bytes -> symbols, and whole CDFs.
 *
 * All arithmetic is that of mixture_cdf.h and range_coder.h, which the C core includes too; this file only says
 * which thread does what. Integer sums do not depend on their order, so neither do the results.
 * cuda_kernels.py compiles it at run time and launches it; nvcc compiles it in the tests.
 *
 * - Intervals and CDFs: a thread for each symbol, since an encoder knows the channels before.
 * - Encoding: a thread for each lane over the intervals.
 * - Decoding: a warp for each lane. Lanes are few (64 at 512x512) and each is a chain of dependent symbols, so
 *   what counts is the time of one symbol: the components are prepared by a thread each, and the search tries
 *   16 symbols at once, with two threads for each, half of the components each.
 */
#include "mixture_cdf.h"
#include "range_coder.h"

#define WARP 32
#define ALL_THREADS 0xffffffffu
#define CANDIDATES 16
#define MAX_CHANNELS 31
#define SIGMOID_ENTRIES ((2 * MIX_SIGMOID_OFFSET >> MIX_SIGMOID_STEP_BITS) + 2)
#define SCALE_ENTRIES (2 * (MIX_LOG_SIGMA_MAX - MIX_LOG_SIGMA_MIN + 1))

/* Bits of `status`, which starts as 0. */
#define NOT_FINITE 1
#define OUT_OF_RANGE 2

/* Parameter i of pixel p is real[p * pixel_stride + i * parameter_stride], or grid[..]: one of them is set.
 * Pixel by pixel as on the CPU, or plane by plane as a convolution leaves them: then the threads of a warp read
 * neighbouring addresses. `_Source` in cuda_kernels.py has the same fields. */
struct source {
  const float *real;
  const int32_t *grid;
  int64_t pixel_stride, parameter_stride;
  int32_t channels, levels, mixtures;
  int32_t coupled; /* as in lanes.h */
  mix_tables tables;
};

struct __align__(16) component {
  int32_t weight, mu, inverse, reach; /* weight: first the logit */
};

static __device__ int32_t to_grid(float value, int bits, int32_t limit, int *finite) {
  *finite &= fabsf(value) <= 3.4028234e38f;
  float scaled = value * (float)(1 << bits); /* exact, as in lanes.c */
  scaled = scaled < (float)limit ? scaled : (float)limit;
  scaled = scaled > (float)-limit ? scaled : (float)-limit;
  return (int32_t)rintf(scaled); /* ties to even */
}

static __device__ int32_t read(const source &s, int64_t pixel, int64_t index, int bits, int32_t limit,
                               int *finite) {
  int64_t at = pixel * s.pixel_stride + index * s.parameter_stride;
  if (!s.grid) return to_grid(s.real[at], bits, limit, finite);
  int32_t value = s.grid[at];
  return value > limit ? limit : value < -limit ? -limit : value;
}

static __device__ int32_t read_logit(const source &s, int64_t pixel, int32_t c, int32_t k, int *finite) {
  return read(s, pixel, (int64_t)c * s.mixtures + k, MIX_LOGIT_BITS, MIX_LOGIT_LIMIT, finite);
}

/* Component k of channel c, given the symbols x of the channels before; `weight` holds its logit. */
static __device__ component read_component(const source &s, const mix_tables &t, int64_t pixel, int32_t c,
                                           int32_t k, const int32_t *x, int *finite) {
  component m;
  int64_t kind = (int64_t)s.channels * s.mixtures, at = (int64_t)c * s.mixtures + k;
  m.weight = read_logit(s, pixel, c, k, finite);
  m.mu = read(s, pixel, kind + at, MIX_MU_BITS, MIX_MU_LIMIT, finite);
  int32_t sigma = read(s, pixel, 2 * kind + at, MIX_LOG_SIGMA_BITS, MIX_LOG_SIGMA_MAX, finite);
  sigma = (sigma < MIX_LOG_SIGMA_MIN ? MIX_LOG_SIGMA_MIN : sigma) - MIX_LOG_SIGMA_MIN;
  m.inverse = t.scales[2 * sigma];
  m.reach = t.scales[2 * sigma + 1];
  for (int32_t before = 0; s.coupled && before < c; before++) {
    int64_t row = (int64_t)c * (c - 1) / 2 + before;
    int32_t limit = s.coupled == 2 ? MIX_LAMBDA_RAW_LIMIT : MIX_LAMBDA_LIMIT;
    int32_t lambda = read(s, pixel, 3 * kind + row * s.mixtures + k, MIX_LAMBDA_BITS, limit, finite);
    if (s.coupled == 2) lambda = mix_lambda_sigmoid(lambda, t.sigmoid);
    m.mu += mix_shift(lambda, x[before]);
  }
  return m;
}

static __device__ uint64_t share(const component &m, int32_t edge, const int32_t *sigmoid) {
  return (uint64_t)(uint32_t)m.weight *
         (uint32_t)mix_logistic(edge, m.mu, m.inverse, m.reach, sigmoid);
}

/* CDF of one mixture at the lower edges of the N symbols v, by one thread, without arrays over components. */
template <int N>
static __device__ void cdf_at(const source &s, int64_t pixel, int32_t c, const int32_t *x, const int32_t *v,
                              uint32_t *cdf, int *finite) {
  int32_t top = -MIX_LOGIT_LIMIT;
  for (int32_t k = 0; k < s.mixtures; k++) {
    int32_t logit = read_logit(s, pixel, c, k, finite);
    top = logit > top ? logit : top;
  }
  uint32_t weights = 0;
  uint64_t sum[N];
  for (int i = 0; i < N; i++) sum[i] = 0;
  for (int32_t k = 0; k < s.mixtures; k++) {
    component m = read_component(s, s.tables, pixel, c, k, x, finite);
    m.weight = mix_weight(top - m.weight, s.tables.exp);
    weights += (uint32_t)m.weight;
    for (int i = 0; i < N; i++) sum[i] += share(m, mix_edge(v[i]), s.tables.sigmoid);
  }
  uint32_t normalizer = mix_normalizer(weights, s.levels);
  for (int i = 0; i < N; i++)
    cdf[i] = v[i] <= 0 ? 0 : v[i] >= s.levels ? RC_TOTAL : mix_cdf(sum[i], normalizer, v[i]);
}

/* intervals[pixel][channel] = CDF at the symbol and at the next. symbols: (pixels, channels). */
extern "C" __global__ void l3c_intervals(source s, const int32_t *symbols, int64_t pixels, uint32_t *intervals,
                                         int32_t *status) {
  int finite = 1, inside = 1;
  int64_t threads = (int64_t)gridDim.x * blockDim.x;
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < pixels * s.channels; i += threads) {
    int32_t c = (int32_t)(i / pixels); /* neighbouring threads: one channel of neighbouring pixels */
    int64_t pixel = i % pixels;
    const int32_t *x = symbols + pixel * s.channels;
    if ((uint32_t)x[c] >= (uint32_t)s.levels) {
      inside = 0;
      continue;
    }
    int32_t edges[2] = {x[c], x[c] + 1};
    uint32_t cdf[2];
    cdf_at<2>(s, pixel, c, x, edges, cdf, &finite);
    intervals[2 * (pixel * s.channels + c)] = cdf[0];
    intervals[2 * (pixel * s.channels + c) + 1] = cdf[1];
  }
  if (!finite) atomicOr(status, NOT_FINITE);
  if (!inside) atomicOr(status, OUT_OF_RANGE);
}

/* cdf[pixel][v], v in 0..levels, of one channel. */
extern "C" __global__ void l3c_cdf(source s, const int32_t *before, int64_t pixels, int32_t channel,
                                   uint32_t *cdf, int32_t *status) {
  int finite = 1;
  int64_t threads = (int64_t)gridDim.x * blockDim.x, row = (int64_t)s.levels + 1;
  for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < pixels * row; i += threads) {
    int64_t pixel = i / row;
    int32_t v = (int32_t)(i % row);
    cdf_at<1>(s, pixel, channel, before + pixel * s.channels, &v, cdf + i, &finite);
  }
  if (!finite) atomicOr(status, NOT_FINITE);
}

/* Codes lane l to out + l * capacity, its length to sizes[l]. REQUIRES capacity as lanes.h does. */
extern "C" __global__ void l3c_encode(const uint32_t *intervals, int64_t pixels, int32_t channels,
                                      int32_t lanes, uint8_t *out, int64_t capacity, int64_t *sizes) {
  int32_t lane = (int32_t)(blockIdx.x * blockDim.x + threadIdx.x);
  if (lane >= lanes) return;
  rc_encoder e;
  rc_encoder_begin(&e, out + lane * capacity);
  for (int64_t pixel = lane; pixel < pixels; pixel += lanes)
    for (int32_t c = 0; c < channels; c++) {
      const uint32_t *interval = intervals + 2 * (pixel * channels + c);
      rc_encode(&e, interval[0], interval[1]);
    }
  sizes[lane] = (int64_t)rc_encoder_end(&e);
}

static __device__ void copy(const int32_t *from, int32_t *to, int32_t count) {
  for (int32_t i = (int32_t)threadIdx.x; i < count; i += WARP) to[i] = from[i];
}

/* The parameters of a pixel on their way into the cache, before they are asked for. */
static __device__ void prefetch(const source &s, int64_t pixel, int32_t parameters) {
#ifdef __CUDA_ARCH__
  const char *base = s.grid ? (const char *)s.grid : (const char *)s.real;
  int32_t step = s.parameter_stride == 1 ? 128 / 4 : 1; /* one in each line of 128 bytes */
  for (int32_t i = (int32_t)threadIdx.x * step; i < parameters; i += WARP * step) {
    const char *at = base + 4 * (pixel * s.pixel_stride + i * s.parameter_stride);
    asm volatile("prefetch.global.L1 [%0];" : : "l"(at));
  }
#else
  (void)s, (void)pixel, (void)parameters;
#endif
}

/* Decodes lane blockIdx.x from bytes + offsets[lane] to bytes + offsets[lane + 1]. Any bytes end in symbols.
 * REQUIRES blocks of one warp. All threads hold the same state of the range decoder. */
extern "C" __global__ void __launch_bounds__(WARP)
    l3c_decode(source s, const uint8_t *bytes, const int64_t *offsets, int64_t pixels, int32_t lanes,
               int32_t *symbols, int32_t *status) {
  __shared__ int32_t sigmoid[SIGMOID_ENTRIES], scales[SCALE_ENTRIES], exps[MIX_EXP_ENTRIES];
  __shared__ component m[MIX_MAX_MIXTURES];
  __shared__ int32_t x[MAX_CHANNELS];
  copy(s.tables.sigmoid, sigmoid, SIGMOID_ENTRIES);
  copy(s.tables.scales, scales, SCALE_ENTRIES);
  copy(s.tables.exp, exps, MIX_EXP_ENTRIES);
  __syncwarp();
  mix_tables t = {sigmoid, scales, exps};

  const int32_t lane = (int32_t)blockIdx.x, thread = (int32_t)threadIdx.x, K = s.mixtures;
  const int32_t candidate = thread % CANDIDATES, part = thread / CANDIDATES;
  const int32_t lambdas = s.coupled ? s.channels * (s.channels - 1) / 2 : 0;
  int finite = 1;
  rc_decoder d;
  rc_decoder_begin(&d, bytes + offsets[lane], (size_t)(offsets[lane + 1] - offsets[lane]));

  for (int64_t pixel = lane; pixel < pixels; pixel += lanes) {
    if (pixel + lanes < pixels) prefetch(s, pixel + lanes, (3 * s.channels + lambdas) * K);
    for (int32_t c = 0; c < s.channels; c++) {
      int32_t top = -MIX_LOGIT_LIMIT;
      for (int32_t k = thread; k < K; k += WARP) {
        m[k] = read_component(s, t, pixel, c, k, x, &finite);
        top = m[k].weight > top ? m[k].weight : top;
      }
      for (int32_t step = WARP / 2; step > 0; step >>= 1) {
        int32_t other = __shfl_xor_sync(ALL_THREADS, top, step);
        top = other > top ? other : top;
      }
      uint32_t weights = 0;
      for (int32_t k = thread; k < K; k += WARP) {
        m[k].weight = mix_weight(top - m[k].weight, exps);
        weights += (uint32_t)m[k].weight;
      }
      for (int32_t step = WARP / 2; step > 0; step >>= 1)
        weights += __shfl_xor_sync(ALL_THREADS, weights, step);
      __syncwarp();
      uint32_t normalizer = mix_normalizer(weights, s.levels);

      uint32_t target = rc_target(&d), from = 0, to = RC_TOTAL;
      int32_t low = 0, high = s.levels; /* invariant: from = CDF(low) <= target < CDF(high) = to */
      while (high - low > 1) {
        /* candidates low + step, low + 2 step, .. at most high - 1 cut the span into 17 parts or fewer */
        int32_t step = (high - low + CANDIDATES) / (CANDIDATES + 1), last = high - 1;
        int32_t v = low + step * (candidate + 1);
        v = v < last ? v : last;
        uint64_t sum = 0;
        for (int32_t k = part; k < K; k += WARP / CANDIDATES) sum += share(m[k], mix_edge(v), sigmoid);
        sum += __shfl_xor_sync(ALL_THREADS, sum, CANDIDATES);
        uint32_t at = mix_cdf(sum, normalizer, v);
        /* the CDF increases: the candidates at or below the target are the first ones */
        int32_t below = __popc(__ballot_sync(ALL_THREADS, at <= target) & ((1u << CANDIDATES) - 1));
        uint32_t at_low = __shfl_sync(ALL_THREADS, at, below ? below - 1 : 0);
        uint32_t at_high = __shfl_sync(ALL_THREADS, at, below < CANDIDATES ? below : 0);
        int32_t start = low;
        if (below) {
          low = start + step * below;
          low = low < last ? low : last;
          from = at_low;
        }
        if (below < CANDIDATES) {
          high = start + step * (below + 1);
          high = high < last ? high : last;
          to = at_high;
        }
      }
      rc_consume(&d, from, to);
      if (thread == 0) x[c] = symbols[pixel * s.channels + c] = low;
      __syncwarp();
    }
  }
  if (!finite) atomicOr(status, NOT_FINITE);
}
