"""WebP in its lossless mode."""

from typing import ClassVar

from baselines._imagecodecs import ImagecodecsMethod, Options


class WebP(ImagecodecsMethod):
    """WebP lossless through libwebp, method 6 (the most thorough) at the library's quality 75.

    In lossless mode "quality" is search effort: 100 saves another 0.7 % on photographs and takes
    ten times as long.
    WebP has no checksum: damage within the pixel data can decode to other pixels without an error.
    """

    name = "WebP"
    key = "webp"
    suffix = ".webp"
    codec = "webp"
    options: ClassVar[Options] = {"lossless": True, "method": 6, "level": 75, "numthreads": 1}
    decode_options: ClassVar[Options] = {"hasalpha": False}  # always three channels
