"""Picture <-> `.l3y` bytes, by a lossy model (l3c/fileformat/LOSSY.md).

What decoding gives is a reconstruction. Its symbols are compared with the checksum of those that
were coded; its samples cannot be, as the network computes them in floating point.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from l3c.fileformat import lossy
from l3c.fileformat.container import pack_parts, pixels_crc, split_parts
from l3c.fileformat.errors import ModelMismatchError, NotExactError
from l3c.images.picture import Mode, Picture, PictureError, Section
from l3c.models.tile_codec import LossyCodec, TileCodec, UnsupportedError
from l3c.stopwatch import timed

if TYPE_CHECKING:
    from numpy.typing import NDArray

FindLossyCodec = Callable[[bytes], TileCodec]
"""Model identity of a file -> its codec; raises ModelMismatchError for others."""


def lossy_codec(codec: TileCodec) -> LossyCodec:
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
    if height * width > lossy.MAX_PIXELS:
        raise PictureError(f"{height}x{width} pixels; lossy files hold at most 2^26")
    symbols = codec.symbols(picture.samples)
    payload = pack_parts(codec.encode_symbols(symbols))
    sections = {int(kind): content for kind, content in picture.sections.items()}
    with timed("container"):
        crc = pixels_crc(symbols)
        return lossy.pack(lossy.LossyFile(height, width, codec.identity, payload, crc, sections))


def decode_symbols(data: bytes, find_codec: FindLossyCodec) -> NDArray[np.uint8]:
    """The symbols of a `.l3y` file, which are the same on every machine.

    Raises:
        CoderError, ModelMismatchError: as `decode_lossy`.
    """
    return _symbols(lossy.unpack(data), find_codec)[0]


def decode_lossy(data: bytes, find_codec: FindLossyCodec) -> Picture:
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
        file = lossy.unpack(data)
    symbols, codec = _symbols(file, find_codec)
    known = {int(section) for section in Section}
    sections: dict[Section, Any] = {
        Section(kind): content for kind, content in file.sections.items() if kind in known
    }
    return Picture(Mode.RGB, codec.reconstruct(symbols, file.height, file.width), sections)


def _symbols(
    file: lossy.LossyFile, find_codec: FindLossyCodec
) -> tuple[NDArray[np.uint8], LossyCodec]:
    codec = lossy_codec(find_codec(file.model))
    if codec.identity != file.model:
        raise ModelMismatchError(
            f"written with model {file.model.hex()}, this one is {codec.identity.hex()}: "
            "name the weights it was written with as the model"
        )
    streams = split_parts(file.payload, codec.streams)
    symbols = codec.decode_symbols(streams, file.height, file.width)
    if pixels_crc(symbols) != file.symbols_crc:
        raise NotExactError((0, 0, file.height, file.width))
    return symbols, codec
