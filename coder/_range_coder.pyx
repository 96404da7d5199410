# cython: language_level=3, boundscheck=False, wraparound=False, freethreading_compatible=True
"""Cython border of lanes.c: takes contiguous arrays that range_coder.py has checked, runs without the GIL."""

from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t

from coder.tables import tables as _make_tables


cdef extern from "lanes.h":
    ctypedef struct mix_tables:
        const int32_t *sigmoid
        const int32_t *inverse_sigma
        const int32_t *reach
        const int32_t *exp
    ctypedef struct mix_shape:
        int32_t channels, levels, mixtures, coupled
    ctypedef struct mix_parameters:
        const float *real
        const int32_t *grid
    int mix_encode_lanes(const mix_shape *, const mix_tables *, mix_parameters, const uint16_t *,
                         int64_t, int32_t, int32_t, int32_t, uint8_t *, size_t, size_t *) nogil
    int mix_decode_lanes(const mix_shape *, const mix_tables *, mix_parameters, const uint8_t *,
                         const size_t *, int64_t, int32_t, int32_t, int32_t, uint16_t *) nogil
    int mix_cdf_tables(const mix_shape *, const mix_tables *, mix_parameters, const uint16_t *,
                       int64_t, int32_t, uint32_t *) nogil
    int mix_use_avx2(int) nogil
    int64_t table_encode_lanes(const uint32_t *, const int64_t *, int32_t, const uint16_t *, int64_t,
                            int32_t, int32_t, int32_t, uint8_t *, size_t, size_t *) nogil
    int64_t table_decode_lanes(const uint32_t *, const int64_t *, int32_t, const uint8_t *,
                            const size_t *, int64_t, int32_t, int32_t, int32_t, uint16_t *) nogil
    int64_t table_flaw(const uint32_t *, int64_t, int32_t) nogil


cdef class _Tables:
    """Keeps the arrays alive that `pointers` points into."""

    cdef mix_tables pointers
    cdef object arrays

    def __cinit__(self):
        self.arrays = _make_tables()
        cdef const int32_t[::1] view
        view = self.arrays.sigmoid
        self.pointers.sigmoid = &view[0]
        view = self.arrays.inverse_sigma
        self.pointers.inverse_sigma = &view[0]
        view = self.arrays.reach
        self.pointers.reach = &view[0]
        view = self.arrays.exp
        self.pointers.exp = &view[0]


cdef _Tables _tables = _Tables()


cdef mix_shape _shape(object shape):
    cdef mix_shape s
    s.channels = shape.channels
    s.levels = shape.levels
    s.mixtures = shape.mixtures
    s.coupled = (2 if shape.sigmoid else 1) if shape.coupled else 0
    return s


cdef mix_parameters _parameters(object array):
    """The array's memory as float32 or int32; the caller keeps the array."""
    cdef mix_parameters p
    cdef const float[::1] real
    cdef const int32_t[::1] grid
    p.real = NULL
    p.grid = NULL
    flat = array.reshape(-1)
    if array.dtype == "float32":
        real = flat
        p.real = &real[0]
    else:
        grid = flat
        p.grid = &grid[0]
    return p


def use_avx2(int wanted=-1):
    """Whether the AVX2 variant is used; 0 or 1 sets it first, for tests. The bytes are the same."""
    return mix_use_avx2(wanted) == 1


def encode_mixture(shape, parameters, const uint16_t[:, ::1] symbols, int32_t lanes, int32_t first,
                   int32_t last, uint8_t[:, ::1] out, size_t[::1] sizes):
    """Codes lanes [first, last) into the rows of `out`; returns whether all parameters were finite."""
    cdef mix_shape s = _shape(shape)
    cdef mix_parameters p = _parameters(parameters)
    cdef int status
    with nogil:
        status = mix_encode_lanes(&s, &_tables.pointers, p, &symbols[0, 0], symbols.shape[0], lanes,
                                  first, last, &out[0, 0], <size_t>out.shape[1], &sizes[0])
    return status == 0


def decode_mixture(shape, parameters, const uint8_t[::1] data, const size_t[::1] offsets,
                   int32_t lanes, int32_t first, int32_t last, uint16_t[:, ::1] symbols):
    """Inverse of `encode_mixture`; lane l lies at data[offsets[l]:offsets[l + 1]]."""
    cdef mix_shape s = _shape(shape)
    cdef mix_parameters p = _parameters(parameters)
    cdef int status
    with nogil:
        status = mix_decode_lanes(&s, &_tables.pointers, p, &data[0], &offsets[0], symbols.shape[0],
                                  lanes, first, last, &symbols[0, 0])
    return status == 0


def mixture_cdf(shape, parameters, const uint16_t[:, ::1] before, int32_t channel,
                uint32_t[:, ::1] cdf):
    """All CDF values of one channel; returns whether all parameters were finite."""
    cdef mix_shape s = _shape(shape)
    cdef mix_parameters p = _parameters(parameters)
    cdef int status
    with nogil:
        status = mix_cdf_tables(&s, &_tables.pointers, p, &before[0, 0], before.shape[0], channel,
                                &cdf[0, 0])
    return status == 0


def encode_tables(const uint32_t[:, ::1] cdf, const int64_t[::1] rows,
                  const uint16_t[::1] symbols, int32_t lanes, int32_t first, int32_t last,
                  uint8_t[:, ::1] out, size_t[::1] sizes):
    """Codes lanes [first, last) of symbols on given CDFs; an empty `rows` means one CDF a symbol.

    Returns -1, or the number of a symbol whose CDF does not increase.
    """
    cdef const int64_t *which = &rows[0] if rows.shape[0] else NULL
    cdef int64_t wrong
    with nogil:
        wrong = table_encode_lanes(&cdf[0, 0], which, <int32_t>(cdf.shape[1] - 1), &symbols[0],
                                   symbols.shape[0], lanes, first, last, &out[0, 0],
                                   <size_t>out.shape[1], &sizes[0])
    return wrong


def decode_tables(const uint32_t[:, ::1] cdf, const int64_t[::1] rows, const uint8_t[::1] data,
                  const size_t[::1] offsets, int32_t lanes, int32_t first, int32_t last,
                  uint16_t[::1] symbols):
    """Inverse of `encode_tables`."""
    cdef const int64_t *which = &rows[0] if rows.shape[0] else NULL
    cdef int64_t wrong
    with nogil:
        wrong = table_decode_lanes(&cdf[0, 0], which, <int32_t>(cdf.shape[1] - 1), &data[0],
                                   &offsets[0], symbols.shape[0], lanes, first, last, &symbols[0])
    return wrong


def first_flaw(const uint32_t[:, ::1] cdf):
    """The first row that does not increase strictly from 0 to 2^24, or -1."""
    cdef int64_t wrong = -1
    if cdf.shape[0]:
        with nogil:
            wrong = table_flaw(&cdf[0, 0], cdf.shape[0], <int32_t>(cdf.shape[1] - 1))
    return wrong
