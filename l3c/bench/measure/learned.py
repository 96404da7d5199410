"""A trained model of any family behind the `Method` interface."""

from __future__ import annotations

import sys
from pathlib import Path

from baselines.base import DecodeError, Image, Method, check_image
from coder.errors import CoderError
from l3c.arithmetic import Kind
from l3c.bench.measure.provenance import versions
from l3c.coding import cross_entropy_bits, decode_picture, encode_picture
from l3c.images.picture import Picture
from l3c.models.families import family_name
from l3c.models.zoo import open_codec, read_model
from l3c.tile_coding import Choice


class LearnedMethod(Method):
    """A model of this project.

    Args:
        key: identifier in configuration and file names.
        name: label of the table row.
        weights: `<model>.safetensors`, its card `<model>.json` beside it.
        arithmetic: of the decoder path; None for integers where the model has them.
        device: "cpu" or "cuda".
        choice: what codes a tile; by default the network, whatever it costs.

    Attributes:
        codec: of the model.

    Raises:
        l3c.models.zoo.ModelError: naming the file that cannot be used.
    """

    suffix = ".l3c"

    def __init__(
        self,
        key: str,
        name: str,
        weights: Path | str,
        arithmetic: Kind | None = None,
        device: str = "cpu",
        choice: Choice = Choice.NETWORK,
    ) -> None:
        self.key = key
        self.name = name
        self.choice = choice
        self.codec = open_codec(weights, device, arithmetic)
        used = [f"torch {versions()['torch']}"] if "torch" in sys.modules else []
        self._version = ", ".join([*used, f"model {self.codec.identity.hex()}"])
        file = read_model(weights)
        settings = file.card["recipe"].get("model", {})
        parts = [family_name(file.family), *(f"{name}={value}" for name, value in settings.items())]
        parts.append(self.codec.arithmetic.text)
        parts += [] if choice == Choice.NETWORK else [f"network or fallback: {choice}"]
        self.settings = ", ".join(parts)

    def version(self) -> str:
        """PyTorch's version, if the model needs it, and its identity in the container."""
        return self._version

    def encode(self, image: Image) -> bytes:
        """See `Method`."""
        check_image(image)
        return encode_picture(Picture.from_array(image), self.codec, choice=self.choice)

    def decode(self, data: bytes) -> Image:
        """See `Method`."""
        try:
            decoded = decode_picture(data, lambda identity, arithmetic: self.codec)
        except CoderError as error:
            raise DecodeError(self.name, str(error)) from error
        return decoded.picture.samples

    def cross_entropy_bits(self, image: Image) -> float | None:
        """See `Method`; None where the fallback, which has no model, may have coded a part."""
        check_image(image)
        if self.choice != Choice.NETWORK:
            return None
        return cross_entropy_bits(Picture.from_array(image), self.codec)
