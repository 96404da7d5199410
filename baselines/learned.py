"""L3C, RGB and RGB Shared: a trained network behind the `Method` interface."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from baselines.base import DecodeError, Image, Method, check_image
from coder.errors import CoderError
from coder.tables import FREQUENCY_BITS
from l3c.codec import Codec


class LearnedMethod(Method):
    """A model of this project.

    Args:
        key: identifier in configuration and file names.
        name: label of the table row.
        weights: `<model>.safetensors`, its card `<model>.json` beside it.

    Raises:
        l3c.codec.ModelError: naming the file that cannot be used.
    """

    suffix = ".l3c"

    def __init__(self, key: str, name: str, weights: Path | str) -> None:
        self.key = key
        self.name = name
        self._codec = Codec.open(weights)
        model = self._codec.network.settings
        self.settings = (
            f"{model.kind}, Cf={model.features}, blocks={model.blocks}, K={model.mixtures}, "
            f"{FREQUENCY_BITS}-bit frequencies"
        )

    def version(self) -> str:
        """PyTorch's version, and the identity of the model in the container."""
        return f"torch {torch.__version__}, model {self._codec.identity.hex()}"

    def encode(self, image: Image) -> bytes:
        """See `Method`."""
        check_image(image)
        return self._codec.encode(np.ascontiguousarray(image))

    def decode(self, data: bytes) -> Image:
        """See `Method`."""
        try:
            return self._codec.decode(data)
        except CoderError as error:
            raise DecodeError(self.name, str(error)) from error

    def bits_theory(self, image: Image) -> float:
        """Cross-entropy under the float model, in bits."""
        check_image(image)
        return self._codec.bits_theory(image)
