"""AVIF: still pictures of AV1."""

from typing import Any, ClassVar

from baselines.lossy.base import PillowMethod, after


class Avif(PillowMethod):
    """Through libavif at speed 6 of 10, its default, with full colour, in one thread."""

    name = "AVIF"
    key = "avif"
    suffix = ".avif"
    format = "AVIF"
    feature = "avif"
    options: ClassVar[dict[str, Any]] = {"speed": 6, "subsampling": "4:4:4", "max_threads": 1}
    points = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95)

    def header_bytes(self, data: bytes) -> int:
        return after(data, b"mdat")
