/* Range coder with 64-bit state, 32-bit words and 24-bit frequencies, one lane.
 *
 * The interval is [low, low + range) as a binary fraction. A step cuts it in proportion to a frequency, the
 * last symbol taking what rounding leaves; whenever range < 2^32 the top word of low is final but for a carry,
 * which is added to the bytes already written. The decoder keeps code = value - low. See CDF.md for the loss.
 */
#ifndef L3C_RANGE_CODER_H
#define L3C_RANGE_CODER_H

#ifdef __CUDACC_RTC__ /* run-time compilation brings no C headers; mixture_cdf.h has the types */
#include "mixture_cdf.h"
#define UINT64_MAX 0xffffffffffffffffull
#else
#include <stddef.h>
#include <stdint.h>
#endif

#ifdef __CUDACC__
#define RC_FUNCTION static __device__ __host__ __forceinline__
#else
#define RC_FUNCTION static inline
#endif

#define RC_BITS 24
#define RC_TOTAL (1u << RC_BITS)
#define RC_MIN (1ull << 32)
#define RC_MAX_FLUSH 8

typedef struct {
  uint64_t low, range;
  uint8_t *start, *next; /* bytes written: [start, next) */
} rc_encoder;

typedef struct {
  uint64_t code, range;
  const uint8_t *next, *end; /* bytes to read; zeros follow */
  size_t beyond;             /* zeros read past the end */
} rc_decoder;

RC_FUNCTION void rc_encoder_begin(rc_encoder *e, uint8_t *out) {
  e->low = 0;
  e->range = UINT64_MAX;
  e->start = e->next = out;
}

RC_FUNCTION void rc_carry(rc_encoder *e) {
  uint8_t *p = e->next; /* a carry out of the first byte cannot happen: low + range <= 2^64 */
  while (++*--p == 0) {
  }
}

/* REQUIRES 0 <= from < to <= 2^24 and room for 4 bytes. One word a step is enough: range >= 2^32 before
 * the cut, so at least 2^8 after it and at least 2^40 after the shift. */
RC_FUNCTION void rc_encode(rc_encoder *e, uint32_t from, uint32_t to) {
  uint64_t unit = e->range >> RC_BITS;
  uint64_t skip = unit * from;
  e->low += skip;
  if (e->low < skip) rc_carry(e);
  e->range = to == RC_TOTAL ? e->range - skip : unit * (to - from);
  if (e->range < RC_MIN) {
    for (int shift = 56; shift >= 32; shift -= 8) *e->next++ = (uint8_t)(e->low >> shift);
    e->low <<= 32;
    e->range <<= 32;
  }
}

/* The fewest bytes that, followed by zeros, lie in the interval; they do where low + *skip is. */
RC_FUNCTION int rc_end(uint64_t low, uint64_t range, uint64_t *skip) {
  int bytes = 0;
  for (; bytes < RC_MAX_FLUSH; bytes++) {
    *skip = (0 - low) & (UINT64_MAX >> (8 * bytes)); /* up to the next multiple of 2^(64 - 8 bytes) */
    if (*skip < range) return bytes;
  }
  *skip = 0;
  return bytes;
}

/* Writes those bytes; returns the lane's length. */
RC_FUNCTION size_t rc_encoder_end(rc_encoder *e) {
  uint64_t skip;
  int bytes = rc_end(e->low, e->range, &skip);
  e->low += skip;
  if (e->low < skip) rc_carry(e);
  for (int i = 0; i < bytes; i++) *e->next++ = (uint8_t)(e->low >> (56 - 8 * i));
  while (e->next > e->start && e->next[-1] == 0) e->next--;
  return (size_t)(e->next - e->start);
}

RC_FUNCTION uint64_t rc_read_word(rc_decoder *d) {
  uint64_t word = 0;
  if (d->end - d->next >= 4) {
    word = (uint64_t)d->next[0] << 24 | (uint64_t)d->next[1] << 16 | (uint64_t)d->next[2] << 8 | d->next[3];
    d->next += 4;
    return word;
  }
  for (int i = 0; i < 4; i++) {
    int there = d->next < d->end;
    word = word << 8 | (there ? *d->next++ : 0);
    d->beyond += !there;
  }
  return word;
}

RC_FUNCTION void rc_decoder_begin(rc_decoder *d, const uint8_t *bytes, size_t size) {
  d->range = UINT64_MAX;
  d->next = bytes;
  d->end = bytes + size;
  d->beyond = 0;
  d->code = rc_read_word(d) << 32;
  d->code |= rc_read_word(d);
}

/* Where the next symbol lies in 0..2^24 - 1; any bytes give a value in that range. */
RC_FUNCTION uint32_t rc_target(const rc_decoder *d) {
  uint64_t target = d->code / (d->range >> RC_BITS);
  return target < RC_TOTAL ? (uint32_t)target : RC_TOTAL - 1;
}

/* Takes the symbol with from <= rc_target(d) < to out of the state. */
RC_FUNCTION void rc_consume(rc_decoder *d, uint32_t from, uint32_t to) {
  uint64_t unit = d->range >> RC_BITS;
  uint64_t skip = unit * from;
  d->code -= skip;
  d->range = to == RC_TOTAL ? d->range - skip : unit * (to - from);
  if (d->range < RC_MIN) {
    d->code = d->code << 32 | rc_read_word(d);
    d->range <<= 32;
  }
}

/* Whether code < range, as it then always stays; only eight bytes of 255 begin otherwise. */
RC_FUNCTION int rc_decoder_begins(const rc_decoder *d) { return d->code < d->range; }

/* Whether an encoder of the symbols consumed so far writes just these bytes, from `start` on. */
RC_FUNCTION int rc_decoder_ends(const rc_decoder *d, const uint8_t *start) {
  size_t size = (size_t)(d->end - start);
  if (d->next < d->end || (size && start[size - 1] == 0)) return 0;
  uint64_t value = 0, skip; /* value = low + code: the last 8 bytes read */
  for (size_t at = size + d->beyond - 8; at < size + d->beyond; at++)
    value = value << 8 | (at < size ? start[at] : 0);
  rc_end(value - d->code, d->range, &skip);
  return skip == d->code;
}

#endif
