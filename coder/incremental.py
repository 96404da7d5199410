"""Range coding in many calls, for models whose next prediction needs the symbols before it.

    encoder = RangeEncoder()
    encoder.encode_uniform(first, levels=256)
    for position in range(100):
        encoder.encode_mixture(symbols[position], predict(symbols[:position]), shape)
    data = encoder.finish()

A stream is one lane, whatever the calls: the same symbols in the same order are the same bytes, in
one call or in one for each, and those of `range_coder.encode` and `encode_mixture` with `lanes=1`,
which is their default below 8,192 pixels. A call for many symbols lets other threads run; threads
that share a stream take turns at it, in no order.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from coder import _range_coder
from coder.arguments import (
    Array,
    as_array,
    check_parameters,
    check_symbols,
    check_tables,
    not_finite,
    not_increasing,
)
from coder.shape import MixtureShape

MAX_UNIFORM_LEVELS = 1 << 16


class RangeEncoder:
    """Symbols -> bytes.

    Arguments are checked before anything is coded: a wrong one leaves the stream as it was. Where
    only the coding finds an error, a parameter that is not finite or an unchecked CDF that does not
    increase, the stream has ended. All methods raise `StreamEndedError` once it has.
    """

    def __init__(self) -> None:
        self._stream = _range_coder.Encoder()

    def encode(
        self,
        symbols: npt.ArrayLike,
        cdf: npt.ArrayLike,
        rows: npt.ArrayLike | None = None,
        check: bool = True,
    ) -> None:
        """Codes symbols on given CDFs.

        Args:
            symbols: integers (n,) in 0..L-1; for one CDF also a single one.
            cdf: integers (n, L + 1), a CDF for each symbol; (L + 1,), one for all; or (m, L + 1)
                with `rows`. Each strictly increases from 0 to 2^24.
            rows: the row of each symbol, integers (n,), in 0..m-1.
            check: whether to look at every entry of `cdf`; see `range_coder.encode`.

        Raises:
            TypeError, ValueError: saying which element is wrong.
        """
        table, which, count = _tables(cdf, rows, check)
        values = check_symbols(symbols, table.shape[1] - 1)
        expected = (values.size if count is None else count,)
        if values.shape != expected:
            raise ValueError(f"symbols must have shape {expected}, got {values.shape}")
        if values.size:
            wrong = self._stream.tables(table, which, count is None, values.reshape(-1))
            if wrong >= 0:
                raise ValueError(not_increasing(which, wrong))

    def encode_mixture(
        self, symbols: npt.ArrayLike, parameters: npt.ArrayLike, shape: MixtureShape
    ) -> None:
        """Codes symbols under their mixtures.

        Args:
            symbols: integers (pixels, C), each in 0..L-1; (C,) for one pixel.
            parameters: (pixels, P), or (P,) for one pixel; see `range_coder.encode_mixture`.
            shape: what a pixel holds.

        Raises:
            TypeError, ValueError: saying which element is wrong.
        """
        checked, single = _parameters(parameters, shape)
        values = check_symbols(symbols, shape.levels)
        expected = (shape.channels,) if single else (len(checked), shape.channels)
        if values.shape != expected:
            raise ValueError(f"symbols must have shape {expected}, got {values.shape}")
        if values.size and not self._stream.mixture(
            shape, checked, values.reshape(-1, shape.channels)
        ):
            raise ValueError(not_finite(checked))

    def encode_uniform(self, symbols: npt.ArrayLike, levels: int) -> None:
        """Codes symbols, integers of any shape in 0..levels-1, all equally probable.

        The bytes are those of the CDF floor(v 2^24 / levels).

        Raises:
            TypeError, ValueError: symbols that are not that, or levels not in 1..65,536.
        """
        values = check_symbols(symbols, _levels(levels))
        if values.size:
            self._stream.uniform(values.reshape(-1), levels)

    def finish(self) -> bytes:
        """Ends the stream, and returns it: the fewest bytes; none for no symbols."""
        return self._stream.end()


class RangeDecoder:
    """Bytes -> symbols, given the calls that the encoder was given, with the same CDFs.

    The bytes, a stream of their own, may be any: what is decoded are symbols below the levels, in
    the time and memory of valid ones. `finish` tells whether they are an encoder's; it finds most
    damages, but is no checksum.

    Args:
        data: bytes-like.

    Raises:
        CorruptStreamError: bytes that no encoder writes, here or in `finish`.
    """

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        whole = data if isinstance(data, bytes) else bytes(memoryview(data))
        self._stream = _range_coder.Decoder(whole)

    def decode(
        self,
        cdf: npt.ArrayLike,
        rows: npt.ArrayLike | None = None,
        check: bool = True,
        count: int | None = None,
    ) -> npt.NDArray[np.uint16]:
        """Inverse of `RangeEncoder.encode`.

        Args:
            cdf: the encoder's.
            rows: the encoder's.
            check: as for the encoder.
            count: of symbols, for one CDF; by default a single one.

        Returns:
            uint16 (n,); () for a single symbol.

        Raises:
            TypeError, ValueError, StreamEndedError: as the encoder.
        """
        table, which, expected = _tables(cdf, rows, check)
        if expected is not None and count is not None:
            raise ValueError("count is for one CDF of all symbols")
        symbols = _blank(count if expected is None else expected)
        if symbols.size:
            wrong = self._stream.tables(table, which, expected is None, symbols.reshape(-1))
            if wrong >= 0:
                raise ValueError(not_increasing(which, wrong))
        return symbols

    def decode_mixture(
        self, parameters: npt.ArrayLike, shape: MixtureShape
    ) -> npt.NDArray[np.uint16]:
        """Inverse of `RangeEncoder.encode_mixture`: uint16 (pixels, C), or (C,) for one pixel."""
        checked, single = _parameters(parameters, shape)
        symbols = np.empty((len(checked), shape.channels), np.uint16)
        if symbols.size and not self._stream.mixture(shape, checked, symbols):
            raise ValueError(not_finite(checked))
        return symbols[0] if single else symbols

    def decode_uniform(self, levels: int, count: int | None = None) -> npt.NDArray[np.uint16]:
        """Inverse of `RangeEncoder.encode_uniform`: uint16 (count,), or () for a single symbol."""
        symbols = _blank(count)
        levels = _levels(levels)
        if symbols.size:
            self._stream.uniform(symbols.reshape(-1), levels)
        return symbols

    def finish(self) -> None:
        """Ends the stream.

        Raises:
            CorruptStreamError: an encoder of the symbols decoded writes other bytes.
        """
        self._stream.end()


def _tables(
    cdf: npt.ArrayLike, rows: npt.ArrayLike | None, check: bool
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64], int | None]:
    """Checked CDFs (m, L + 1), rows, and the number of symbols: None for one CDF of any number."""
    array = as_array(cdf, "cdf")
    if array.ndim == 1 and rows is None:
        return *check_tables(array[None], None, check), None
    table, which = check_tables(array, rows, check)
    return table, which, len(table) if rows is None else len(which)


def _parameters(parameters: npt.ArrayLike, shape: MixtureShape) -> tuple[Array, bool]:
    """Checked parameters (pixels, P), and whether they are one pixel's without that dimension."""
    array = as_array(parameters, "parameters")
    single = array.ndim == 1
    return check_parameters(array[None] if single else array, shape), single


def _levels(levels: int) -> int:
    if not 1 <= levels <= MAX_UNIFORM_LEVELS:
        raise ValueError(f"levels must be in 1..{MAX_UNIFORM_LEVELS}, got {levels}")
    return levels


def _blank(count: int | None) -> npt.NDArray[np.uint16]:
    if count is not None and count < 0:
        raise ValueError(f"count must be at least 0, got {count}")
    return np.empty(() if count is None else count, np.uint16)
