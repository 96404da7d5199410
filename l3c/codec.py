"""Image <-> bytes with a trained network: the order of scales and channels, in both directions.

The coarsest bottleneck comes first, under a uniform CDF; each prediction then allows the next finer
scale to be coded, down to the image. Encoder and decoder call the same `predict` on the same values
in the same shapes and memory layout, so that on one machine their parameters are equal to the last
bit. Whatever else happens, the checksum of the pixels in the container keeps a decoder from
returning wrong ones.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from coder import range_coder
from coder.container import Container, pack, unpack
from coder.errors import CorruptStreamError, ModelMismatchError
from coder.shape import MixtureShape
from coder.tables import FREQUENCY_BITS
from l3c.config import Recipe
from l3c.model.mixture import negative_log_likelihood
from l3c.model.network import Network

Image = npt.NDArray[np.uint8]


class ModelError(ValueError):
    """Weights or card cannot be used; the message names the file and the reason."""


class NotExactError(CorruptStreamError):
    """The decoded pixels are not the encoded ones; none is given out."""


class Codec:
    """Encodes and decodes images with one trained network.

    Args:
        network: with its weights, of any kind.
    """

    def __init__(self, network: Network) -> None:
        self.network = network.eval().requires_grad_(False)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.identity = _identity(network)

    @classmethod
    def open(cls, weights: Path | str) -> Codec:
        """Loads `<name>.safetensors` and the card `<name>.json` beside it.

        Raises:
            ModelError: a file is missing or does not fit the other.
        """
        weights = Path(weights)
        card = weights.with_suffix(".json")
        try:
            recipe = Recipe.model_validate(json.loads(card.read_text(encoding="utf-8"))["recipe"])
            network = Network(recipe.model)
            network.load_state_dict(load_file(weights))
        except OSError as error:
            raise ModelError(f"{error.filename or weights}: cannot be read") from error
        except (ValidationError, KeyError, ValueError) as error:
            raise ModelError(f"{card}: not a model card with a recipe ({error})") from error
        except (SafetensorError, RuntimeError) as error:
            raise ModelError(f"{weights}: weights do not fit their card ({error})") from error
        return cls(network)

    @torch.inference_mode()
    def encode(self, image: Image) -> bytes:
        """Compresses an image, uint8 (H, W, 3), any size from 1x1."""
        network, padded = self.network, self._pad(image)
        pyramid = network.bottlenecks(padded)
        targets = [image.reshape(-1, 3), *(_rows(p.symbols) for p in pyramid)]
        streams = [_encode_uniform(targets[-1], network.shape(network.scales))]
        for s, raw in self._predictions([p.values for p in pyramid], image.shape):
            shape = network.shape(s)
            streams.append(range_coder.encode_mixture(targets[s], _parameters(raw), shape))
        height, width = image.shape[:2]
        return pack(
            Container(height, width, self.identity, zlib.crc32(image.tobytes()), tuple(streams))
        )

    @torch.inference_mode()
    def decode(self, data: bytes) -> Image:
        """Inverse of `encode`.

        Raises:
            CorruptStreamError: the bytes were altered.
            UnsupportedFormatError: not an L3C file, or of a later format.
            ModelMismatchError: written with another model.
            NotExactError: the pixels differ from the encoded ones, because of altered bytes or
                because this machine's floating-point results differ from the encoder's.
        """
        container = unpack(data)
        if container.model != self.identity:
            raise ModelMismatchError(
                f"written with model {container.model.hex()}, this one is {self.identity.hex()}"
            )
        network, size = self.network, (container.height, container.width)
        if len(container.streams) != network.scales + 1:
            raise CorruptStreamError(
                f"{len(container.streams)} streams, the model has {network.scales + 1} scales"
            )
        streams = iter(container.streams)
        padded = [side + -side % (1 << network.scales) for side in size]
        shape = network.shape(network.scales)
        height, width = (side >> network.scales for side in padded)
        symbols = _decode_uniform(next(streams), height * width, shape)
        above = None
        for s in range(network.scales, 0, -1):
            z = torch.from_numpy(symbols.reshape(1, height, width, -1).astype(np.int64))
            values = _channels_last(network.values(z.permute(0, 3, 1, 2)))
            raw, above = network.predict(s, values, above)
            height, width = (2 * height, 2 * width) if s > 1 else size
            shape = network.shape(s - 1)
            parameters = _parameters(raw[:, :, :height, :width])
            symbols = range_coder.decode_mixture(next(streams), parameters, shape)
        image = symbols.astype(np.uint8).reshape(*size, 3)
        if zlib.crc32(image.tobytes()) != container.pixels_crc:
            raise NotExactError(
                "decoded pixels do not have the checksum of the encoded ones: the file was "
                "altered, or written where floating-point results differ (another processor or "
                "library version)"
            )
        return image

    @torch.inference_mode()
    def bits_theory(self, image: Image) -> float:
        """Cross-entropy of the image under the float model, in bits: an ideal coder's size."""
        network, padded = self.network, self._pad(image)
        pyramid = network.bottlenecks(padded)
        targets = [
            torch.from_numpy(image.transpose(2, 0, 1).copy())[None],
            *(p.symbols for p in pyramid),
        ]
        top = network.shape(network.scales)
        bits = targets[-1].numel() * float(np.log2(top.levels))
        for s, raw in self._predictions([p.values for p in pyramid], image.shape):
            nats = negative_log_likelihood(
                targets[s].float(), network.split(s, raw), network.shape(s).levels
            )
            bits += float(nats.double().sum()) / float(np.log(2))
        return bits

    def _predictions(
        self, values: list[Tensor], size: tuple[int, ...]
    ) -> Iterator[tuple[int, Tensor]]:
        """Raw parameters (1, P, H, W) of z^(S-1), ..., z^(0), in this order, with their s."""
        above = None
        for s in range(self.network.scales, 0, -1):
            raw, above = self.network.predict(s, _channels_last(values[s - 1]), above)
            height, width = raw.shape[2:] if s > 1 else size[:2]
            yield s - 1, raw[:, :, :height, :width]

    def _pad(self, image: Image) -> Tensor:
        """uint8 (1, 3, H', W'), sides divisible by 2^S, by repeating the last row and column."""
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise ValueError(f"expected uint8 (H, W, 3), got {image.dtype} {image.shape}")
        multiple = 1 << self.network.scales
        missing = [(0, -side % multiple) for side in image.shape[:2]]
        padded = np.pad(image, [*missing, (0, 0)], mode="edge")
        return torch.from_numpy(padded.transpose(2, 0, 1)[None].copy())


def _identity(network: Network) -> bytes:
    """Eight bytes of a hash over all that decoding depends on: settings and weights."""
    digest = hashlib.sha256(network.settings.model_dump_json().encode())
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.contiguous().numpy().tobytes())
    return digest.digest()[:8]


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)


def _parameters(raw: Tensor) -> npt.NDArray[np.float32]:
    """(1, P, H, W) -> (H W, P); a view of channels-last parameters without padding."""
    return raw[0].permute(1, 2, 0).flatten(0, 1).contiguous().numpy()


def _rows(symbols: Tensor) -> npt.NDArray[Any]:
    return symbols[0].permute(1, 2, 0).reshape(-1, symbols.shape[1]).numpy()


def _uniform_cdf(levels: int) -> npt.NDArray[np.uint32]:
    edges = np.arange(levels + 1, dtype=np.uint64) << np.uint64(FREQUENCY_BITS)
    return (edges // np.uint64(levels)).astype(np.uint32)[None]


def _encode_uniform(symbols: npt.NDArray[Any], shape: MixtureShape) -> bytes:
    flat = symbols.reshape(-1)
    return range_coder.encode(flat, _uniform_cdf(shape.levels), np.zeros(len(flat), np.int64))


def _decode_uniform(data: bytes, pixels: int, shape: MixtureShape) -> npt.NDArray[np.uint16]:
    rows = np.zeros(pixels * shape.channels, np.int64)
    return range_coder.decode(data, _uniform_cdf(shape.levels), rows)
