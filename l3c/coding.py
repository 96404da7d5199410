"""Picture <-> `.l3c` bytes: tiles, what the network codes of them, and what the fallback does.

RGB, with or without alpha, goes through the network, tile by tile; alpha and every other mode go
through the fallback, on the same tiles. A tile's pixels are given out only after their checksum was
compared with the one of the original (coder/FORMAT.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from coder.container import (
    Container,
    Tile,
    pack,
    pack_parts,
    split_parts,
    unpack,
)
from coder.errors import (
    CoderError,
    CorruptStreamError,
    ModelMismatchError,
    NewerFormatError,
    Rectangle,
)
from coder.tiles import tile_grid, tile_rectangles
from l3c import fallback
from l3c.arithmetic import Arithmetic
from l3c.picture import Mode, Picture, PictureError, Samples, Section, check_sections
from l3c.stopwatch import Stopwatch, timed

if TYPE_CHECKING:  # what the fallback codes alone, needs no PyTorch
    from l3c.codec import Codec

NETWORK_CHANNELS = 3
_NETWORK_MODES = (Mode.RGB, Mode.RGBA)


@dataclass(frozen=True)
class Damage:
    """A tile that could not be decoded: its rectangle, and why."""

    rectangle: Rectangle
    error: CoderError


@dataclass(frozen=True)
class Decoded:
    """A picture, and the tiles that are missing in it (samples 0 there), if it was salvaged."""

    picture: Picture
    damaged: tuple[Damage, ...] = field(default=())


def uses_network(mode: Mode) -> bool:
    """Whether a network codes part of pictures of this mode."""
    return mode in _NETWORK_MODES


def encode_picture(
    picture: Picture,
    codec: Codec | None,
    *,
    progress: Callable[[int], object] = lambda pixels: None,
    stopwatch: Stopwatch | None = None,
) -> bytes:
    """The `.l3c` file of a picture.

    Args:
        picture: of any mode.
        codec: of the network; without one, or for modes that it does not model, all samples go
            through the fallback.
        progress: told the number of pixels of each tile that is done.
        stopwatch: told where the time goes.
    """
    height, width = picture.samples.shape[:2]
    used = codec if uses_network(picture.mode) else None
    rows, cols = tile_grid(height, width)
    tiles = []
    for rectangle in tile_rectangles(height, width, rows, cols):
        with timed(stopwatch, "container"):
            samples = _cut(picture.samples, rectangle)
        streams = _encode_tile(samples, picture.mode, used, stopwatch)
        with timed(stopwatch, "container"):
            tiles.append(Tile.of(pack_parts(streams), samples))
        progress(samples.shape[0] * samples.shape[1])
    with timed(stopwatch, "container"):
        return pack(
            Container(
                mode=int(picture.mode),
                height=height,
                width=width,
                arithmetic=used.arithmetic if used else Arithmetic.NONE,
                model=used.identity if used else b"",
                rows=rows,
                cols=cols,
                sections=tuple((int(kind), content) for kind, content in picture.sections.items()),
                tiles=tuple(tiles),
            )
        )


def decode_picture(
    data: bytes,
    find_codec: Callable[[bytes, Arithmetic], Codec],
    *,
    region: Rectangle | None = None,
    salvage: bool = False,
    progress: Callable[[int], object] = lambda pixels: None,
    stopwatch: Stopwatch | None = None,
) -> Decoded:
    """Inverse of `encode_picture`.

    Args:
        data: a whole `.l3c` file.
        find_codec: model identity and arithmetic of the file -> the codec to decode with; raises
            ModelMismatchError where there is none.
        region: decode only what this part of the picture needs, and return it.
        salvage: put zeros where a tile is damaged and list it, instead of raising.
        progress: told the number of pixels of each tile that is done.
        stopwatch: told where the time goes.

    Raises:
        CoderError: one of its classes says what is wrong with the bytes.
        ModelMismatchError: the network that the file was written with is not here.
        NotExactError: the bytes are intact, but the network's floating-point results differ here.
        ValueError: a region that is not inside the picture.
    """
    with timed(stopwatch, "container"):
        container = unpack(data, damaged=salvage)
        mode = mode_of(container)
        sections = _sections(container, mode)
    codec = None
    if container.arithmetic != Arithmetic.NONE:
        codec = find_codec(container.model, Arithmetic(container.arithmetic))
        if codec.identity != container.model:
            raise ModelMismatchError(
                f"written with model {container.model.hex()}, this one is {codec.identity.hex()}: "
                "name the weights it was written with as the model"
            )
    y, x, height, width = _region(container, region)
    out = np.zeros((height, width, mode.channels), mode.dtype)
    damaged = []
    tiles = zip(
        container.tiles,
        tile_rectangles(container.height, container.width, container.rows, container.cols),
        strict=True,
    )
    for tile, rectangle in tiles:
        top, left, tile_height, tile_width = rectangle
        rows = slice(max(top, y), min(top + tile_height, y + height))
        columns = slice(max(left, x), min(left + tile_width, x + width))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            continue
        try:
            samples = decode_tile(tile, rectangle, mode, codec, stopwatch)
        except CoderError as error:
            if not salvage:
                raise
            damaged.append(Damage(rectangle, error))
            continue
        with timed(stopwatch, "container"):
            out[rows.start - y : rows.stop - y, columns.start - x : columns.stop - x] = samples[
                rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
            ]
        progress(tile_height * tile_width)
    return Decoded(Picture(mode, out, sections), tuple(damaged))


def decode_tile(
    tile: Tile,
    rectangle: Rectangle,
    mode: Mode,
    codec: Codec | None,
    stopwatch: Stopwatch | None = None,
) -> Samples:
    """The samples (H, W, C) of a tile, compared with the checksum of the original.

    Raises:
        CorruptStreamError: the coded bytes were altered.
        NotExactError: they were not, but other pixels came out.
    """
    _, _, height, width = rectangle
    with timed(stopwatch, "container"):
        parts = split_parts(tile.check(rectangle), _part_count(mode, codec))
    shape = (height, width, mode.channels)
    if codec is None:
        samples = fallback.decode(parts[0], shape, mode.dtype, mode.bits)
    else:
        rgb = codec.decode(parts[: codec.streams], height, width, stopwatch)
        samples = rgb
        if mode == Mode.RGBA:
            alpha = fallback.decode(parts[-1], (height, width, 1), mode.dtype, mode.bits)
            samples = np.concatenate([rgb, alpha], axis=2)
    with timed(stopwatch, "container"):
        tile.check_pixels(samples, rectangle)
    return samples


def bits_theory(picture: Picture, codec: Codec) -> float:
    """Cross-entropy of an RGB picture in bits, cut into the same tiles."""
    height, width = picture.samples.shape[:2]
    rectangles = tile_rectangles(height, width, *tile_grid(height, width))
    return sum(codec.bits_theory(_cut(picture.samples, rectangle)) for rectangle in rectangles)


def _encode_tile(
    samples: Samples, mode: Mode, codec: Codec | None, stopwatch: Stopwatch | None
) -> list[bytes]:
    if codec is None:
        return [fallback.encode(samples, mode.bits)]
    streams = codec.encode(samples[:, :, :NETWORK_CHANNELS].copy(), stopwatch)
    if mode == Mode.RGBA:
        streams.append(fallback.encode(samples[:, :, NETWORK_CHANNELS:], mode.bits))
    return streams


def _part_count(mode: Mode, codec: Codec | None) -> int:
    if codec is None:
        return 1
    return codec.streams + (1 if mode == Mode.RGBA else 0)


def _cut(samples: Samples, rectangle: Rectangle) -> Samples:
    y, x, height, width = rectangle
    return np.ascontiguousarray(samples[y : y + height, x : x + width])


def mode_of(container: Container) -> Mode:
    """The mode of the picture in a file.

    Raises:
        CoderError: a mode that is not known, or that does not go with the rest.
    """
    try:
        mode = Mode(container.mode)
    except ValueError:
        raise NewerFormatError(
            f"image mode {container.mode}, unknown to this release; a later one may read it"
        ) from None
    if container.arithmetic and not uses_network(mode):
        raise CorruptStreamError(f"a model is named, but {mode.name} is coded without one")
    return mode


def _sections(container: Container, mode: Mode) -> dict[Section, bytes]:
    """The sections that this release knows; later ones may add others, which are left alone."""
    known = frozenset(int(section) for section in Section)
    found = {Section(kind): content for kind, content in container.sections if kind in known}
    try:
        check_sections(mode, found)
    except PictureError as error:
        raise CorruptStreamError(f"sections that do not go with the image: {error}") from None
    return found


def _region(container: Container, region: Rectangle | None) -> Rectangle:
    if region is None:
        return 0, 0, container.height, container.width
    y, x, height, width = region
    inside = height > 0 and width > 0 and y >= 0 and x >= 0
    if not inside or y + height > container.height or x + width > container.width:
        raise ValueError(
            f"region x={x}, y={y}, {width}x{height} is not inside the picture of "
            f"{container.width}x{container.height} pixels"
        )
    return region
