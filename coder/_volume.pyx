# cython: language_level=3, boundscheck=False, wraparound=False, freethreading_compatible=True
"""Cython border of volume.c: takes contiguous arrays that volume.py has checked, without the GIL."""

from libc.stddef cimport size_t
from libc.stdint cimport int16_t, int32_t, int64_t, uint8_t


cdef extern from "volume.h":
    ctypedef struct volume_network:
        int32_t features, levels, top
        const int32_t *first
        const int16_t *weights[3]
        const int32_t *bias[4]
        const int32_t *shift[4]
        const int32_t *exp
    int volume_encode(const volume_network *, const uint8_t *, int64_t, int64_t, int64_t, uint8_t *, size_t *) nogil
    int volume_decode(const volume_network *, const uint8_t *, size_t, int64_t, int64_t, int64_t, uint8_t *,
                      int *) nogil
    int volume_logits(const volume_network *, const uint8_t *, int64_t, int64_t, int64_t, int32_t *) nogil
    int volume_use_avx2(int) nogil


def use_avx2(int wanted=-1):
    """Whether the variant for AVX2 is used; 1 or 0 sets it where the processor allows."""
    return bool(volume_use_avx2(wanted))


cdef class Network:
    """Keeps the arrays alive that the C structure points into."""

    cdef volume_network network
    cdef object arrays

    def __cinit__(self, const int32_t[:, :, ::1] first, weights, bias, shift, int32_t top, const int32_t[::1] exp):
        """`weights`: packed, of three layers; `bias`, `shift`: of four."""
        cdef const int16_t[::1] packed
        cdef const int32_t[::1] each
        self.arrays = (first, weights, bias, shift, exp)
        self.network.features = first.shape[2]
        self.network.levels = first.shape[1]
        self.network.top = top
        self.network.first = &first[0, 0, 0]
        self.network.exp = &exp[0]
        for i in range(3):
            packed = weights[i]
            self.network.weights[i] = &packed[0]
        for i in range(4):
            each = bias[i]
            self.network.bias[i] = &each[0]
            each = shift[i]
            self.network.shift[i] = &each[0]

    def encode(self, const uint8_t[:, :, ::1] symbols, uint8_t[::1] out):
        """Codes symbols into `out`; their size."""
        cdef size_t size
        cdef int status
        with nogil:
            status = volume_encode(&self.network, &symbols[0, 0, 0], symbols.shape[0], symbols.shape[1],
                                   symbols.shape[2], &out[0], &size)
        if status:
            raise MemoryError
        return size

    def decode(self, bytes data, uint8_t[:, :, ::1] symbols):
        """Fills `symbols`; whether an encoder writes these bytes."""
        cdef const uint8_t *start = data
        cdef size_t size = len(data)
        cdef int status, valid
        with nogil:
            status = volume_decode(&self.network, start, size, symbols.shape[0], symbols.shape[1], symbols.shape[2],
                                   &symbols[0, 0, 0], &valid)
        if status:
            raise MemoryError
        return bool(valid)

    def logits(self, const uint8_t[:, :, ::1] symbols, int32_t[:, ::1] out):
        """Fills `out` (symbols, levels)."""
        cdef int status
        with nogil:
            status = volume_logits(&self.network, &symbols[0, 0, 0], symbols.shape[0], symbols.shape[1],
                                   symbols.shape[2], &out[0, 0])
        if status:
            raise MemoryError
