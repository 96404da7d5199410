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
#define COLUMNS (CAUSAL_BLOCK + MIX_MARGIN)
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
  int32_t parameters[MAX_OUTPUTS][COLUMNS];
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
  memset(t->parameters, 0, sizeof t->parameters);
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

#ifdef __GNUC__
typedef int32_t four __attribute__((vector_size(16)));
#if defined(__clang__)
#define SHUFFLE(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
#define SHUFFLE(a, b, i, j, k, l) __builtin_shuffle(a, b, (four){i, j, k, l})
#endif
#endif

/* A row for each output with its bias, from the sums of `count` pixels, padded to a multiple of 8. */
INLINE void turn(tile *t, int count, int rows) {
  const int32_t outputs = t->network->layer[t->network->layers - 1].outputs;
#ifdef __GNUC__
  for (int i = 0; i < count; i += 4)
    for (int n = 0; n < rows; n += 4) {
      four bias, a[4], b[4], c[4];
      memcpy(&bias, t->bias + n, sizeof bias);
      for (int j = 0; j < 4; j++) {
        memcpy(&a[j], t->sums + (i + j) * outputs + n, sizeof a[j]);
        a[j] += bias;
      }
      b[0] = SHUFFLE(a[0], a[1], 0, 4, 1, 5), b[1] = SHUFFLE(a[0], a[1], 2, 6, 3, 7);
      b[2] = SHUFFLE(a[2], a[3], 0, 4, 1, 5), b[3] = SHUFFLE(a[2], a[3], 2, 6, 3, 7);
      c[0] = SHUFFLE(b[0], b[2], 0, 1, 4, 5), c[1] = SHUFFLE(b[0], b[2], 2, 3, 6, 7);
      c[2] = SHUFFLE(b[1], b[3], 0, 1, 4, 5), c[3] = SHUFFLE(b[1], b[3], 2, 3, 6, 7);
      for (int j = 0; j < 4; j++) memcpy(&t->parameters[n + j][i], &c[j], sizeof c[j]);
    }
#else
  for (int n = 0; n < rows; n++)
    for (int i = 0; i < count; i++) t->parameters[n][i] = t->sums[i * outputs + n] + t->bias[n];
#endif
}

/* Parameters as the coder takes them, a row for each, from outputs and bias: means as such instead of offsets from MED,
 * lambda multiplying symbols instead of distances from MED. */
INLINE void place(tile *t, int count, const int K) {
  int32_t med[3][CAUSAL_BLOCK];
  for (int c = 0; c < 3; c++)
    for (int i = 0; i < count; i++) med[c][i] = t->med[i][c];
  turn(t, count, 12 * K);
  for (int k = 0; k < 3 * K; k++) {
    int32_t *mean = t->parameters[3 * K + k], *lambda = t->parameters[9 * K + k];
    for (int i = 0; i < count; i++) {
      const int32_t moved = limited(mean[i], 2 * LEAST_MEAN, 2 * MOST_MEAN) + 256 * med[k / K][i];
      mean[i] = limited(moved, LEAST_MEAN, MOST_MEAN);
      lambda[i] = limited(lambda[i], -MIX_LAMBDA_LIMIT, MIX_LAMBDA_LIMIT);
    }
  }
  for (int k = 0; k < K; k++) {
    int32_t *green = t->parameters[4 * K + k], *blue = t->parameters[5 * K + k];
    const int32_t *red_green = t->parameters[9 * K + k], *red_blue = red_green + K * COLUMNS, *green_blue = red_blue + K * COLUMNS;
    for (int i = 0; i < count; i++) {
      green[i] -= mix_shift(red_green[i], med[0][i]);
      blue[i] -= mix_shift(red_blue[i], med[0][i]) + mix_shift(green_blue[i], med[1][i]);
    }
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
  const int32_t K = t->network->mixtures;
  if (K == 1) place(t, count, 1); /* loops of known lengths */
  if (K == 2) place(t, count, 2);
  if (K == 4) place(t, count, 4);
  if (K == 8) place(t, count, 8);
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
    for (int i = 0; i < count; i++)
      for (int n = 0; n < 12 * network->mixtures; n++) *parameters++ = t->parameters[n][i];
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
    const mix_parameters parameters = {NULL, t->parameters[0], COLUMNS};
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
    const mix_parameters parameters = {NULL, t->parameters[0], COLUMNS};
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
