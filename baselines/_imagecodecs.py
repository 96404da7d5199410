"""What the codecs of the imagecodecs library have in common: in memory, on one thread."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from baselines.base import DecodeError, Image, Method, UnavailableError, check_image

try:
    import imagecodecs
except ImportError:  # an optional part: `available()` says so
    imagecodecs = None  # type: ignore[assignment]


Options = Mapping[str, Any]
"""Keyword arguments of a codec function."""


class ImagecodecsMethod(Method):
    """A format through `imagecodecs.<codec>_encode` and `<codec>_decode`.

    Attributes:
        codec: prefix of the library's functions, e.g. "jpegxl".
        options: keyword arguments of the encoder; they are also what `settings` records.
        decode_options: keyword arguments of the decoder.
    """

    codec: ClassVar[str]
    options: ClassVar[Options]
    decode_options: ClassVar[Options] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "options" in cls.__dict__:
            cls.settings = ", ".join(f"{name}={value}" for name, value in cls.options.items())

    def why_unavailable(self) -> str:
        if imagecodecs is None:
            return "the Python package imagecodecs is missing: pip install imagecodecs"
        if not getattr(imagecodecs, self.codec.upper()).available:
            return f"this build of imagecodecs has no {self.codec}: pip install imagecodecs"
        return ""

    def version(self) -> str:
        self._require()
        library = getattr(imagecodecs, f"{self.codec}_version")()
        return f"imagecodecs {imagecodecs.__version__}, {library}"

    def encode(self, image: Image) -> bytes:
        check_image(image)
        self._require()
        encoder = getattr(imagecodecs, f"{self.codec}_encode")
        return bytes(encoder(np.ascontiguousarray(image), **self.options))

    def decode(self, data: bytes) -> Image:
        self._require()
        decoder = getattr(imagecodecs, f"{self.codec}_decode")
        try:
            image = decoder(data, **self.decode_options)
        # The libraries report bad bytes as RuntimeError (PngError, ...) or ValueError (wrong
        # signature), and absurd dimensions as MemoryError.
        except (RuntimeError, ValueError, MemoryError) as error:
            raise DecodeError(self.name, str(error) or type(error).__name__) from error
        try:
            check_image(image)
        except (TypeError, ValueError) as error:
            raise DecodeError(self.name, str(error)) from error
        return np.ascontiguousarray(image)

    def _require(self) -> None:
        if reason := self.why_unavailable():
            raise UnavailableError(self.name, reason)
