from typing import Any

import numpy as np
import numpy.typing as npt

from coder.shape import MixtureShape

_U8 = npt.NDArray[np.uint8]
_U16 = npt.NDArray[np.uint16]
_U32 = npt.NDArray[np.uint32]
_I64 = npt.NDArray[np.int64]
_Size = npt.NDArray[np.uintp]

def encode_mixture(
    shape: MixtureShape,
    parameters: npt.NDArray[Any],
    symbols: _U16,
    lanes: int,
    first: int,
    last: int,
    out: _U8,
    sizes: _Size,
) -> bool: ...
def decode_mixture(
    shape: MixtureShape,
    parameters: npt.NDArray[Any],
    data: _U8,
    offsets: _Size,
    lanes: int,
    first: int,
    last: int,
    symbols: _U16,
) -> bool: ...
def mixture_cdf(
    shape: MixtureShape, parameters: npt.NDArray[Any], before: _U16, channel: int, cdf: _U32
) -> bool: ...
def encode_tables(
    cdf: _U32,
    rows: _I64,
    symbols: _U16,
    lanes: int,
    first: int,
    last: int,
    out: _U8,
    sizes: _Size,
) -> int: ...
def decode_tables(
    cdf: _U32,
    rows: _I64,
    data: _U8,
    offsets: _Size,
    lanes: int,
    first: int,
    last: int,
    symbols: _U16,
) -> int: ...
def first_flaw(cdf: _U32) -> int: ...
def use_variant(wanted: int = -1) -> int: ...

class Encoder:
    def tables(self, cdf: _U32, rows: _I64, shared: bool, symbols: _U16) -> int: ...
    def mixture(self, shape: MixtureShape, parameters: npt.NDArray[Any], symbols: _U16) -> bool: ...
    def uniform(self, symbols: _U16, levels: int) -> None: ...
    def end(self) -> bytes: ...

class Decoder:
    def __init__(self, data: bytes) -> None: ...
    def tables(self, cdf: _U32, rows: _I64, shared: bool, symbols: _U16) -> int: ...
    def mixture(self, shape: MixtureShape, parameters: npt.NDArray[Any], symbols: _U16) -> bool: ...
    def uniform(self, symbols: _U16, levels: int) -> None: ...
    def end(self) -> None: ...
