"""JPEG XL in its lossy mode."""

import imagecodecs
import numpy as np

from baselines.base import DecodeError, Image, check_image
from baselines.lossy.base import LossyMethod


class JpegXL(LossyMethod):
    """A codestream through libjxl at effort 7, its default; points are Butteraugli distances."""

    name = "JPEG XL"
    key = "jpegxl_lossy"
    suffix = ".jxl"
    quality = "distance"
    points = (15, 10, 7, 5, 4, 3, 2.5, 2, 1.5, 1, 0.7, 0.5)

    def why_unavailable(self) -> str:
        if not imagecodecs.JPEGXL.available:
            return "this build of imagecodecs has no jpegxl: pip install imagecodecs"
        return ""

    def version(self) -> str:
        self.require()
        return f"imagecodecs {imagecodecs.__version__}, {imagecodecs.jpegxl_version()}"

    def encode(self, image: Image, point: float) -> bytes:
        self.check(image, point)
        image = np.ascontiguousarray(image)
        return bytes(
            imagecodecs.jpegxl_encode(
                image, distance=point, effort=7, usecontainer=False, numthreads=1
            )
        )

    def decode(self, data: bytes) -> Image:
        self.require()
        try:
            image = imagecodecs.jpegxl_decode(data)
            check_image(image)
        except (RuntimeError, ValueError, TypeError, MemoryError) as error:
            raise DecodeError(self.name, str(error) or type(error).__name__) from error
        return np.ascontiguousarray(image)
