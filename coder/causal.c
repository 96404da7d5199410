#include "causal.h"

#include <stdlib.h>
#include <string.h>

#include "causal_dense.h"
#include "causal_features.h"
#include "clones.h"

#define UP CAUSAL_UP
#define SIDE CAUSAL_SIDE
#define OUTSIDE 128
#define MAX_OUTPUTS CAUSAL_MAX_OUTPUTS
#define LEAST_MEAN (-(1 << 15))
#define MOST_MEAN ((1 << 15) + (1 << 16) - 1)
#ifdef __GNUC__
#define INLINE static inline __attribute__((always_inline))
#else
#define INLINE static inline
#endif

/* A tile with its padding, the pixels of a block on their way, and where the order of coding has got to. */
typedef struct {
  const causal_network *network;
  int64_t height, width, row; /* row: bytes from one row to the next */
  int64_t step, y;            /* the next pixel: x = step - 4 y */
  uint8_t *padded, *origin;   /* origin: pixel (0, 0) */
  uint8_t *errors;            /* of MED, where pixels are known; laid out as padded */
  mix_shape shape;
  uint8_t *at[CAUSAL_BLOCK];
  int16_t x[CAUSAL_BLOCK][CAUSAL_INPUTS + 6];
  int16_t units[2][CAUSAL_BLOCK * CAUSAL_MAX_WIDTH];
  int32_t sums[CAUSAL_BLOCK * MAX_OUTPUTS];
  int32_t med[CAUSAL_BLOCK][3];
  int32_t parameters[CAUSAL_BLOCK * MAX_OUTPUTS];
  uint16_t symbols[CAUSAL_BLOCK][3];
  const int32_t *bias; /* 12 K */
} tile;

static void tile_free(tile *t) {
  free(t->padded);
  free(t->errors);
  free(t);
}

static tile *tile_new(const causal_network *network, const int32_t *bias, int64_t height, int64_t width) {
  tile *t = malloc(sizeof *t);
  if (!t) return NULL;
  t->network = network;
  t->bias = bias;
  t->height = height, t->width = width, t->row = 3 * (width + 2 * SIDE);
  t->step = t->y = 0;
  t->shape = (mix_shape){3, 256, network->mixtures, 1};
  const size_t size = (size_t)(t->row * (height + UP));
  t->padded = malloc(size);
  t->errors = calloc(size, 1);
  if (!t->padded || !t->errors) {
    tile_free(t);
    return NULL;
  }
  memset(t->padded, OUTSIDE, size);
  memset(t->x, 0, sizeof t->x);
  t->origin = t->padded + UP * t->row + 3 * SIDE;
  return t;
}

/* Rows are padded as soon as their neighbours inside are known: on the left by the pixel above the first one, on the
 * right by the last one. */
static void pad(const tile *t, uint8_t *pixel, int64_t x, int64_t y) {
  if (x == 0 && y + 1 < t->height)
    for (int i = 1; i <= SIDE; i++) memcpy(pixel + t->row - 3 * i, pixel, 3);
  if (x == t->width - 1)
    for (int i = 1; i <= SIDE; i++) memcpy(pixel + 3 * i, pixel, 3);
}

/* Puts the addresses of the next pixels into at[], up to CAUSAL_BLOCK of one step. Returns how many, 0 at the end. */
static int next_pixels(tile *t) {
  int count = 0;
  while (count < CAUSAL_BLOCK) {
    int64_t x = t->step - 4 * t->y;
    if (x < 0 || t->y >= t->height) { /* the step is done; the next one begins at the top */
      if (count) break;
      if (t->step >= t->width - 1 + 4 * (t->height - 1)) break;
      t->step++;
      t->y = t->step < t->width ? 0 : (t->step - t->width) / 4 + 1;
      continue;
    }
    t->at[count++] = t->origin + t->y * t->row + 3 * x;
    t->y++;
  }
  return count;
}

INLINE int32_t limited(int32_t value, int32_t least, int32_t most) {
  return value < least ? least : value > most ? most : value;
}

/* Parameters as the coder takes them, from outputs and bias: means as such instead of offsets from MED, lambda multiplying
 * symbols instead of distances from MED. */
INLINE void place(const int32_t *sums, const int32_t *bias, const int32_t *med, const int K, int32_t *out) {
  int32_t *mean = out + 3 * K, *lambda = out + 9 * K;
  for (int n = 0; n < 12 * K; n++) out[n] = sums[n] + bias[n];
  for (int k = 0; k < 3 * K; k++) lambda[k] = limited(lambda[k], -MIX_LAMBDA_LIMIT, MIX_LAMBDA_LIMIT);
  for (int k = 0; k < 3 * K; k++) {
    mean[k] = limited(mean[k], 2 * LEAST_MEAN, 2 * MOST_MEAN) + 256 * med[k / K];
    mean[k] = limited(mean[k], LEAST_MEAN, MOST_MEAN);
  }
  for (int k = 0; k < K; k++) {
    mean[K + k] -= mix_shift(lambda[k], med[0]);
    mean[2 * K + k] -= mix_shift(lambda[K + k], med[0]) + mix_shift(lambda[2 * K + k], med[1]);
  }
}

/* Outputs of the network for the `count` pixels in at[], on the coder's grids, into sums. */
CLONES
static void run_network(tile *t, int count) {
  const causal_network *n = t->network;
  for (int i = 0; i < count; i++) causal_features(t->at[i], t->errors + (t->at[i] - t->padded), t->row, t->x[i], t->med[i]);
  const int32_t padded = (count + 7) / 8 * 8;
  const int16_t *in = t->x[0];
  int64_t stride = CAUSAL_INPUTS + 6;
  for (int l = 0; l < n->layers; l++) {
    const causal_layer *layer = &n->layer[l];
    const int last = l + 1 == n->layers;
    int16_t *units = t->units[l & 1];
    causal_layer_outputs(layer, in, stride, padded, last ? NULL : units, last ? t->sums : NULL);
    in = units;
    stride = layer->outputs;
  }
}

/* Mixture parameters of the `count` pixels in at[]. */
CLONES
static void predict(tile *t, int count) {
  run_network(t, count);
  const int32_t K = t->network->mixtures, outputs = t->network->layer[t->network->layers - 1].outputs;
  for (int i = 0; i < count; i++) {
    const int32_t *sums = t->sums + (int64_t)i * outputs, *med = t->med[i];
    int32_t *out = t->parameters + 12 * K * i;
    if (K == 1) place(sums, t->bias, med, 1, out); /* loops of known lengths */
    if (K == 2) place(sums, t->bias, med, 2, out);
    if (K == 4) place(sums, t->bias, med, 4, out);
    if (K == 8) place(sums, t->bias, med, 8, out);
  }
}

CLONES
static void load_pixels(tile *t, const uint8_t *pixels) {
  for (int64_t y = 0; y < t->height; y++) memcpy(t->origin + y * t->row, pixels + 3 * y * t->width, (size_t)(3 * t->width));
  for (int64_t y = 0; y < t->height; y++) {
    uint8_t *first = t->origin + y * t->row;
    pad(t, first, 0, y);
    pad(t, first + 3 * (t->width - 1), t->width - 1, y);
  }
  causal_errors(t->padded, t->row, t->height + UP, t->errors);
}

int causal_parameters(const causal_network *network, const int32_t *bias, const uint8_t *pixels, int64_t height, int64_t width,
                      int32_t *parameters) {
  tile *t = tile_new(network, bias, height, width);
  if (!t) return -1;
  load_pixels(t, pixels);
  for (int count; (count = next_pixels(t));) {
    predict(t, count);
    memcpy(parameters, t->parameters, sizeof(int32_t) * 12 * (size_t)(network->mixtures * count));
    parameters += 12 * network->mixtures * count;
  }
  tile_free(t);
  return 0;
}

int causal_encode(const causal_network *network, const int32_t *bias, const mix_tables *tables, const uint8_t *pixels, int64_t height,
                  int64_t width, int32_t lanes, uint8_t *out, size_t capacity, size_t *sizes) {
  tile *t = tile_new(network, bias, height, width);
  if (!t) return -1;
  load_pixels(t, pixels);
  rc_encoder encoders[CAUSAL_MAX_LANES];
  for (int l = 0; l < lanes; l++) rc_encoder_begin(&encoders[l], out + (size_t)l * capacity);
  for (int count; (count = next_pixels(t));) {
    for (int i = 0; i < count; i++)
      for (int c = 0; c < 3; c++) t->symbols[i][c] = t->at[i][c];
    predict(t, count);
    const mix_parameters parameters = {NULL, t->parameters};
    mix_encode_lanes(&t->shape, tables, parameters, t->symbols[0], count, lanes, 0, lanes, encoders);
  }
  for (int l = 0; l < lanes; l++) sizes[l] = rc_encoder_end(&encoders[l]);
  tile_free(t);
  return 0;
}

int causal_decode(const causal_network *network, const int32_t *bias, const mix_tables *tables, const uint8_t *bytes, const size_t *offsets,
                  int64_t height, int64_t width, int32_t lanes, uint8_t *pixels) {
  tile *t = tile_new(network, bias, height, width);
  if (!t) return -1;
  rc_decoder decoders[CAUSAL_MAX_LANES];
  for (int l = 0; l < lanes; l++) rc_decoder_begin(&decoders[l], bytes + offsets[l], offsets[l + 1] - offsets[l]);
  for (int count; (count = next_pixels(t));) {
    predict(t, count);
    const mix_parameters parameters = {NULL, t->parameters};
    mix_decode_lanes(&t->shape, tables, parameters, decoders, count, lanes, 0, lanes, t->symbols[0]);
    for (int i = 0; i < count; i++) {
      uint8_t *error = t->errors + (t->at[i] - t->padded);
      for (int c = 0; c < 3; c++) {
        t->at[i][c] = (uint8_t)t->symbols[i][c];
        error[c] = (uint8_t)causal_distance(t->at[i][c], t->med[i][c]);
      }
      const int64_t at = t->at[i] - t->origin, y = at / t->row, x = at % t->row / 3;
      pad(t, t->at[i], x, y);
    }
  }
  for (int64_t y = 0; y < height; y++) memcpy(pixels + 3 * y * width, t->origin + y * t->row, (size_t)(3 * width));
  tile_free(t);
  return 0;
}

int causal_sample(const causal_network *network, const uint8_t *pixels, int64_t height, int64_t width,
                  const int64_t *places, int64_t count, int32_t *outputs, int16_t *med, uint8_t *x) {
  tile *t = tile_new(network, NULL, height, width);
  if (!t) return -1;
  load_pixels(t, pixels);
  const int32_t all = 12 * network->mixtures, stride = network->layer[network->layers - 1].outputs;
  for (int64_t done = 0; done < count; done += CAUSAL_BLOCK) {
    const int n = count - done < CAUSAL_BLOCK ? (int)(count - done) : CAUSAL_BLOCK;
    for (int i = 0; i < n; i++)
      t->at[i] = t->origin + places[done + i] / width * t->row + places[done + i] % width * 3;
    run_network(t, n);
    for (int i = 0; i < n; i++) {
      memcpy(outputs + (done + i) * all, t->sums + (int64_t)i * stride, sizeof(int32_t) * (size_t)all);
      for (int c = 0; c < 3; c++) {
        med[3 * (done + i) + c] = (int16_t)t->med[i][c];
        x[3 * (done + i) + c] = t->at[i][c];
      }
    }
  }
  tile_free(t);
  return 0;
}

CLONES
int causal_crop_inputs(const uint8_t *crops, int64_t count, int64_t height, int64_t width, int16_t *inputs, int16_t *med,
                       uint8_t *x) {
  const int64_t row = 3 * (width + 2 * SIDE), rows = height + UP;
  uint8_t *errors = malloc((size_t)(row * rows));
  for (int64_t i = 0; errors && i < count; i++) {
    const uint8_t *padded = crops + i * row * rows;
    causal_errors(padded, row, rows, errors);
    for (int64_t y = UP; y < rows; y++)
      for (int64_t j = SIDE; j < width + SIDE; j++) {
        const int64_t at = y * row + 3 * j;
        int32_t m[3];
        causal_features(padded + at, errors + at, row, inputs, m);
        inputs += CAUSAL_INPUTS;
        for (int c = 0; c < 3; c++) *med++ = (int16_t)m[c], *x++ = padded[at + c];
      }
  }
  const int status = errors ? 0 : -1;
  free(errors);
  return status;
}
