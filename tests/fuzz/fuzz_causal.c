/* Feeds hostile streams and weights to the causal engine: causal.c, causal_dense.c, causal_fit.c and what they use.
 *
 * An input chooses a network within the bounds that coder/causal.py proves (weights up to where a sum just fits 32 bits),
 * a bias, a size and a stream: random bytes in lanes of any lengths. Checked at each, in every variant the processor has:
 *
 *   - decoding ends in pixels, the same in all variants;
 *   - these pixels are encoded to the same bytes in all variants, within the capacity that causal.h asks for, and decode
 *     to themselves;
 *   - what was coded, with bits changed and lanes cut elsewhere, decodes to pixels;
 *   - sampling and fitting end in a bias.
 *
 * Buffers have their exact sizes. Every other network is tiny, of at most two layers of 16 outputs, its tile of at most 20
 * pixels, and gets most of the mutated streams.
 */
#include "causal.h"
#include "causal_loss.h"
#include "fuzz.h"

extern const mix_tables fuzz_tables;
static source input;

static uint32_t any(void) { return word(&input); }

static int32_t upto(int32_t limit) { return (int32_t)(any() % ((uint32_t)limit + 1)); }

static void *kept[3 * CAUSAL_MAX_LAYERS + 1];
static int keeping;

static void *keep(void *made) { return kept[keeping++] = made; }

/* A layer whose sums use up to all of 32 bits; sums of 16 or of a few bits as well. */
static causal_layer make_layer(int32_t inputs, int32_t outputs, int32_t limit, int last) {
  int16_t *weights = keep(room(sizeof(int16_t) * (size_t)(inputs * outputs)));
  int32_t *bias = keep(room(sizeof(int32_t) * (size_t)outputs)), *shift = keep(room(sizeof(int32_t) * (size_t)outputs));
  int32_t most = (INT32_MAX - (1 << 24)) / limit / inputs;
  most = (most > INT16_MAX ? INT16_MAX : most) >> (any() & 1 ? 0 : upto(10));
  for (int32_t i = 0; i < inputs * outputs; i++)
    weights[i] = (int16_t)(any() & 1 ? upto(2 * most) - most : any() & 1 ? most : -most);
  const int32_t same = 1 + upto(23);
  for (int32_t i = 0; i < outputs; i++) {
    bias[i] = upto(1 << 25) - (1 << 24);
    shift[i] = last ? 1 + upto(23) : same;
  }
  return (causal_layer){inputs, outputs, weights, bias, shift, 1 + upto(INT16_MAX - 1)};
}

/* Decodes, mostly with the best variant, what was coded with a few bits changed and, of every other one, the ends of its lanes moved. */
static void mutated(const causal_network *network, const int32_t *shifts, const uint8_t *coded, const size_t *from,
                    int64_t height, int64_t width, int32_t lanes, int times, int best, uint8_t *pixels) {
  const size_t length = from[lanes];
  uint8_t *bytes = room(length);
  for (int m = 0; m < times; m++) {
    size_t ends[CAUSAL_MAX_LANES + 1];
    memcpy(ends, from, sizeof(size_t) * ((size_t)lanes + 1));
    memcpy(bytes, coded, length);
    for (uint32_t flips = 1 + any() % 4; flips && length; flips--) bytes[any() % length] ^= (uint8_t)(1 << (any() & 7));
    if (m & 1)
      for (int l = 1; l < lanes; l++) {
        ends[l] = ends[l - 1] + any() % (length - ends[l - 1] + 1);
      }
    causal_variant(any() & 7 ? best : (int)(any() % CAUSAL_VARIANTS));
    check(!causal_decode(network, shifts, &fuzz_tables, bytes, ends, height, width, lanes, pixels), "memory");
  }
  free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static int best = -1; /* the variant that is used by default */
  if (best < 0) best = causal_variant(-1);
  input = begin(data, size);
  const int tiny = any() & 1;
  causal_network network = {1 + upto(tiny ? 1 : 3), tiny ? 1 : 1 << upto(3), {{0}}};
  int32_t inputs = CAUSAL_INPUTS, limit = 255;
  for (int l = 0; l < network.layers; l++) {
    const int last = l + 1 == network.layers, groups = tiny ? 1 : 1 + upto(any() & 7 ? 1 : 4);
    const int32_t outputs = last ? (12 * network.mixtures + 15) / 16 * 16 : 16 * groups;
    network.layer[l] = make_layer(inputs, outputs, limit, last);
    inputs = outputs;
    limit = network.layer[l].top > 4096 ? network.layer[l].top : 4096;
  }
  int32_t *shifts = keep(room(sizeof(int32_t) * 12 * (size_t)network.mixtures));
  for (int i = 0; i < 12 * network.mixtures; i++) shifts[i] = upto(1 << 14) - (1 << 13);

  const int64_t height = 1 + upto(tiny ? 3 : any() & 7 ? 7 : 20), width = 1 + upto(tiny ? 4 : any() & 7 ? 9 : 80);
  const int64_t count = height * width;
  const int32_t lanes = 1 << upto(4);
  const size_t capacity = 12 * (size_t)(count / lanes + width + 4 * height) + 16;
  size_t offsets[CAUSAL_MAX_LANES + 1] = {0}, sizes[CAUSAL_MAX_LANES], first_sizes[CAUSAL_MAX_LANES];
  for (int l = 0; l < lanes; l++) offsets[l + 1] = offsets[l] + (size_t)upto(any() & 1 ? 100 : 2);
  uint8_t *bytes = room(offsets[lanes]), *pixels = room(3 * (size_t)count), *again = room(3 * (size_t)count);
  uint8_t *out = room(capacity * (size_t)lanes), *first = room(capacity * (size_t)lanes);
  for (size_t i = 0; i < offsets[lanes]; i++) bytes[i] = (uint8_t)any();
  int begun = 0;
  for (int v = 0; v < CAUSAL_VARIANTS; v++) {
    if (causal_variant(v) != v) continue;
    uint8_t *decoded = begun ? again : pixels, *coded = begun ? out : first;
    check(!causal_decode(&network, shifts, &fuzz_tables, bytes, offsets, height, width, lanes, decoded), "memory");
    check(!memcmp(pixels, decoded, 3 * (size_t)count), "variants decode alike");
    check(!causal_encode(&network, shifts, &fuzz_tables, pixels, height, width, lanes, coded, capacity,
                         begun ? sizes : first_sizes),
          "memory");
    size_t from[CAUSAL_MAX_LANES + 1] = {0};
    for (int l = 0; l < lanes; l++) {
      from[l + 1] = from[l] + first_sizes[l];
      if (begun) check(sizes[l] == first_sizes[l], "variants write as much");
      if (begun) check(!memcmp(coded + l * capacity, first + l * capacity, sizes[l]), "variants write alike");
    }
    uint8_t *packed = room(from[lanes]);
    for (int l = 0; l < lanes; l++) memcpy(packed + from[l], first + l * capacity, first_sizes[l]);
    check(!causal_decode(&network, shifts, &fuzz_tables, packed, from, height, width, lanes, again), "memory");
    check(!memcmp(pixels, again, 3 * (size_t)count), "what was coded decodes to itself");
    if (!begun) mutated(&network, shifts, packed, from, height, width, lanes, tiny ? 64 : 4, best, again);
    free(packed);
    begun = 1;
  }

  const int64_t some = 1 + upto(80);
  const int32_t all = 12 * network.mixtures;
  int64_t *places = room(sizeof(int64_t) * (size_t)some);
  for (int64_t i = 0; i < some; i++) places[i] = any() % (uint32_t)count;
  int32_t *outputs = room(sizeof(int32_t) * (size_t)(some * all));
  int16_t *med = room(sizeof(int16_t) * 3 * (size_t)some);
  uint8_t *x = room(3 * (size_t)some);
  float *work = room(sizeof(float) * 2 * (size_t)(CAUSAL_FIT_BLOCK * all));
  int8_t *bias = room((size_t)all);
  check(!causal_sample(&network, pixels, height, width, places, some, outputs, med, x), "memory");
  check(causal_fit(outputs, med, x, some, network.mixtures, work, bias) >= 0, "a fit saves nothing or something");
  void *made[] = {bytes, pixels, again, out, first, places, outputs, med, x, work, bias};
  for (size_t i = 0; i < sizeof made / sizeof *made; i++) free(made[i]);
  while (keeping) free(kept[--keeping]);
  return 0;
}
