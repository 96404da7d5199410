"""JPEG XL in its lossy mode."""

from baselines._imagecodecs import Imagecodecs
from baselines.base import Image
from baselines.lossy.base import LossyMethod


class JpegXL(Imagecodecs, LossyMethod):
    """A codestream through libjxl at effort 7, its default; points are Butteraugli distances."""

    name = "JPEG XL"
    key = "jpegxl_lossy"
    suffix = ".jxl"
    codec = "jpegxl"
    quality = "distance"
    points = (15, 10, 7, 5, 4, 3, 2.5, 2, 1.5, 1, 0.7, 0.5)

    def encode(self, image: Image, point: float) -> bytes:
        self.check(image, point)
        options = {"distance": point, "effort": 7, "usecontainer": False, "numthreads": 1}
        return self.encode_with(image, options)
