"""Picture <-> `.l3y` bytes, by a lossy model (l3c/fileformat/LOSSY.md).

What decoding gives is a reconstruction. Its symbols are compared with the checksum of those that
were coded; its samples cannot be, as the network computes them in floating point.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from coder.leb128 import join
from l3c.coding import FindCodec, codec_of, opened
from l3c.fileformat.container import (
    LOSSY_VERSION,
    MAX_LOSSY_PIXELS,
    Bytes,
    Container,
    Tile,
    pack,
    split_parts,
)
from l3c.images.picture import Mode, Picture, PictureError
from l3c.models.tile_codec import Arithmetic, LossyCodec, TileCodec, UnsupportedError
from l3c.stopwatch import timed

if TYPE_CHECKING:
    from numpy.typing import NDArray


def lossy_codec(codec: TileCodec | None) -> LossyCodec:
    """The codec, if it is lossy.

    Raises:
        UnsupportedError: it is lossless.
    """
    if not isinstance(codec, LossyCodec):
        raise UnsupportedError(f"{type(codec).__name__} is lossless; it makes .l3c files")
    return codec


def encode_lossy(picture: Picture, codec: LossyCodec) -> bytes:
    """The `.l3y` file of a picture.

    Args:
        picture: RGB in 8 bits; its sections are kept.
        codec: of the model.

    Raises:
        PictureError: another mode, or more than 2^26 pixels.
    """
    if picture.mode != Mode.RGB:
        raise PictureError(f"{picture.mode.text}: lossy models take RGB in 8 bits without alpha")
    height, width, _ = picture.samples.shape
    if height * width > MAX_LOSSY_PIXELS:
        raise PictureError(f"{height}x{width} pixels; lossy files hold at most 2^26")
    symbols = codec.symbols(picture.samples)
    payload = join(codec.encode_symbols(symbols))
    kept = tuple((int(kind), content) for kind, content in picture.sections.items())
    with timed("container"):
        tiles, model = (Tile.of(payload, symbols),), codec.identity
        whole = (Mode.RGB, height, width, Arithmetic.INTEGER, model, 1, 1, kept, tiles)
        return pack(Container(*whole, version=LOSSY_VERSION))


def decode_symbols(data: Bytes, find_codec: FindCodec) -> NDArray[np.uint8]:
    """The symbols of a `.l3y` file, which are the same on every machine.

    Raises:
        CoderError, ModelMismatchError: as `decode_lossy`.
    """
    return _symbols(opened(data, lossy=True)[0], find_codec)[0]


def decode_lossy(data: Bytes, find_codec: FindCodec) -> Picture:
    """The reconstruction of a `.l3y` file.

    Args:
        data: the whole file.
        find_codec: called once.

    Raises:
        CoderError: one of its classes says what is wrong with the bytes.
        ModelMismatchError: the model that the file was written with is not here.
        NotExactError: the bytes are intact, and decode to other symbols.
    """
    with timed("container"):
        file, mode, sections = opened(data, lossy=True)
    symbols, codec = _symbols(file, find_codec)
    samples = codec.reconstruct(symbols, file.height, file.width)
    return Picture(mode, samples, sections)


def _symbols(file: Container, find_codec: FindCodec) -> tuple[NDArray[np.uint8], LossyCodec]:
    (tile,), whole = file.tiles, (0, 0, file.height, file.width)
    payload, codec = tile.check(whole), lossy_codec(codec_of(file, find_codec))
    symbols = codec.decode_symbols(split_parts(payload, codec.streams), file.height, file.width)
    tile.check_pixels(symbols, whole)
    return symbols, codec
