"""JPEG 2000, reversible."""

from typing import ClassVar

from baselines._imagecodecs import ImagecodecsMethod, Options


class Jpeg2000(ImagecodecsMethod):
    """JPEG 2000 through OpenJPEG: 5/3 wavelet and reversible colour transform, in a JP2 file.

    `mct` is the colour transform; without it (Pillow's lossless mode leaves it out) photographs
    cost about 40 % more. `level` 0 stands for "every bit-plane" and makes the file lossless.
    JPEG 2000 has no checksum: damage within the pixel data can decode to other pixels without an
    error.
    """

    name = "JPEG 2000"
    key = "jpeg2000"
    suffix = ".jp2"
    codec = "jpeg2k"
    options: ClassVar[Options] = {
        "level": 0,
        "reversible": True,
        "mct": True,
        "codecformat": "jp2",
        "numthreads": 1,
    }
    decode_options: ClassVar[Options] = {"numthreads": 1}
