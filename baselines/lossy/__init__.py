"""Classical lossy codecs, one file each: image and quality -> bytes -> a reconstruction."""

from collections.abc import Callable

from baselines.lossy.avif import Avif
from baselines.lossy.base import LossyMethod
from baselines.lossy.bpg import Bpg
from baselines.lossy.heic import Heic
from baselines.lossy.jpeg import Jpeg420, Jpeg444
from baselines.lossy.jpeg2000 import Jpeg2000
from baselines.lossy.jpegxl import JpegXL
from baselines.lossy.webp import WebP

LOSSY_METHODS: dict[str, Callable[[], LossyMethod]] = {
    method.key: method for method in (Jpeg420, Jpeg444, Jpeg2000, WebP, JpegXL, Avif, Heic, Bpg)
}
"""By key, in the order of tables."""

__all__ = ["LOSSY_METHODS", "LossyMethod"]
