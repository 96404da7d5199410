"""WebP in its lossy mode."""

from typing import Any, ClassVar

from baselines.lossy.base import PillowMethod, after


class WebP(PillowMethod):
    """Through libwebp at its most thorough method."""

    name = "WebP"
    key = "webp_lossy"
    suffix = ".webp"
    format = "WEBP"
    feature = "webp"
    options: ClassVar[dict[str, Any]] = {"method": 6}
    points = (0, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95)

    def header_bytes(self, data: bytes) -> int:
        return after(data, b"VP8 ", 4)  # and the chunk's length
