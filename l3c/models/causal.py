"""The causal family: a small integer network predicts each pixel from decoded neighbours.

It codes with NumPy and C alone (coder/causal.py); only `FAMILY`, which trains, needs PyTorch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from coder import causal
from coder.causal import CausalNetwork, WeightError
from l3c.messages import one_line
from l3c.models.tile_codec import RGB, Arithmetic, Bits, Kind, TileCodec
from l3c.models.zoo import INTEGER_PREFIX, ModelError, ModelFile, NoArithmeticError
from l3c.stopwatch import timed
from l3c.threads import thread_count

NAME = "causal"


class CausalCodec(TileCodec):
    """Codes tiles as coder/CAUSAL.md defines it, one stream each.

    Args:
        network: whose integers decoding depends on.
    """

    arithmetic = Arithmetic.CAUSAL
    quick = True

    def __init__(self, network: CausalNetwork) -> None:
        self.network = network
        self.identity = identity(network.to_arrays())

    @property
    def threads(self) -> int:  # type: ignore[override]
        """All that there are: the engine itself computes with one."""
        return thread_count()

    def encode(self, tile: RGB) -> list[bytes]:
        """See `TileCodec`."""
        with timed("coder", "x"):
            return [causal.encode_tile(tile, self.network)]

    def decode(self, streams: list[bytes], height: int, width: int) -> RGB:
        """See `TileCodec`."""
        with timed("coder", "x"):
            return causal.decode_tile(streams[0], self.network, height, width)

    def symbol_bits(self, tile: RGB) -> dict[str, Bits]:
        """See `TileCodec`; with the bias of the tile, whose own bits are spread over all pixels."""
        bias = causal.fit_bias(tile, self.network)
        bits = causal.pixel_bits(tile, self.network, bias)
        if bias.any():
            bits += 8 * len(bias) / tile.size
        return {"x": bits.transpose(2, 0, 1)}


def identity(arrays: Mapping[str, npt.NDArray[Any]], start: bytes = NAME.encode()) -> bytes:
    """8 bytes of a SHA-256 over what a model depends on besides, and all integers of a network."""
    parts = [start]
    for name, array in sorted(arrays.items()):
        parts.append(f" {name} {array.dtype.name} {array.shape} ".encode())
        parts.append(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())
    return causal.sha256(b"".join(parts))[:8]


def open_tile_codec(file: ModelFile, device: str, arithmetic: Kind) -> CausalCodec:
    """The codec of a model file: reads its integers and nothing else.

    Raises:
        NoArithmeticError: asked for floating point, or a device other than the CPU.
        ModelError: no integers, or such that could overflow.
    """
    from safetensors import SafetensorError, safe_open

    if arithmetic != "integer" or device == "cuda":
        raise NoArithmeticError(
            f"{file.weights}: the causal family codes in integers, on the CPU (--device auto)"
        )
    try:
        with safe_open(file.weights, "np") as tensors:
            names = [name for name in tensors.keys() if name.startswith(INTEGER_PREFIX)]  # noqa: SIM118
            arrays = {name.removeprefix(INTEGER_PREFIX): tensors.get_tensor(name) for name in names}
        return CausalCodec(CausalNetwork.from_arrays(arrays))
    except OSError as error:
        raise ModelError(f"{file.weights}: cannot be read ({one_line(error)})") from None
    except (SafetensorError, WeightError) as error:
        raise ModelError(f"{file.weights}: not a model of the causal family ({error})") from None


def __getattr__(name: str) -> Any:
    """`FAMILY`, the network that trains, once it is asked for: it imports PyTorch."""
    if name != "FAMILY":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from l3c.models.causal_network import Causal

    return Causal
