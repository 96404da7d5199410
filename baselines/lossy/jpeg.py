"""JPEG with optimised Huffman tables, with colours at half the resolution or at all of it."""

from typing import Any, ClassVar

from baselines.lossy.base import PillowMethod, after


class Jpeg420(PillowMethod):
    """Through libjpeg-turbo; the header ends with the marker of the first scan."""

    name = "JPEG 4:2:0"
    key = "jpeg_420"
    suffix = ".jpg"
    format = "JPEG"
    feature = "jpg"
    options: ClassVar[dict[str, Any]] = {"subsampling": "4:2:0", "optimize": True}
    points = (5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 90, 95)

    def header_bytes(self, data: bytes) -> int:
        return after(data, b"\xff\xda")


class Jpeg444(Jpeg420):
    """As the paper's."""

    name = "JPEG 4:4:4"
    key = "jpeg_444"
    options: ClassVar[dict[str, Any]] = {"subsampling": "4:4:4", "optimize": True}
