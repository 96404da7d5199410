# cython: language_level=3, boundscheck=False, wraparound=False, freethreading_compatible=True
"""Cython border of causal.c and causal_loss.c: takes contiguous arrays that causal.py has checked, without the GIL."""

from libc.stddef cimport size_t
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t

from coder.tables import tables as _make_tables


cdef extern from "causal.h":
    ctypedef struct mix_tables:
        const int32_t *sigmoid
        const int32_t *scales
        const int32_t *exp
    ctypedef struct causal_layer:
        int32_t inputs, outputs
        const int16_t *weights
        const int32_t *bias
        const int32_t *shift
        int32_t top
    ctypedef struct causal_network:
        int32_t layers, mixtures
        causal_layer layer[8]
    int causal_parameters(const causal_network *, const int32_t *, const uint8_t *, int64_t, int64_t,
                          int32_t *) nogil
    int causal_encode(const causal_network *, const int32_t *, const mix_tables *, const uint8_t *, int64_t,
                      int64_t, int32_t, uint8_t *, size_t, size_t *) nogil
    int causal_decode(const causal_network *, const int32_t *, const mix_tables *, const uint8_t *,
                      const size_t *, int64_t, int64_t, int32_t, uint8_t *) nogil
    int causal_sample(const causal_network *, const uint8_t *, int64_t, int64_t, const int64_t *, int64_t, int32_t *,
                      int16_t *, uint8_t *) nogil
    int causal_crop_inputs(const uint8_t *, int64_t, int64_t, int64_t, int16_t *, int16_t *, uint8_t *) nogil
    int causal_variant(int) nogil

cdef extern from "sha256.h":
    void c_sha256 "sha256"(const uint8_t *, size_t, uint8_t *) nogil

cdef extern from "causal_loss.h":
    enum: CAUSAL_FIT_BLOCK
    double causal_loss(const float *, const int16_t *, const uint8_t *, int64_t, int32_t, float *) nogil
    double causal_fit(const int32_t *, const int16_t *, const uint8_t *, int64_t, int32_t, float *, int8_t *) nogil


FIT_BLOCK = CAUSAL_FIT_BLOCK


def sha256(const uint8_t[::1] data not None):
    """The 32 bytes of SHA-256."""
    cdef uint8_t digest[32]
    c_sha256(&data[0] if data.shape[0] else NULL, <size_t>data.shape[0], digest)
    return digest[:32]


def use_variant(int wanted=-1):
    """The instruction set in use: 0 portable, 1 SSE2, 2 AVX2, 3 AVX-512, 4 NEON; `wanted` asks for one first."""
    return causal_variant(wanted)


cdef class Network:
    """Keeps the arrays alive that the C structures point into."""

    cdef causal_network network
    cdef mix_tables tables
    cdef object arrays

    def __cinit__(self, layers, int32_t mixtures):
        """`layers`: (packed weights int16, biases int32, shifts int32, inputs, outputs, top) for each layer."""
        cdef const int16_t[::1] weights
        cdef const int32_t[::1] view
        self.arrays = (layers, [array.ravel() for array in _make_tables()])
        self.network.layers = len(layers)
        self.network.mixtures = mixtures
        for i, (packed, bias, shift, inputs, outputs, top) in enumerate(layers):
            weights = packed
            self.network.layer[i].weights = &weights[0]
            view = bias
            self.network.layer[i].bias = &view[0]
            view = shift
            self.network.layer[i].shift = &view[0]
            self.network.layer[i].inputs = inputs
            self.network.layer[i].outputs = outputs
            self.network.layer[i].top = top
        cdef const int32_t[::1] sigmoid = self.arrays[1][0], scales = self.arrays[1][1]
        cdef const int32_t[::1] exp = self.arrays[1][2]
        self.tables.sigmoid = &sigmoid[0]
        self.tables.scales = &scales[0]
        self.tables.exp = &exp[0]

    def parameters(self, const uint8_t[:, :, ::1] pixels, const int32_t[::1] bias, int32_t[:, ::1] out):
        """Fills `out` (pixels, 12 K) in the order of coding."""
        cdef int status
        with nogil:
            status = causal_parameters(&self.network, &bias[0], &pixels[0, 0, 0], pixels.shape[0], pixels.shape[1],
                                       &out[0, 0])
        if status:
            raise MemoryError

    def encode(self, const uint8_t[:, :, ::1] pixels, const int32_t[::1] bias, int32_t lanes,
               uint8_t[:, ::1] out, size_t[::1] sizes):
        """Codes a tile into the rows of `out`, one for each lane."""
        cdef int status
        with nogil:
            status = causal_encode(&self.network, &bias[0], &self.tables, &pixels[0, 0, 0], pixels.shape[0],
                                   pixels.shape[1], lanes, &out[0, 0], <size_t>out.shape[1], &sizes[0])
        if status:
            raise MemoryError

    def decode(self, const uint8_t[::1] data, const size_t[::1] offsets, const int32_t[::1] bias,
               int32_t lanes, uint8_t[:, :, ::1] pixels):
        """Fills `pixels` from the lanes of `data`."""
        cdef int status
        with nogil:
            status = causal_decode(&self.network, &bias[0], &self.tables, &data[0], &offsets[0], pixels.shape[0],
                                   pixels.shape[1], lanes, &pixels[0, 0, 0])
        if status:
            raise MemoryError

    def sample(self, const uint8_t[:, :, ::1] pixels, const int64_t[::1] places, int32_t[:, ::1] outputs,
               int16_t[:, ::1] med, uint8_t[:, ::1] x):
        """Fills the last three with what causal_sample finds at `places`."""
        cdef int status
        with nogil:
            status = causal_sample(&self.network, &pixels[0, 0, 0], pixels.shape[0], pixels.shape[1], &places[0],
                                   places.shape[0], &outputs[0, 0], &med[0, 0], &x[0, 0])
        if status:
            raise MemoryError


def fit(const int32_t[:, ::1] outputs, const int16_t[:, ::1] med, const uint8_t[:, ::1] x, float[::1] work,
        int8_t[::1] bias):
    """Bits that `bias`, which is filled, saves at these pixels."""
    cdef double saved
    with nogil:
        saved = causal_fit(&outputs[0, 0], &med[0, 0], &x[0, 0], outputs.shape[0], <int32_t>(outputs.shape[1] // 12),
                           &work[0], &bias[0])
    return saved


def loss(const float[:, ::1] params, const int16_t[:, ::1] med, const uint8_t[:, ::1] x, float[:, ::1] gradient):
    """Bits of pixels under mixtures, and their gradient."""
    cdef double bits
    with nogil:
        bits = causal_loss(&params[0, 0], &med[0, 0], &x[0, 0], params.shape[0], <int32_t>(params.shape[1] // 12),
                           &gradient[0, 0])
    return bits


def crop_inputs(const uint8_t[:, :, :, ::1] crops, int16_t[:, ::1] inputs, int16_t[:, ::1] med, uint8_t[:, ::1] x):
    """Fills the inputs, MED and values of the pixels of crops with margins."""
    cdef int status
    with nogil:
        status = causal_crop_inputs(&crops[0, 0, 0, 0], crops.shape[0], crops.shape[1] - 3, crops.shape[2] - 6,
                                    &inputs[0, 0], &med[0, 0], &x[0, 0])
    if status:
        raise MemoryError
