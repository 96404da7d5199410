# cython: language_level=3, boundscheck=False, wraparound=False, freethreading_compatible=True
"""Cython border of mixture_loss.c: takes contiguous arrays that its caller has checked, without the GIL."""

from libc.stdint cimport int32_t, int64_t


cdef extern from "mixture_loss.h":
    enum: MIXTURE_LOSS_WIDTH
    ctypedef struct mixture_units:
        int32_t channels, levels, mixtures, parameters, sigmoid, centred
        const float *scale
        const float *shift
        const float *low
        const float *high
    double mixture_loss(const mixture_units *, const float *, const float *, int64_t, float *, float *,
                        float *) nogil


BLOCK = MIXTURE_LOSS_WIDTH


def loss(shape, bint centred, const float[:, ::1] units, const float[:, ::1] outputs, const float[:, ::1] symbols,
         float[:, ::1] by_outputs, float[:, ::1] by_symbols, float[:, ::1] work):
    """Nats of all symbols; `units` (4, P) are scale, shift, low, high; `work` is (4 P, BLOCK)."""
    cdef mixture_units u
    cdef double nats
    u.channels, u.levels, u.mixtures, u.parameters = shape.channels, shape.levels, shape.mixtures, shape.parameters
    u.sigmoid, u.centred = shape.sigmoid, centred
    u.scale, u.shift, u.low, u.high = &units[0, 0], &units[1, 0], &units[2, 0], &units[3, 0]
    cdef float *by_y = NULL if by_outputs is None else &by_outputs[0, 0]
    cdef float *by_x = NULL if by_symbols is None else &by_symbols[0, 0]
    with nogil:
        nats = mixture_loss(&u, &outputs[0, 0], &symbols[0, 0], outputs.shape[0], by_y, by_x, &work[0, 0])
    return nats
