"""Encode and decode arrays of symbols, under logistic mixtures or given CDF tables.

    shape = MixtureShape(channels=3, levels=256, mixtures=10, coupled=True)
    data = encode_mixture(symbols, parameters, shape)
    assert (decode_mixture(data, parameters, shape) == symbols).all()

Arrays are NumPy's, or anything it can view without a copy, such as a torch tensor on the CPU. The
parameters are what a network puts out, float32, or integers already on the coder's grids
(tables.py). Frequencies have 24 bits: with 16, the one that every symbol must keep would cost up to
0.2 % of a photograph. A stream is the lengths of all lanes but the last, as LEB128, then the lanes
(CDF.md, section 7).
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from coder import _range_coder
from coder.arguments import (
    Array,
    check_parameters,
    check_symbols,
    check_tables,
    not_finite,
    not_increasing,
)
from coder.errors import CorruptStreamError
from coder.leb128 import join, split
from coder.shape import MAX_LANES, MixtureShape, lane_count

_LOCKSTEP = 8  # lanes that lanes.c runs together: the unit of work of a thread


def encode_mixture(
    symbols: npt.ArrayLike,
    parameters: npt.ArrayLike,
    shape: MixtureShape,
    threads: int | None = None,
    lanes: int | None = None,
) -> bytes:
    """Codes symbols under their mixtures.

    Args:
        symbols: integers (pixels, C), each in 0..L-1.
        parameters: (pixels, P), float32, or int32 on the coder's grids; see `MixtureShape` and
            tables.py.
        shape: what a pixel holds.
        threads: at most so many; all cores by default. The bytes do not depend on it.
        lanes: 1..256, `lane_count(pixels)` by default. One lane is the stream of `RangeEncoder`;
            what is decoded in so many lanes has to be encoded in as many.

    Returns:
        The stream; empty for no pixels.

    Raises:
        TypeError: parameters or symbols of another kind.
        ValueError: shapes that do not fit, a symbol out of range, a parameter that is not finite
            (the message says which).
    """
    checked = check_parameters(parameters, shape)
    values = check_symbols(symbols, shape.levels)
    if values.shape != (len(checked), shape.channels):
        raise ValueError(
            f"symbols must have shape {(len(checked), shape.channels)}, got {values.shape}"
        )
    if not len(values):
        return b""
    lanes = _lanes(lanes, len(values))

    def work(first: int, last: int, out: Array, sizes: Array) -> None:
        if not _range_coder.encode_mixture(shape, checked, values, lanes, first, last, out, sizes):
            raise ValueError(not_finite(checked))

    return _encode_lanes(work, values.size, shape.channels, lanes, threads)


def decode_mixture(
    data: bytes,
    parameters: npt.ArrayLike,
    shape: MixtureShape,
    threads: int | None = None,
    lanes: int | None = None,
) -> npt.NDArray[np.uint16]:
    """Inverse of `encode_mixture`, given the same parameters.

    Returns:
        Symbols, uint16 (pixels, C). Altered bytes give wrong symbols or an error: add a checksum.

    Raises:
        CorruptStreamError: the lengths of the lanes do not fit the data.
        ValueError, TypeError: as `encode_mixture`.
    """
    checked = check_parameters(parameters, shape)
    symbols = np.empty((len(checked), shape.channels), np.uint16)
    if not len(symbols):
        _expect_empty(data)
        return symbols
    lanes = _lanes(lanes, len(symbols))
    body, offsets = split_lanes(data, lanes)

    def work(first: int, last: int) -> None:
        if not _range_coder.decode_mixture(
            shape, checked, body, offsets, lanes, first, last, symbols
        ):
            raise ValueError(not_finite(checked))

    _in_threads(work, lanes, threads)
    return symbols


def mixture_cdf(
    parameters: npt.ArrayLike,
    shape: MixtureShape,
    channel: int = 0,
    before: npt.ArrayLike | None = None,
) -> npt.NDArray[np.uint32]:
    """The CDFs that the coder uses, in full: (pixels, L + 1), from 0 to 2^24. For plots and tests.

    Args:
        parameters: as for `encode_mixture`.
        shape: what a pixel holds.
        channel: 0..C-1.
        before: symbols (pixels, C) of which the channels before `channel` are read; zeros by
            default.
    """
    checked = check_parameters(parameters, shape)
    if not 0 <= channel < shape.channels:
        raise ValueError(f"channel must be in 0..{shape.channels - 1}, got {channel}")
    given = np.zeros((len(checked), shape.channels), np.uint16)
    if before is not None:
        given = check_symbols(before, shape.levels)
        if given.shape != (len(checked), shape.channels):
            raise ValueError(f"before must have shape {(len(checked), shape.channels)}")
    cdf = np.empty((len(checked), shape.levels + 1), np.uint32)
    if len(cdf) and not _range_coder.mixture_cdf(shape, checked, given, channel, cdf):
        raise ValueError(not_finite(checked))
    return cdf


def encode(
    symbols: npt.ArrayLike,
    cdf: npt.ArrayLike,
    rows: npt.ArrayLike | None = None,
    threads: int | None = None,
    check: bool = True,
    lanes: int | None = None,
) -> bytes:
    """Codes symbols on given CDFs.

    Args:
        symbols: integers (n,), each in 0..L-1.
        cdf: integers (n, L + 1), or (m, L + 1) with `rows`; each row strictly increasing from 0 to
            2^24.
        rows: the row of each symbol, integers (n,), in 0..m-1.
        threads: at most so many; all cores by default.
        check: whether to look at every entry of `cdf`, which takes longer than the coding where
            each symbol has its own row. Without it, only a row found wrong on the way is an error;
            decoding what another row's flaw spoilt gives wrong symbols.
        lanes: as for `encode_mixture`.

    Raises:
        TypeError, ValueError: saying which element is wrong.
    """
    table, which = check_tables(cdf, rows, check)
    values = check_symbols(symbols, table.shape[1] - 1)
    count = len(which) if rows is not None else len(table)
    if values.shape != (count,):
        raise ValueError(f"symbols must have shape {(count,)}, got {values.shape}")
    if not count:
        return b""
    lanes = _lanes(lanes, count)

    def work(first: int, last: int, out: Array, sizes: Array) -> None:
        wrong = _range_coder.encode_tables(table, which, values, lanes, first, last, out, sizes)
        if wrong >= 0:
            raise ValueError(not_increasing(which, wrong))

    return _encode_lanes(work, count, 1, lanes, threads)


def decode(
    data: bytes,
    cdf: npt.ArrayLike,
    rows: npt.ArrayLike | None = None,
    threads: int | None = None,
    check: bool = True,
    lanes: int | None = None,
) -> npt.NDArray[np.uint16]:
    """Inverse of `encode`, given the same CDFs and rows: uint16 (n,)."""
    table, which = check_tables(cdf, rows, check)
    symbols = np.empty(len(which) if rows is not None else len(table), np.uint16)
    if not len(symbols):
        _expect_empty(data)
        return symbols
    lanes = _lanes(lanes, len(symbols))
    body, offsets = split_lanes(data, lanes)

    def work(first: int, last: int) -> None:
        wrong = _range_coder.decode_tables(table, which, body, offsets, lanes, first, last, symbols)
        if wrong >= 0:
            raise ValueError(not_increasing(which, wrong))

    _in_threads(work, lanes, threads)
    return symbols


def _lanes(lanes: int | None, pixels: int) -> int:
    if lanes is not None and not 1 <= lanes <= MAX_LANES:
        raise ValueError(f"lanes must be in 1..{MAX_LANES}, got {lanes}")
    return lane_count(pixels) if lanes is None else lanes


def _encode_lanes(
    work: Callable[[int, int, Array, Array], None],
    count: int,
    channels: int,
    lanes: int,
    threads: int | None,
) -> bytes:
    """The stream of `count` symbols that `work(first, last, out, sizes)` codes lane by lane."""
    longest = -(-count // (lanes * channels)) * channels  # symbols of the first lane
    out = np.empty((lanes, 4 * longest + 16), np.uint8)
    sizes = np.empty(lanes, np.uintp)
    _in_threads(lambda first, last: work(first, last, out, sizes), lanes, threads)
    return join([lane[:size].tobytes() for lane, size in zip(out, sizes, strict=True)])


def _in_threads(work: Callable[[int, int], None], lanes: int, threads: int | None) -> None:
    """Runs `work(first, last)` over all lanes, in groups that the C code runs in lockstep."""
    if threads is not None and threads < 1:
        raise ValueError(f"threads must be at least 1, got {threads}")
    groups = -(-lanes // _LOCKSTEP)
    workers = min(threads or os.cpu_count() or 1, groups)
    if workers == 1:
        work(0, lanes)
        return
    from concurrent.futures import ThreadPoolExecutor  # takes time, and few need it

    edges = [min(lanes, groups * i // workers * _LOCKSTEP) for i in range(workers + 1)]
    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(work, *edge) for edge in itertools.pairwise(edges)]:
            done.result()


def split_lanes(data: bytes, lanes: int) -> tuple[Array, Array]:
    """The bytes, at least one, and where in them the lanes start; lengths are checked first."""
    return np.frombuffer(data or b"\0", np.uint8), np.array(split(data, lanes), np.uintp)


def _expect_empty(data: bytes) -> None:
    if data:
        raise CorruptStreamError(f"stream of no symbols has {len(data)} bytes")
