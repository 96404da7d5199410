"""A trained model of any family behind the `Method` interface."""

from __future__ import annotations

from pathlib import Path

import torch

from baselines.base import DecodeError, Image, Method, check_image
from coder.errors import CoderError
from l3c.arithmetic import Kind
from l3c.coding import bits_theory, decode_picture, encode_picture
from l3c.images.picture import Picture
from l3c.models.zoo import open_codec, read_model
from l3c.recipe import parse_recipe
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
        recipe = parse_recipe(read_model(weights).card["recipe"], str(weights))
        settings = ", ".join(f"{key}={value}" for key, value in recipe.model.items())
        coded_by = "" if choice == Choice.NETWORK else f"network or fallback: {choice}"
        self.settings = ", ".join(
            filter(None, [recipe.family, settings, self.codec.arithmetic.text, coded_by])
        )

    def version(self) -> str:
        """PyTorch's version, and the identity of the model in the container."""
        return f"torch {torch.__version__}, model {self.codec.identity.hex()}"

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

    def bits_theory(self, image: Image) -> float | None:
        """See `Method`; None where the fallback, which has no model, may have coded a part."""
        check_image(image)
        if self.choice != Choice.NETWORK:
            return None
        return bits_theory(Picture.from_array(image), self.codec)
