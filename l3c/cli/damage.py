"""What is wrong with a file, in all its parts: lengths, metadata, tiles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from coder.errors import CorruptStreamError
from l3c.arithmetic import Arithmetic
from l3c.cli.exits import Exit, combined, error_fields, exit_of
from l3c.coding import Decoded, decode_picture
from l3c.fileformat.container import Container, unpack
from l3c.fileformat.errors import Rectangle, SectionAlteredError

if TYPE_CHECKING:
    from l3c.models.tile_codec import TileCodec


def flaws_of(data: bytes, container: Container) -> list[Exception]:
    """What is wrong with a file's bytes as a whole: its length, and its metadata.

    Args:
        data: the file.
        container: unpacked from it with `damaged=True`.
    """
    flaws: list[Exception] = [SectionAlteredError(kind) for kind in container.damaged_sections]
    try:
        unpack(data)
    except SectionAlteredError:
        pass
    except CorruptStreamError as error:
        flaws.insert(0, error)
    return flaws


def salvage(
    data: bytes,
    find_codec: Callable[[bytes, Arithmetic], TileCodec],
    *,
    region: Rectangle | None = None,
    progress: Callable[[int], object],
) -> tuple[Decoded, list[Exception]]:
    """Decodes what can be decoded, and lists what is wrong; see `l3c.coding.decode_picture`.

    Raises:
        CoderError: nothing can be decoded.
    """
    flaws = flaws_of(data, unpack(data, damaged=True))
    decoded = decode_picture(data, find_codec, region=region, salvage=True, progress=progress)
    return decoded, flaws + [damage.error for damage in decoded.damaged]


def flaw_fields(flaws: Sequence[Exception]) -> list[dict[str, Any]]:
    """Each flaw for scripts; the region is what `decode --region` takes, None of no pixels."""
    fields = []
    for flaw in flaws:
        y, x, height, width = rectangle = getattr(flaw, "rectangle", (None,) * 4)
        region = None if rectangle[0] is None else [x, y, width, height]
        fields.append({"region": region} | error_fields(flaw))
    return fields


def exit_of_flaws(flaws: Sequence[Exception]) -> Exit:
    """The exit code of a file with these flaws."""
    return combined(map(exit_of, flaws))
