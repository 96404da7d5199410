/* Layers of the causal network on blocks of pixels, for one instruction set; causal_dense.c includes this file once for
 * each, with NAME (suffix of the functions), TARGET (their attribute), GROUPS (groups of 16 outputs of a tile, 1 or 3), ROWS
 * (its pixels; MORE_ROWS, where fewer groups are left), VECTORS (registers of a group), and
 *
 *   acc               a register of sums
 *   START(p)          sums from memory
 *   PAIR(p)           two inputs at p, in every place of a register
 *   WEIGHTS(p, i)     register i of a group's weights for two inputs
 *   ADD(a, w, x)      a + w x, summed by pairs
 *   STORE_SUMS(p, a, shift)    sums shifted right, each by its own shift
 *   STORE_UNITS(p, a, shift, top)   a group's sums, shifted alike, bent, clipped and stored as 16 bits
 */

#define LOCAL static inline __attribute__((always_inline)) TARGET

LOCAL void NAME(tile)(const causal_layer *l, const int16_t *x, int64_t stride, int32_t group, const int groups,
                      const int rows, int16_t *units, int32_t *sums) {
  acc a[MORE_ROWS][GROUPS][VECTORS];
  const int32_t pairs = l->inputs / 2, first = 16 * group;
  const int16_t *weights = l->weights + (size_t)first * (size_t)l->inputs;
  UNROLL for (int g = 0; g < groups; g++)
    UNROLL for (int v = 0; v < VECTORS; v++) {
      const acc start = START(l->bias + first + 16 * g + 16 / VECTORS * v);
      UNROLL for (int r = 0; r < rows; r++) a[r][g][v] = start;
    }
  for (int32_t i = 0; i < pairs; i++) {
    WEIGHT w[GROUPS][VECTORS];
    UNROLL for (int g = 0; g < groups; g++)
      UNROLL for (int v = 0; v < VECTORS; v++)
        w[g][v] = WEIGHTS(weights + ((size_t)g * (size_t)pairs + (size_t)i) * 32, v);
    UNROLL for (int r = 0; r < rows; r++)
      UNROLL for (int g = 0; g < groups; g++)
        UNROLL for (int v = 0; v < VECTORS; v++)
          a[r][g][v] = ADD(a[r][g][v], w[g][v], PAIR(x + r * stride + 2 * i));
  }
  UNROLL for (int r = 0; r < rows; r++)
    UNROLL for (int g = 0; g < groups; g++) {
      const int64_t at = (int64_t)r * l->outputs + first + 16 * g;
      if (units)
        STORE_UNITS(units + at, a[r][g], l->shift[0], l->top);
      else
        UNROLL for (int v = 0; v < VECTORS; v++)
          STORE_SUMS(sums + at + 16 / VECTORS * v, a[r][g][v], l->shift + first + 16 * g + 16 / VECTORS * v);
    }
}

/* Outputs of `pixels` pixels, a multiple of 8: units of a hidden layer, or sums of the last one. */
TARGET static void NAME(layer)(const causal_layer *l, const int16_t *x, int64_t stride, int32_t pixels, int16_t *units,
                               int32_t *sums) {
  for (int32_t group = 0, groups; group < l->outputs / 16; group += groups) {
    const int32_t left = l->outputs / 16 - group;
    groups = left == 4 && GROUPS == 3 ? 2 : left < GROUPS ? left : GROUPS; /* 2 + 2 keep more sums going than 3 + 1 */
    const int32_t rows = groups == GROUPS ? ROWS : MORE_ROWS;
    for (int32_t p = 0; p < pixels; p += rows) {
      const int16_t *in = x + p * stride;
      int16_t *u = units ? units + (int64_t)p * l->outputs : 0;
      int32_t *s = sums ? sums + (int64_t)p * l->outputs : 0;
      if (groups == GROUPS) NAME(tile)(l, in, stride, group, GROUPS, ROWS, u, s);
#if GROUPS == 3
      if (groups == 2) NAME(tile)(l, in, stride, group, 2, MORE_ROWS, u, s);
      if (groups == 1) NAME(tile)(l, in, stride, group, 1, MORE_ROWS, u, s);
#endif
    }
  }
}

#undef LOCAL
#undef NAME
#undef TARGET
#undef ROWS
#undef MORE_ROWS
#undef GROUPS
#undef VECTORS
#undef WEIGHT
#undef acc
#undef START
#undef PAIR
#undef WEIGHTS
#undef ADD
#undef STORE_SUMS
#undef STORE_UNITS
