"""Checks of what the coder is given, once, at its border; C gets contiguous arrays of one type."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from coder import _range_coder
from coder.shape import MAX_LEVELS, MixtureShape
from coder.tables import FREQUENCY_BITS

_TOTAL = 1 << FREQUENCY_BITS
_PARAMETERS = (np.dtype(np.float32), np.dtype(np.int32))
_FEW = 32  # symbols that Python compares faster than NumPy starts to

Array = npt.NDArray[Any]


def as_array(value: npt.ArrayLike, name: str) -> Array:
    """The value as a NumPy array; tensors that NumPy cannot view are refused with the remedy."""
    if type(value) is np.ndarray:
        return value
    if getattr(value, "requires_grad", False):
        raise TypeError(f"{name} require a gradient: pass {name}.detach()")
    device = getattr(getattr(value, "device", None), "type", "cpu")
    if device != "cpu":
        raise TypeError(f"{name} are on {device}: pass {name}.cpu(), or see coder.cuda")
    return np.asarray(value)


def check_parameters(parameters: npt.ArrayLike, shape: MixtureShape) -> Array:
    """float32 or int32 (pixels, P)."""
    array = as_array(parameters, "parameters")
    if array.dtype not in _PARAMETERS:
        raise TypeError(f"parameters must be float32 or int32, got {array.dtype}")
    if array.ndim != 2 or array.shape[1] != shape.parameters:
        raise ValueError(f"parameters must be (pixels, {shape.parameters}), got {array.shape}")
    return np.ascontiguousarray(array)


def not_finite(parameters: Array) -> str:
    """What is wrong with parameters of which one is not finite."""
    pixel, index = np.argwhere(~np.isfinite(parameters))[0]
    return f"parameter {index} of pixel {pixel} is {parameters[pixel, index]}, must be finite"


def check_symbols(symbols: npt.ArrayLike, levels: int) -> npt.NDArray[np.uint16]:
    """uint16, of the same shape, but (1,) for a single number."""
    array = as_array(symbols, "symbols")
    if array.dtype.kind not in "iu":
        raise TypeError(f"symbols must be integers, got {array.dtype}")
    few = array.ravel().tolist() if array.size <= _FEW else (int(array.min()), int(array.max()))
    if few and (min(few) < 0 or max(few) >= levels):
        wrong = (array < 0) | (array >= levels)
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(f"symbol {array[at]} at {at} is not in 0..{levels - 1}")
    return np.ascontiguousarray(array, np.uint16)


def check_tables(
    cdf: npt.ArrayLike, rows: npt.ArrayLike | None, check: bool
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64]]:
    """CDFs (n, L + 1), and rows (n,), none if there are none."""
    table = as_array(cdf, "cdf")
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
        which = as_array(rows, "rows")
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


def not_increasing(which: npt.NDArray[np.int64], symbol: int) -> str:
    """What is wrong with the CDF of this symbol."""
    row = which[symbol] if len(which) else symbol
    return f"cdf row {row}, of symbol {symbol}, does not increase from 0 to 2^{FREQUENCY_BITS}"
