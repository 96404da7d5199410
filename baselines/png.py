"""PNG at its highest deflate level."""

from typing import ClassVar

from baselines._imagecodecs import ImagecodecsMethod, Options


class Png(ImagecodecsMethod):
    """PNG through libpng, which picks one of the five row filters for every row.

    Level 9 is zlib's strongest. The library encodes on one thread by design, and checks a CRC for
    every chunk, so that flipped bits do not decode.
    """

    name = "PNG"
    key = "png"
    suffix = ".png"
    codec = "png"
    options: ClassVar[Options] = {"level": 9}
