"""JPEG 2000, irreversible, at target rates."""

from typing import Any, ClassVar

from baselines.lossy.base import PillowMethod, after


class Jpeg2000(PillowMethod):
    """A codestream through OpenJPEG; points are bits per pixel, of 24 before compression."""

    name = "JPEG 2000"
    key = "jpeg2000_lossy"
    suffix = ".j2k"
    quality = "bpp"
    format = "JPEG2000"
    feature = "jpg_2000"
    options: ClassVar[dict[str, Any]] = {"no_jp2": True, "irreversible": True, "mct": 1}
    points = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.2, 1.5, 2.0)

    def save_options(self, point: float) -> dict[str, Any]:
        return {"quality_mode": "rates", "quality_layers": [24 / point]}

    def header_bytes(self, data: bytes) -> int:
        return after(data, b"\xff\x93")  # start of data, of the one tile
