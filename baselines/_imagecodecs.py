"""What the codecs of the imagecodecs library have in common: in memory, on one thread."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from baselines.base import Compressor, DecodeError, Image, Method, check_image

try:
    import imagecodecs
except ImportError:  # an optional part: `available()` says so
    imagecodecs = None  # type: ignore[assignment]


Options = Mapping[str, Any]
"""Keyword arguments of a codec function."""


class Imagecodecs(Compressor):
    """A format through `imagecodecs.<codec>_encode` and `<codec>_decode`.

    Attributes:
        codec: prefix of the library's functions, e.g. "jpegxl".
        decode_options: keyword arguments of the decoder.
    """

    codec: ClassVar[str]
    decode_options: ClassVar[Options] = {}

    def why_unavailable(self) -> str:
        if imagecodecs is None:
            return "the Python package imagecodecs is missing: pip install imagecodecs"
        if not getattr(imagecodecs, self.codec.upper()).available:
            return f"this build of imagecodecs has no {self.codec}: pip install imagecodecs"
        return ""

    def version(self) -> str:
        self.require()
        library = getattr(imagecodecs, f"{self.codec}_version")()
        return f"imagecodecs {imagecodecs.__version__}, {library}"

    def encode_with(self, image: Image, options: Options) -> bytes:
        """The bitstream that the encoder gives with these keyword arguments."""
        encoder = getattr(imagecodecs, f"{self.codec}_encode")
        return bytes(encoder(np.ascontiguousarray(image), **options))

    def decode(self, data: bytes) -> Image:
        self.require()
        decoder = getattr(imagecodecs, f"{self.codec}_decode")
        # The libraries report bad bytes as RuntimeError (PngError, ...) or ValueError (wrong
        # signature), and absurd dimensions as MemoryError.
        try:
            image = decoder(data, **self.decode_options)
            check_image(image)
        except (RuntimeError, ValueError, TypeError, MemoryError) as error:
            raise DecodeError(self.name, str(error) or type(error).__name__) from error
        return np.ascontiguousarray(image)


class ImagecodecsMethod(Imagecodecs, Method):
    """A lossless format.

    Attributes:
        options: keyword arguments of the encoder; they are also what `settings` records.
    """

    options: ClassVar[Options]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "options" in cls.__dict__:
            cls.settings = ", ".join(f"{name}={value}" for name, value in cls.options.items())

    def encode(self, image: Image) -> bytes:
        check_image(image)
        self.require()
        return self.encode_with(image, self.options)
