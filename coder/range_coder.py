"""Encode and decode arrays of symbols, under logistic mixtures or given CDF tables.

    shape = MixtureShape(channels=3, levels=256, mixtures=10, coupled=True)
    data = encode_mixture(symbols, parameters, shape)
    assert (decode_mixture(data, parameters, shape) == symbols).all()

Arrays are NumPy's, or anything it can view without a copy, such as a torch tensor on the CPU. The
parameters are what a network puts out, float32, or integers already on the coder's grids
(tables.py). Frequencies have 24 bits: with 16, the one that every symbol must keep would cost up to
0.2 % of a photograph. A stream is the lengths of all lanes but the last, as LEB128, then the lanes
(FORMAT.md).
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from coder import _range_coder
from coder.errors import CorruptStreamError
from coder.leb128 import leb128, read_leb128
from coder.shape import MAX_LEVELS, MixtureShape, lane_count
from coder.tables import FREQUENCY_BITS

_LOCKSTEP = 8  # lanes that lanes.c runs together: the unit of work of a thread

_TOTAL = 1 << FREQUENCY_BITS

Array = npt.NDArray[Any]


def encode_mixture(
    symbols: npt.ArrayLike,
    parameters: npt.ArrayLike,
    shape: MixtureShape,
    threads: int | None = None,
) -> bytes:
    """Codes symbols under their mixtures.

    Args:
        symbols: integers (pixels, C), each in 0..L-1.
        parameters: (pixels, P), float32, or int32 on the coder's grids; see `MixtureShape` and
            tables.py.
        shape: what a pixel holds.
        threads: at most so many; all cores by default. The bytes do not depend on it.

    Returns:
        The stream; empty for no pixels.

    Raises:
        TypeError: parameters or symbols of another kind.
        ValueError: shapes that do not fit, a symbol out of range, a parameter that is not finite
            (the message says which).
    """
    checked = _check_parameters(parameters, shape)
    values = _check_symbols(symbols, shape.levels)
    if values.shape != (len(checked), shape.channels):
        raise ValueError(
            f"symbols must have shape {(len(checked), shape.channels)}, got {values.shape}"
        )
    if not len(values):
        return b""
    lanes = lane_count(len(values))

    def work(first: int, last: int, out: Array, sizes: Array) -> None:
        if not _range_coder.encode_mixture(shape, checked, values, lanes, first, last, out, sizes):
            raise ValueError(_not_finite(checked))

    return _encode_lanes(work, values.size, shape.channels, lanes, threads)


def decode_mixture(
    data: bytes, parameters: npt.ArrayLike, shape: MixtureShape, threads: int | None = None
) -> npt.NDArray[np.uint16]:
    """Inverse of `encode_mixture`, given the same parameters.

    Returns:
        Symbols, uint16 (pixels, C). Altered bytes give wrong symbols or an error: add a checksum.

    Raises:
        CorruptStreamError: the lengths of the lanes do not fit the data.
        ValueError, TypeError: as `encode_mixture`.
    """
    checked = _check_parameters(parameters, shape)
    symbols = np.empty((len(checked), shape.channels), np.uint16)
    if not len(symbols):
        _expect_empty(data)
        return symbols
    lanes = lane_count(len(symbols))
    body, offsets = _split_lanes(data, lanes)

    def work(first: int, last: int) -> None:
        if not _range_coder.decode_mixture(
            shape, checked, body, offsets, lanes, first, last, symbols
        ):
            raise ValueError(_not_finite(checked))

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
    checked = _check_parameters(parameters, shape)
    if not 0 <= channel < shape.channels:
        raise ValueError(f"channel must be in 0..{shape.channels - 1}, got {channel}")
    given = np.zeros((len(checked), shape.channels), np.uint16)
    if before is not None:
        given = _check_symbols(before, shape.levels)
        if given.shape != (len(checked), shape.channels):
            raise ValueError(f"before must have shape {(len(checked), shape.channels)}")
    cdf = np.empty((len(checked), shape.levels + 1), np.uint32)
    if len(cdf) and not _range_coder.mixture_cdf(shape, checked, given, channel, cdf):
        raise ValueError(_not_finite(checked))
    return cdf


def encode(
    symbols: npt.ArrayLike,
    cdf: npt.ArrayLike,
    rows: npt.ArrayLike | None = None,
    threads: int | None = None,
    check: bool = True,
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

    Raises:
        TypeError, ValueError: saying which element is wrong.
    """
    table, which = _check_tables(cdf, rows, check)
    values = _check_symbols(symbols, table.shape[1] - 1)
    count = len(which) if rows is not None else len(table)
    if values.shape != (count,):
        raise ValueError(f"symbols must have shape {(count,)}, got {values.shape}")
    if not count:
        return b""
    lanes = lane_count(count)

    def work(first: int, last: int, out: Array, sizes: Array) -> None:
        wrong = _range_coder.encode_tables(table, which, values, lanes, first, last, out, sizes)
        if wrong >= 0:
            raise ValueError(_not_increasing(which, wrong))

    return _encode_lanes(work, count, 1, lanes, threads)


def decode(
    data: bytes,
    cdf: npt.ArrayLike,
    rows: npt.ArrayLike | None = None,
    threads: int | None = None,
    check: bool = True,
) -> npt.NDArray[np.uint16]:
    """Inverse of `encode`, given the same CDFs and rows: uint16 (n,)."""
    table, which = _check_tables(cdf, rows, check)
    symbols = np.empty(len(which) if rows is not None else len(table), np.uint16)
    if not len(symbols):
        _expect_empty(data)
        return symbols
    lanes = lane_count(len(symbols))
    body, offsets = _split_lanes(data, lanes)

    def work(first: int, last: int) -> None:
        wrong = _range_coder.decode_tables(table, which, body, offsets, lanes, first, last, symbols)
        if wrong >= 0:
            raise ValueError(_not_increasing(which, wrong))

    _in_threads(work, lanes, threads)
    return symbols


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
    lengths = b"".join(leb128(int(size)) for size in sizes[:-1])
    return lengths + b"".join(out[i, : sizes[i]].tobytes() for i in range(lanes))


def _in_threads(work: Callable[[int, int], None], lanes: int, threads: int | None) -> None:
    """Runs `work(first, last)` over all lanes, in groups that the C code runs in lockstep."""
    if threads is not None and threads < 1:
        raise ValueError(f"threads must be at least 1, got {threads}")
    groups = -(-lanes // _LOCKSTEP)
    workers = min(threads or os.cpu_count() or 1, groups)
    if workers == 1:
        work(0, lanes)
        return
    edges = [min(lanes, groups * i // workers * _LOCKSTEP) for i in range(workers + 1)]
    with ThreadPoolExecutor(workers) as pool:
        for done in [pool.submit(work, *edge) for edge in itertools.pairwise(edges)]:
            done.result()


def _split_lanes(data: bytes, lanes: int) -> tuple[Array, Array]:
    """The lanes' bytes, at least one, and their lanes + 1 offsets; lengths are checked first."""
    position, end = 0, [0]
    for _ in range(lanes - 1):
        size, position = read_leb128(data, position)
        end.append(end[-1] + size)
    left = len(data) - position
    if end[-1] > left:
        raise CorruptStreamError(f"lanes of {end[-1]} bytes in a stream that holds {left}")
    end.append(left)
    body = np.frombuffer(data, np.uint8, offset=position) if left else np.zeros(1, np.uint8)
    return body, np.array(end, np.uintp)


def _expect_empty(data: bytes) -> None:
    if data:
        raise CorruptStreamError(f"stream of no symbols has {len(data)} bytes")


def _as_array(value: npt.ArrayLike, name: str) -> Array:
    """The value as a NumPy array; tensors that NumPy cannot view are refused with the remedy."""
    if getattr(value, "requires_grad", False):
        raise TypeError(f"{name} require a gradient: pass {name}.detach()")
    device = getattr(getattr(value, "device", None), "type", "cpu")
    if device != "cpu":
        raise TypeError(f"{name} are on {device}: pass {name}.cpu(), or see coder.cuda")
    return np.asarray(value)


def _check_parameters(parameters: npt.ArrayLike, shape: MixtureShape) -> Array:
    array = _as_array(parameters, "parameters")
    if array.dtype not in (np.float32, np.int32):
        raise TypeError(f"parameters must be float32 or int32, got {array.dtype}")
    if array.ndim != 2 or array.shape[1] != shape.parameters:
        raise ValueError(f"parameters must be (pixels, {shape.parameters}), got {array.shape}")
    return np.ascontiguousarray(array)


def _not_finite(parameters: Array) -> str:
    pixel, index = np.argwhere(~np.isfinite(parameters))[0]
    return f"parameter {index} of pixel {pixel} is {parameters[pixel, index]}, must be finite"


def _check_symbols(symbols: npt.ArrayLike, levels: int) -> npt.NDArray[np.uint16]:
    array = _as_array(symbols, "symbols")
    if array.dtype.kind not in "iu":
        raise TypeError(f"symbols must be integers, got {array.dtype}")
    if array.size and (array.min() < 0 or array.max() >= levels):
        wrong = (array < 0) | (array >= levels)
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(f"symbol {array[at]} at {at} is not in 0..{levels - 1}")
    return np.ascontiguousarray(array, np.uint16)


def _check_tables(
    cdf: npt.ArrayLike, rows: npt.ArrayLike | None, check: bool
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    table = _as_array(cdf, "cdf")
    if table.dtype.kind not in "iu":
        raise TypeError(f"cdf must be integers, got {table.dtype}")
    if table.ndim != 2 or not 2 <= table.shape[1] <= MAX_LEVELS + 1:
        raise ValueError(f"cdf must be (n, L + 1) with L in 1..{MAX_LEVELS}, got {table.shape}")
    if table.size and table.dtype != np.uint32 and (table.min() < 0 or table.max() > _TOTAL):
        raise ValueError(_flaw(table))
    checked = np.ascontiguousarray(table, np.uint32)
    if check and (row := _range_coder.first_flaw(checked)) >= 0:
        raise ValueError(_flaw(checked[row : row + 1], row))
    which = np.zeros(0, np.int64)
    if rows is not None:
        which = _as_array(rows, "rows")
        if which.dtype.kind not in "iu" or which.ndim != 1:
            raise TypeError(f"rows must be integers (n,), got {which.dtype} {which.shape}")
        if which.size and (which.min() < 0 or which.max() >= len(table)):
            at = int(np.argmax((which < 0) | (which >= len(table))))
            raise ValueError(f"row {which[at]} of symbol {at} is not in 0..{len(table) - 1}")
        which = np.ascontiguousarray(which, np.int64)
    return checked, which


def _flaw(table: Array, first: int = 0) -> str:
    """What is wrong with a table whose rows are numbered from `first` on."""
    for name, wrong in (
        ("does not start at 0", table[:, 0] != 0),
        (f"does not end at 2^{FREQUENCY_BITS}", table[:, -1] != _TOTAL),
        ("does not increase", table[:, 1:] <= table[:, :-1]),
    ):
        if wrong.any():
            at = [int(i) for i in np.argwhere(wrong)[0]]
            return f"cdf row {first + at[0]} {name}" + (f" at entry {at[1]}" if at[1:] else "")
    raise AssertionError("a table without a flaw")


def _not_increasing(which: npt.NDArray[np.int64], symbol: int) -> str:
    row = which[symbol] if len(which) else symbol
    return f"cdf row {row}, of symbol {symbol}, does not increase from 0 to 2^{FREQUENCY_BITS}"
