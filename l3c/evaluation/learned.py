"""L3C, RGB and RGB Shared: a trained network behind the `Method` interface."""

from __future__ import annotations

from pathlib import Path

import torch

from baselines.base import DecodeError, Image, Method, check_image
from coder.errors import CoderError
from coder.tables import FREQUENCY_BITS
from l3c.arithmetic import DEFAULT, Kind
from l3c.coding import bits_theory, decode_picture, encode_picture
from l3c.picture import Picture
from l3c.stopwatch import Stopwatch
from l3c.zoo import open_codec


class LearnedMethod(Method):
    """A model of this project.

    Args:
        key: identifier in configuration and file names.
        name: label of the table row.
        weights: `<model>.safetensors`, its card `<model>.json` beside it.
        arithmetic: of the decoder path.
        device: "cpu" or "cuda".

    Attributes:
        codec: of the model.

    Raises:
        l3c.zoo.ModelError: naming the file that cannot be used.
    """

    suffix = ".l3c"
    stopwatch: Stopwatch | None = None

    def __init__(
        self,
        key: str,
        name: str,
        weights: Path | str,
        arithmetic: Kind = DEFAULT,
        device: str = "cpu",
    ) -> None:
        self.key = key
        self.name = name
        self.codec = open_codec(weights, device, arithmetic)
        model = self.codec.network.settings
        self.settings = (
            f"{model.kind}, Cf={model.features}, blocks={model.blocks}, K={model.mixtures}, "
            f"{self.codec.arithmetic.text}, {FREQUENCY_BITS}-bit frequencies"
        )

    def version(self) -> str:
        """PyTorch's version, and the identity of the model in the container."""
        return f"torch {torch.__version__}, model {self.codec.identity.hex()}"

    def encode(self, image: Image) -> bytes:
        """See `Method`."""
        check_image(image)
        return encode_picture(Picture.from_array(image), self.codec, stopwatch=self.stopwatch)

    def decode(self, data: bytes) -> Image:
        """See `Method`."""
        try:
            decoded = decode_picture(
                data, lambda identity, arithmetic: self.codec, stopwatch=self.stopwatch
            )
        except CoderError as error:
            raise DecodeError(self.name, str(error)) from error
        return decoded.picture.samples

    def bits_theory(self, image: Image) -> float:
        """See `Method`."""
        check_image(image)
        return bits_theory(Picture.from_array(image), self.codec)
