# cython: language_level=3, boundscheck=False, wraparound=False, freethreading_compatible=True
"""Cython border of lanes.c: takes contiguous arrays that its callers have checked, without the GIL."""

cimport cython
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stddef cimport size_t
from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport free, realloc

from coder.errors import CorruptStreamError, StreamEndedError
from coder.shape import MAX_LANES
from coder.tables import tables as _make_tables


cdef extern from "Python.h":
    ctypedef struct PyThreadState:
        pass
    PyThreadState *PyEval_SaveThread() nogil
    void PyEval_RestoreThread(PyThreadState *) nogil


cdef extern from "lanes.h":
    ctypedef struct rc_encoder:
        uint8_t *start
        uint8_t *next
    ctypedef struct rc_decoder:
        pass
    void rc_encoder_begin(rc_encoder *, uint8_t *) nogil
    size_t rc_encoder_end(rc_encoder *) nogil
    void rc_decoder_begin(rc_decoder *, const uint8_t *, size_t) nogil
    bint rc_decoder_begins(const rc_decoder *) nogil
    bint rc_decoder_ends(const rc_decoder *, const uint8_t *) nogil

    ctypedef struct mix_tables:
        const int32_t *sigmoid
        const int32_t *scales
        const int32_t *exp
    ctypedef struct mix_shape:
        int32_t channels, levels, mixtures, coupled
    ctypedef struct mix_parameters:
        const float *real
        const int32_t *grid
        int64_t columns
    ctypedef struct cdf_tables:
        const uint32_t *cdf
        const int64_t *rows
        int32_t levels, shared
    int mix_encode_lanes(const mix_shape *, const mix_tables *, mix_parameters, const uint16_t *,
                         int64_t, int32_t, int32_t, int32_t, rc_encoder *) nogil
    int mix_decode_lanes(const mix_shape *, const mix_tables *, mix_parameters, rc_decoder *,
                         int64_t, int32_t, int32_t, int32_t, uint16_t *) nogil
    int mix_cdf_tables(const mix_shape *, const mix_tables *, mix_parameters, const uint16_t *,
                       int64_t, int32_t, uint32_t *) nogil
    int mix_variant(int) nogil
    int64_t table_encode_lanes(cdf_tables, const uint16_t *, int64_t, int32_t, int32_t,
                               int32_t, rc_encoder *) nogil
    int64_t table_decode_lanes(cdf_tables, rc_decoder *, int64_t, int32_t, int32_t,
                               int32_t, uint16_t *) nogil
    int64_t table_flaw(const uint32_t *, int64_t, int32_t) nogil
    void uniform_encode(rc_encoder *, const uint16_t *, int64_t, uint32_t) nogil
    void uniform_decode(rc_decoder *, uint16_t *, int64_t, uint32_t) nogil


cdef enum:
    MOST_LANES = 256
    FEW = 64  # symbols that are not worth a release of the GIL

assert MOST_LANES == MAX_LANES


cdef class _Tables:
    """Keeps the arrays alive that `pointers` points into."""

    cdef mix_tables pointers
    cdef object arrays

    def __cinit__(self):
        self.arrays = [array.ravel() for array in _make_tables()]
        cdef const int32_t[::1] sigmoid = self.arrays[0], scales = self.arrays[1]
        cdef const int32_t[::1] exp = self.arrays[2]
        self.pointers.sigmoid = &sigmoid[0]
        self.pointers.scales = &scales[0]
        self.pointers.exp = &exp[0]


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
    cdef const float[:, ::1] real
    cdef const int32_t[:, ::1] grid
    p.real = NULL
    p.grid = NULL
    p.columns = 0
    if array.dtype.kind == "f":
        real = array
        p.real = &real[0, 0]
    else:
        grid = array
        p.grid = &grid[0, 0]
    return p


cdef cdf_tables _cdfs(const uint32_t[:, ::1] cdf, const int64_t[::1] rows, bint shared):
    cdef cdf_tables t
    t.cdf = &cdf[0, 0]
    t.rows = &rows[0] if rows.shape[0] else NULL
    t.levels = <int32_t>(cdf.shape[1] - 1)
    t.shared = shared
    return t


cdef PyThreadState *_release(int64_t symbols) noexcept:
    """Lets other threads run, where there is enough to do meanwhile."""
    return PyEval_SaveThread() if symbols > FEW else NULL


cdef void _acquire(PyThreadState *released) noexcept:
    if released:
        PyEval_RestoreThread(released)


def use_variant(int wanted=-1):
    """The variant in use: 0 portable, 1 AVX2, 2 AVX-512; `wanted` asks for one first. The bytes are the same."""
    return mix_variant(wanted)


# Whole streams: any number of lanes, begun and ended by one call for each.


cdef void _begin_encoders(rc_encoder *e, int32_t first, int32_t last, uint8_t[:, ::1] out) noexcept nogil:
    cdef int32_t lane
    for lane in range(first, last):
        rc_encoder_begin(&e[lane - first], &out[lane, 0])


cdef void _end_encoders(rc_encoder *e, int32_t first, int32_t last, size_t[::1] sizes) noexcept nogil:
    cdef int32_t lane
    for lane in range(first, last):
        sizes[lane] = rc_encoder_end(&e[lane - first])


cdef void _begin_decoders(rc_decoder *d, int32_t first, int32_t last, const uint8_t[::1] data,
                          const size_t[::1] offsets) noexcept nogil:
    cdef int32_t lane
    for lane in range(first, last):
        rc_decoder_begin(&d[lane - first], &data[offsets[lane]], offsets[lane + 1] - offsets[lane])


def encode_mixture(shape, parameters, const uint16_t[:, ::1] symbols, int32_t lanes, int32_t first,
                   int32_t last, uint8_t[:, ::1] out, size_t[::1] sizes):
    """Codes lanes [first, last) into the rows of `out`; returns whether all parameters were finite."""
    cdef mix_shape s = _shape(shape)
    cdef mix_parameters p = _parameters(parameters)
    cdef rc_encoder e[MOST_LANES]
    cdef int status
    with nogil:
        _begin_encoders(e, first, last, out)
        status = mix_encode_lanes(&s, &_tables.pointers, p, &symbols[0, 0], symbols.shape[0], lanes,
                                  first, last, e)
        _end_encoders(e, first, last, sizes)
    return status == 0


def decode_mixture(shape, parameters, const uint8_t[::1] data, const size_t[::1] offsets,
                   int32_t lanes, int32_t first, int32_t last, uint16_t[:, ::1] symbols):
    """Inverse of `encode_mixture`; lane l lies at data[offsets[l]:offsets[l + 1]]."""
    cdef mix_shape s = _shape(shape)
    cdef mix_parameters p = _parameters(parameters)
    cdef rc_decoder d[MOST_LANES]
    cdef int status
    with nogil:
        _begin_decoders(d, first, last, data, offsets)
        status = mix_decode_lanes(&s, &_tables.pointers, p, d, symbols.shape[0], lanes, first, last,
                                  &symbols[0, 0])
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
    cdef cdf_tables t = _cdfs(cdf, rows, False)
    cdef rc_encoder e[MOST_LANES]
    cdef int64_t wrong
    with nogil:
        _begin_encoders(e, first, last, out)
        wrong = table_encode_lanes(t, &symbols[0], symbols.shape[0], lanes, first, last, e)
        _end_encoders(e, first, last, sizes)
    return wrong


def decode_tables(const uint32_t[:, ::1] cdf, const int64_t[::1] rows, const uint8_t[::1] data,
                  const size_t[::1] offsets, int32_t lanes, int32_t first, int32_t last,
                  uint16_t[::1] symbols):
    """Inverse of `encode_tables`."""
    cdef cdf_tables t = _cdfs(cdf, rows, False)
    cdef rc_decoder d[MOST_LANES]
    cdef int64_t wrong
    with nogil:
        _begin_decoders(d, first, last, data, offsets)
        wrong = table_decode_lanes(t, d, symbols.shape[0], lanes, first, last, &symbols[0])
    return wrong


def first_flaw(const uint32_t[:, ::1] cdf):
    """The first row that does not increase strictly from 0 to 2^24, or -1."""
    cdef int64_t wrong = -1
    cdef PyThreadState *released
    if cdf.shape[0]:
        released = _release(cdf.shape[0])
        wrong = table_flaw(&cdf[0, 0], cdf.shape[0], <int32_t>(cdf.shape[1] - 1))
        _acquire(released)
    return wrong


# One lane, in any number of calls. A lock lets threads take turns at one stream. All arrays hold at
# least one symbol; what a call returns is what the function of the same name above does.


@cython.final
cdef class Encoder:
    """The coder's state and the bytes so far."""

    cdef cython.pymutex lock
    cdef rc_encoder state
    cdef uint8_t *buffer
    cdef size_t size
    cdef bint ended

    def __cinit__(self):
        rc_encoder_begin(&self.state, NULL)

    def __dealloc__(self):
        free(self.buffer)

    cdef int room(self, int64_t symbols) except -1:
        """Makes room for so many symbols and the end."""
        if self.ended:
            raise StreamEndedError("the stream has ended: a new one is a new RangeEncoder")
        cdef size_t used = self.state.next - self.state.start
        cdef size_t needed = used + 4 * <size_t>symbols + 16
        if needed > self.size:
            needed += used  # twice as much as before: all moves together copy each byte about once
            moved = <uint8_t *>realloc(self.buffer, needed)
            if moved == NULL:
                raise MemoryError
            self.buffer = self.state.start = moved
            self.state.next = moved + used
            self.size = needed
        return 0

    def tables(self, const uint32_t[:, ::1] cdf, const int64_t[::1] rows, bint shared,
               const uint16_t[::1] symbols):
        cdef cdf_tables t = _cdfs(cdf, rows, shared)
        with self.lock:
            self.room(symbols.shape[0])
            released = _release(symbols.shape[0])
            wrong = table_encode_lanes(t, &symbols[0], symbols.shape[0], 1, 0, 1, &self.state)
            _acquire(released)
            self.ended = wrong >= 0
        return wrong

    def mixture(self, shape, parameters, const uint16_t[:, ::1] symbols):
        cdef mix_shape s = _shape(shape)
        cdef mix_parameters p = _parameters(parameters)
        cdef int64_t count = symbols.shape[0] * symbols.shape[1]
        with self.lock:
            self.room(count)
            released = _release(count)
            status = mix_encode_lanes(&s, &_tables.pointers, p, &symbols[0, 0], symbols.shape[0], 1,
                                      0, 1, &self.state)
            _acquire(released)
            self.ended = status != 0
        return status == 0

    def uniform(self, const uint16_t[::1] symbols, uint32_t levels):
        with self.lock:
            self.room(symbols.shape[0])
            released = _release(symbols.shape[0])
            uniform_encode(&self.state, &symbols[0], symbols.shape[0], levels)
            _acquire(released)

    def end(self):
        """The stream."""
        with self.lock:
            self.room(0)
            size = rc_encoder_end(&self.state)
            self.ended = True
            return PyBytes_FromStringAndSize(<char *>self.buffer, size)


@cython.final
cdef class Decoder:
    """The coder's state and the stream."""

    cdef cython.pymutex lock
    cdef rc_decoder state
    cdef const uint8_t *start
    cdef bytes data
    cdef bint ended

    def __cinit__(self, bytes data not None):
        self.data = data
        self.start = <const uint8_t *><const char *>data
        rc_decoder_begin(&self.state, self.start, len(data))
        if not rc_decoder_begins(&self.state):
            raise CorruptStreamError("the stream starts as no stream does")

    cdef int open(self) except -1:
        if self.ended:
            raise StreamEndedError("the stream has ended: to decode it again takes a new RangeDecoder")
        return 0

    def tables(self, const uint32_t[:, ::1] cdf, const int64_t[::1] rows, bint shared,
               uint16_t[::1] symbols):
        cdef cdf_tables t = _cdfs(cdf, rows, shared)
        with self.lock:
            self.open()
            released = _release(symbols.shape[0])
            wrong = table_decode_lanes(t, &self.state, symbols.shape[0], 1, 0, 1, &symbols[0])
            _acquire(released)
            self.ended = wrong >= 0
        return wrong

    def mixture(self, shape, parameters, uint16_t[:, ::1] symbols):
        cdef mix_shape s = _shape(shape)
        cdef mix_parameters p = _parameters(parameters)
        with self.lock:
            self.open()
            released = _release(symbols.shape[0] * symbols.shape[1])
            status = mix_decode_lanes(&s, &_tables.pointers, p, &self.state, symbols.shape[0], 1, 0,
                                      1, &symbols[0, 0])
            _acquire(released)
            self.ended = status != 0
        return status == 0

    def uniform(self, uint16_t[::1] symbols, uint32_t levels):
        with self.lock:
            self.open()
            released = _release(symbols.shape[0])
            uniform_decode(&self.state, &symbols[0], symbols.shape[0], levels)
            _acquire(released)

    def end(self):
        """Raises CorruptStreamError unless an encoder of these symbols writes just these bytes."""
        with self.lock:
            self.open()
            self.ended = True
            if not rc_decoder_ends(&self.state, self.start):
                raise CorruptStreamError("the stream does not end where its symbols do")
