"""What can be wrong with bytes that claim to be a `.l3c` file, a class for each case.

`UnsupportedFormatError`: not for this reader, however intact. `CorruptStreamError`: the bytes are
not those that were written. The other two: the file is intact.
"""

from coder.errors import CoderError, CorruptStreamError

GET_AGAIN = "get the file again from where it came from"
SALVAGE = "keep what is whole: l3c decode --salvage"
Rectangle = tuple[int, int, int, int]
"""y, x, height and width in pixels. Messages name it as the command does: x,y,w,h."""


class UnsupportedFormatError(CoderError):
    """The bytes are no container that this version reads."""


class NotL3CError(UnsupportedFormatError):
    """The bytes do not start with the signature."""


class NewerFormatError(UnsupportedFormatError):
    """The file needs a later version of this package; made with what is not known to this one."""

    def __str__(self) -> str:
        return f"{self.args[0]}, unknown to this release: install a newer one to read the file"


class TruncatedError(CorruptStreamError):
    """The file is shorter than its header announces."""


class TrailingBytesError(CorruptStreamError):
    """The file is longer than its header announces."""


class HeaderAlteredError(CorruptStreamError):
    """The header does not have its checksum, or has fields that no writer makes."""


class SectionAlteredError(CorruptStreamError):
    """A section, whose `kind` is an attribute, does not have its checksum."""

    def __init__(self, kind: int) -> None:
        super().__init__(kind)
        self.kind = kind

    def __str__(self) -> str:
        return (
            f"section of kind {self.kind} (metadata) was altered: its checksum does not fit; "
            f"{GET_AGAIN}, or {SALVAGE}"
        )


class _OfTileError(CoderError):
    """Something about one tile, whose `rectangle` (y, x, height, width) is an attribute."""

    problem = "cannot be decoded"

    def __init__(self, rectangle: Rectangle) -> None:
        super().__init__(rectangle)
        self.rectangle = rectangle

    def __str__(self) -> str:
        y, x, height, width = self.rectangle
        return f"tile {x},{y},{width},{height} (x,y,w,h) {self.problem}"


class TileError(_OfTileError, CorruptStreamError):
    """A tile cannot be decoded; all others can."""


class TileAlteredError(TileError):
    """The coded bytes of a tile do not have their checksum."""

    problem = f"was altered: the checksum of its bytes does not fit; {GET_AGAIN}, or {SALVAGE}"


class TileMissingError(TileError):
    """The file ends before the tile does."""

    problem = f"is missing: the file ends before it; {GET_AGAIN}, or {SALVAGE}"


class ModelMismatchError(CoderError):
    """The container was written with another model than the one given."""


class NotExactError(_OfTileError):
    """The decoded pixels of a tile are not the encoded ones, although its bytes are."""

    problem = (
        "is intact, but decodes to other pixels than were encoded: floating-point results differ "
        "here from those of the encoder (another processor, device, thread count or library "
        "version); decode it where it was encoded"
    )
