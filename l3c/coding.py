"""Picture <-> `.l3c` bytes, tile by tile (`l3c.tile_coding` tells what codes them).

A tile's pixels are given out only after their checksum was compared with the one of the original
(l3c/fileformat/FORMAT.md).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from coder.errors import CoderError, CorruptStreamError
from l3c.fileformat.container import Bytes, Container, pack, unpack
from l3c.fileformat.errors import ModelMismatchError, NewerFormatError, NotL3CError, Rectangle
from l3c.fileformat.tiles import tile_grid, tile_rectangles
from l3c.files import FilePart
from l3c.images.picture import Mode, Picture, PictureError, Samples, Section, check_sections
from l3c.models.tile_codec import Arithmetic, TileCodec
from l3c.stopwatch import is_timed, timed
from l3c.threads import in_threads
from l3c.tile_coding import Choice, CodedTile, decode_tiles, encode_tiles

_RGB, _GREY = (Mode.RGB, Mode.RGBA), (Mode.GREY, Mode.GREY_ALPHA)

FindCodec = Callable[[bytes, Arithmetic], TileCodec]
"""Model identity and arithmetic of a file -> its codec; raises ModelMismatchError for others."""

Progress = Callable[[int], object]
"""Called with the number of pixels of each tile that is done."""
Result = TypeVar("Result")


def uses_network(mode: Mode, arithmetic: Arithmetic = Arithmetic.CAUSAL) -> bool:
    """Whether a network, of any arithmetic or of this one, codes part of pictures of this mode."""
    return mode in _RGB or (mode in _GREY and arithmetic == Arithmetic.CAUSAL)


def encode_picture(
    picture: Picture,
    codec: TileCodec | None,
    *,
    choice: Choice = Choice.SMALLEST,
    tile_side: int | None = None,
    progress: Progress = lambda pixels: None,
) -> bytes:
    """The `.l3c` file of a picture; its arguments are those of `container_of`."""
    container = container_of(picture, codec, choice=choice, tile_side=tile_side, progress=progress)
    with timed("container"):
        return pack(container)


def container_of(
    picture: Picture,
    codec: TileCodec | None,
    *,
    choice: Choice = Choice.SMALLEST,
    tile_side: int | None = None,
    progress: Progress = lambda pixels: None,
    keep: Callable[[bytes], bytes | FilePart] = bytes,
) -> Container:
    """What the `.l3c` file of a picture holds.

    Args:
        picture: of any mode.
        codec: of the network; without one, or for modes that it does not model, all samples go
            through the fallback.
        choice: what may code tiles of RGB.
        tile_side: tiles have at most the pixels of a square of this side; see `tile_grid`.
        progress: see `Progress`.
        keep: is given each payload, and returns it or where it has put it.
    """
    height, width = picture.samples.shape[:2]
    used = codec if codec and uses_network(picture.mode, codec.arithmetic) else None
    grid = tile_grid(height, width, tile_side)

    def encode(rectangle: Rectangle) -> CodedTile:
        with timed("container"):
            samples = _cut(picture.samples, rectangle)
        return encode_tiles([samples], picture.mode.bits, used, choice)[0]

    tiles = _of_tiles(encode, tile_rectangles(height, width, *grid), used, progress)
    coded = [replace(tile, payload=keep(bytes(tile.payload))) for tile in tiles]
    with timed("container"):
        return _container(picture, used, grid, coded)


def encode_pictures(
    pictures: Sequence[Picture], codec: TileCodec | None, *, choice: Choice = Choice.SMALLEST
) -> list[bytes]:
    """The files that `encode_picture` gives, faster for many small pictures of one size.

    Args:
        pictures: of any modes and sizes.
        codec: as for one picture. With integers it codes pictures of one size together.
        choice: as for one picture.
    """
    files: dict[int, bytes] = {}
    alike: dict[tuple[int, int], list[int]] = {}
    for number, picture in enumerate(pictures):
        size = picture.samples.shape[:2]
        suits = codec and uses_network(picture.mode, codec.arithmetic)
        if suits and tile_grid(*size) == (1, 1):
            alike.setdefault(size, []).append(number)
        else:
            files[number] = encode_picture(picture, codec, choice=choice)
    for numbers in alike.values():
        tiles = [pictures[number].samples for number in numbers]
        for number, coded in zip(numbers, encode_tiles(tiles, 8, codec, choice), strict=True):
            files[number] = pack(_container(pictures[number], codec, (1, 1), [coded]))
    return [files[number] for number in range(len(pictures))]


def decode_picture(
    data: Bytes,
    find_codec: FindCodec,
    *,
    region: Rectangle | None = None,
    salvaged: list[Exception] | None = None,
    progress: Progress = lambda pixels: None,
) -> Picture:
    """Inverse of `encode_picture`.

    Args:
        data: a whole `.l3c` file.
        find_codec: called once, if the file names a model.
        region: decode only what this part of the picture needs, and return it.
        salvaged: a list that takes what is wrong with tiles instead of raising it; their samples
            are 0.
        progress: see `Progress`.

    Raises:
        CoderError: one of its classes says what is wrong with the bytes.
        ModelMismatchError: the network that the file was written with is not here.
        NotExactError: the bytes are intact, but the network's floating-point results differ here.
        ValueError: a region that is not inside the picture.
    """
    with timed("container"):
        container, mode, sections = opened(data, damaged=salvaged is not None)
    codec = codec_of(container, find_codec)
    y, x, height, width = region_of(container.height, container.width, region)
    out = np.zeros((height, width, mode.channels), mode.dtype)
    tiles = container.placed()

    def decode(rectangle: Rectangle) -> CoderError | None:
        top, left, _, _ = rectangle
        try:
            samples = decode_tiles([(container, tiles[rectangle])], rectangle, mode, codec)[0]
        except CoderError as error:
            return error
        inside = samples[max(y - top, 0) : y + height - top, max(x - left, 0) : x + width - left]
        row, column = max(top - y, 0), max(left - x, 0)
        with timed("container"):
            out[row : row + inside.shape[0], column : column + inside.shape[1]] = inside
        return None

    touched = [
        (top, left, h, w)
        for top, left, h, w in tiles
        if top < y + height and top + h > y and left < x + width and left + w > x
    ]
    for flaw in filter(None, _of_tiles(decode, touched, codec, progress)):
        if salvaged is None:
            raise flaw
        salvaged.append(flaw)
    return Picture(mode, out, sections)


def decodes_to(
    data: Bytes,
    picture: Picture,
    find_codec: FindCodec,
    *,
    progress: Progress = lambda pixels: None,
) -> bool:
    """Whether `decode_picture` gives this picture; takes the memory of its tiles one by one.

    Raises:
        CoderError: as `decode_picture`.
    """
    container, mode, sections = opened(data)
    codec = codec_of(container, find_codec)
    size = (container.height, container.width)
    if (mode, size, sections) != (picture.mode, picture.samples.shape[:2], dict(picture.sections)):
        return False
    tiles = container.placed()

    def same(rectangle: Rectangle) -> bool:
        samples = decode_tiles([(container, tiles[rectangle])], rectangle, mode, codec)[0]
        y, x, height, width = rectangle
        rows = zip(samples, picture.samples[y : y + height, x : x + width], strict=True)
        return all(np.array_equal(*both) for both in rows)  # without a copy of the tile

    return all(_of_tiles(same, [*tiles], codec, progress))


def decode_pictures(files: Sequence[bytes], find_codec: FindCodec) -> list[Picture]:
    """What `decode_picture` gives of each file, faster for many small pictures of one size.

    Raises:
        CoderError: as `decode_picture`, for any of the files.
    """
    pictures: dict[int, Picture] = {}
    unpacked = [opened(data) for data in files]
    alike = defaultdict[tuple[bytes, int, Mode, int, int], list[int]](list)
    for number, (c, mode, _) in enumerate(unpacked):
        if c.arithmetic and len(c.tiles) == 1:
            alike[c.model, c.arithmetic, mode, c.height, c.width].append(number)
        else:
            pictures[number] = decode_picture(files[number], find_codec)
    for (_, _, mode, height, width), numbers in alike.items():
        codec = codec_of(unpacked[numbers[0]][0], find_codec)
        tiles = [(unpacked[number][0], unpacked[number][0].tiles[0]) for number in numbers]
        decoded = decode_tiles(tiles, (0, 0, height, width), mode, codec)
        for number, samples in zip(numbers, decoded, strict=True):
            pictures[number] = Picture(mode, samples, unpacked[number][2])
    return [pictures[number] for number in range(len(files))]


def _of_tiles(
    work: Callable[[Rectangle], Result],
    rectangles: Sequence[Rectangle],
    codec: TileCodec | None,
    progress: Progress,
) -> Iterator[Result]:
    """Results of work on tiles, in their order; as many at once as the codec allows."""
    threads = codec.threads if codec and not is_timed() else 1
    results = in_threads(work, rectangles, threads)
    for result, (_, _, height, width) in zip(results, rectangles, strict=True):
        progress(height * width)
        yield result


def cross_entropy_bits(picture: Picture, codec: TileCodec) -> float:
    """Cross-entropy of an RGB picture in bits, cut into the same tiles."""
    size = (picture.height, picture.width)
    rectangles = tile_rectangles(*size, *tile_grid(*size))
    return sum(codec.cross_entropy_bits(_cut(picture.samples, each)) for each in rectangles)


def _container(
    picture: Picture, codec: TileCodec | None, grid: tuple[int, int], coded: Sequence[CodedTile]
) -> Container:
    """Of a picture whose tiles are coded; format 3 if both network and fallback did."""
    used = codec if any(tile.by_network for tile in coded) else None
    version = 3 if used and not all(tile.by_network for tile in coded) else 2
    return Container(
        mode=picture.mode,
        height=picture.height,
        width=picture.width,
        arithmetic=used.arithmetic if used else Arithmetic.NONE,
        model=used.identity if used else b"",
        rows=grid[0],
        cols=grid[1],
        sections=tuple(picture.sections.items()),
        tiles=tuple(tile.stored(version) for tile in coded),
        version=version,
    )


def codec_of(container: Container, find_codec: FindCodec) -> TileCodec | None:
    """The codec of the model that a file names, if it names one.

    Raises:
        ModelMismatchError: it is not here.
    """
    if container.arithmetic == Arithmetic.NONE:
        return None
    codec = find_codec(container.model, Arithmetic(container.arithmetic))
    if codec.identity != container.model:
        raise ModelMismatchError(
            f"written with model {container.model.hex()}, this one is {codec.identity.hex()}: "
            "name the weights it was written with as the model"
        )
    return codec


def _cut(samples: Samples, rectangle: Rectangle) -> Samples:
    y, x, height, width = rectangle
    return np.ascontiguousarray(samples[y : y + height, x : x + width])


def opened(
    data: Bytes, *, damaged: bool = False, lossy: bool | None = False
) -> tuple[Container, Mode, dict[Section, bytes]]:
    """What a file holds, the mode of its picture, and those sections that this release knows.

    Later releases may add sections, which are left alone.

    Args:
        data: a whole file.
        damaged: see `unpack`.
        lossy: whether it has to be a `.l3y` or a `.l3c` file; None for either.

    Raises:
        CoderError: one of its classes says what is wrong with the bytes.
    """
    container = unpack(data, damaged=damaged)
    if lossy not in (None, container.lossy):
        raise NotL3CError(f"a {'lossy' if container.lossy else 'lossless'} L3C file")
    try:
        mode = Mode(container.mode)
    except ValueError:
        raise NewerFormatError(f"image mode {container.mode}") from None
    arithmetic = Arithmetic(container.arithmetic)
    if arithmetic and not uses_network(mode, arithmetic):
        raise CorruptStreamError(f"a model is named, but {mode.name} is coded without one")
    known = {int(section) for section in Section}
    found = {Section(kind): content for kind, content in container.sections if kind in known}
    try:
        check_sections(mode, found)
    except PictureError as error:
        raise CorruptStreamError(f"sections that do not go with the image: {error}") from None
    return container, mode, found


def region_of(height: int, width: int, region: Rectangle | None) -> Rectangle:
    """A region of a picture of this size; by default all of it.

    Raises:
        ValueError: it is not inside.
    """
    y, x, rows, columns = region or (0, 0, height, width)
    inside = rows > 0 and columns > 0 and y >= 0 and x >= 0
    if not inside or y + rows > height or x + columns > width:
        raise ValueError(
            f"region x={x}, y={y}, {columns}x{rows} is not inside the picture of "
            f"{width}x{height} pixels"
        )
    return y, x, rows, columns
