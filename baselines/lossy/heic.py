"""HEIC: still pictures of HEVC, if pillow-heif is installed."""

import importlib.util
from importlib.metadata import version as version_of
from typing import Any, ClassVar

from baselines.base import Image
from baselines.lossy.base import PillowMethod, after


class Heic(PillowMethod):
    """Through libheif and x265, with full colour."""

    name = "HEIC"
    key = "heic"
    suffix = ".heic"
    format = "HEIF"
    feature = "heif"
    options: ClassVar[dict[str, Any]] = {"chroma": 444}
    points = (5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 95)

    def why_unavailable(self) -> str:
        if importlib.util.find_spec("pillow_heif") is None:
            return "the Python package pillow-heif is missing: pip install pillow-heif"
        return ""

    def version(self) -> str:
        self.require()
        import pillow_heif

        library = pillow_heif.libheif_info()["libheif"]
        return f"pillow-heif {version_of('pillow-heif')}, libheif {library}"

    def encode(self, image: Image, point: float) -> bytes:
        self._register()
        return super().encode(image, point)

    def decode(self, data: bytes) -> Image:
        self._register()
        return super().decode(data)

    def header_bytes(self, data: bytes) -> int:
        return after(data, b"mdat")

    def _register(self) -> None:
        self.require()
        import pillow_heif

        pillow_heif.register_heif_opener()
