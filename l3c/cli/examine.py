"""Decoding of a file that may be damaged: all that can be had, and all that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from coder.errors import CorruptStreamError
from l3c.arithmetic import Arithmetic
from l3c.cli.exits import Exit, combined, exit_of
from l3c.coding import Decoded, decode_picture
from l3c.fileformat.container import Container, unpack
from l3c.fileformat.errors import Rectangle, SectionAlteredError, TileError
from l3c.images.picture import Section

if TYPE_CHECKING:
    from l3c.models.tile_codec import TileCodec


@dataclass(frozen=True)
class Flaw:
    """Something that is wrong with a file.

    Attributes:
        error: says what.
        rectangle: y, x, height, width of the pixels that are lost; None if it is not about pixels.
    """

    error: Exception
    rectangle: Rectangle | None = None

    def fields(self) -> dict[str, Any]:
        """For scripts; the region is what `decode --region` takes."""
        region = None
        if self.rectangle is not None:
            y, x, height, width = self.rectangle
            region = [x, y, width, height]
        return {
            "region": region,
            "message": str(self.error),
            "type": type(self.error).__name__,
            "exit_code": int(exit_of(self.error)),
        }


def flaws_of(data: bytes, container: Container) -> list[Flaw]:
    """What is wrong with a file's bytes as a whole: its length, and its metadata.

    Args:
        data: the file.
        container: unpacked from it with `damaged=True`.
    """
    flaws = [Flaw(SectionAlteredError(kind)) for kind in container.damaged_sections]
    try:
        unpack(data)
    except CorruptStreamError as error:
        if not isinstance(error, SectionAlteredError):
            flaws.insert(0, Flaw(error))
    return flaws


def examine(
    data: bytes,
    find_codec: Callable[[bytes, Arithmetic], TileCodec],
    *,
    region: Rectangle | None = None,
    progress: Callable[[int], object] = lambda pixels: None,
) -> tuple[Decoded, list[Flaw]]:
    """Decodes what can be decoded; see `l3c.coding.decode_picture`.

    Raises:
        CoderError: nothing can be decoded.
    """
    flaws = flaws_of(data, unpack(data, damaged=True))
    decoded = decode_picture(data, find_codec, region=region, salvage=True, progress=progress)
    flaws += [Flaw(damage.error, damage.rectangle) for damage in decoded.damaged]
    return decoded, flaws


def exit_of_flaws(flaws: list[Flaw]) -> Exit:
    """The exit code of a file with these flaws."""
    return combined(exit_of(flaw.error) for flaw in flaws)


def altered_tiles(container: Container, rectangles: list[Rectangle]) -> list[Flaw]:
    """Tiles whose coded bytes do not have their checksum, or are not there."""
    flaws = []
    for tile, rectangle in zip(container.tiles, rectangles, strict=True):
        try:
            tile.check(rectangle)
        except TileError as error:
            flaws.append(Flaw(error, rectangle))
    return flaws


def section_name(kind: int) -> str:
    """Name of a section's kind."""
    try:
        return Section(kind).name
    except ValueError:
        return f"kind {kind}"
