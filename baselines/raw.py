"""Raw pixels, the control: 8 bits per sub-pixel and a header of some 15 bytes."""

import numpy as np

from baselines.base import DecodeError, Image, Method
from baselines.ppm import from_ppm, to_ppm


class Raw(Method):
    """Uncompressed pixels as a PPM file: where this row is not 8 bpsp, bytes are miscounted."""

    name = "Raw pixels"
    key = "raw"
    suffix = ".ppm"
    settings = "binary PPM"

    def version(self) -> str:
        return f"numpy {np.__version__}"

    def encode(self, image: Image) -> bytes:
        return to_ppm(image)

    def decode(self, data: bytes) -> Image:
        try:
            return from_ppm(data)
        except ValueError as error:
            raise DecodeError(self.name, str(error)) from error
