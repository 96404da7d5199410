"""TensorBoard: the curves of a training, and what its network makes of one crop on the way.

`tensorboard` is optional: without it a training says so and goes on. A board changes no weight: it
works on a copy of the network, and its random numbers come from generators of its own.
"""

from __future__ import annotations

import contextlib
import copy
import sys
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
import numpy.typing as npt
from torch import Tensor

from l3c.models.base import Model
from l3c.models.pyramid_codec import PyramidCodec
from l3c.models.tile_codec import RGB, UnsupportedError

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

INSTALL = "pip install 'tensorboard>=2.18,<3'"

_CHANNELS = 3  # of z that are drawn, as in L3C Fig. A1
_GAP = 2  # white pixels between them
# Every eighth of matplotlib's viridis: lightness rises evenly, so that it reads in grey too.
_COLORS = np.array(
    [
        *((68, 1, 84), (71, 45, 123), (59, 82, 139), (44, 114, 142), (33, 145, 140)),
        *((40, 174, 128), (94, 201, 98), (173, 220, 48), (253, 231, 37)),
    ]
)


class Board:
    """Writes TensorBoard's event files; use it as a context manager.

    Args:
        folder: to write to; None writes nothing. Without tensorboard nothing is written either, and
            stderr says so.
        done: steps that the training has behind it. What the folder holds of later ones, from a run
            that went on beyond its last checkpoint, is not shown any more.
    """

    def __init__(self, folder: Path | None, done: int = 0) -> None:
        self._writer: SummaryWriter | None = None
        if folder is None:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            print(f"no board: tensorboard is not installed ({error}): {INSTALL}", file=sys.stderr)
            return
        self._writer = SummaryWriter(str(folder), purge_step=done + 1)

    def scalars(self, step: int, **values: float | None) -> None:
        """Adds a point to the curve of each value that is not None, after so many steps.

        All that was given before is on the disk afterwards: a checkpoint saved then has its board.
        """
        if self._writer is None:
            return
        for tag, value in values.items():
            if value is not None:
                self._writer.add_scalar(tag, value, step)
        self._writer.flush()

    def images(self, step: int, model: Model, crop: Tensor) -> None:
        """Adds pictures of a crop, as far as the family offers any.

        `z/1` to `z/S` are the heat maps of the bottlenecks, see `heat_map`; `samples/truth` is the
        crop, `samples/x` x sampled given z^(1)..z^(S), `samples/x-z1` x and z^(1) sampled given
        z^(2)..z^(S), and so on (L3C Sec. 5.4), with the same random numbers at every step.

        Args:
            step: how many the network was trained for.
            model: on any device; it is copied, not changed.
            crop: uint8 (3, H, W).
        """
        if self._writer is None:
            return
        rgb = crop.permute(1, 2, 0).cpu().numpy()
        for tag, image in pictures(model, rgb).items():
            self._writer.add_image(tag, image, step, dataformats="HWC")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._writer is not None:
            self._writer.close()


def pictures(model: Model, rgb: RGB) -> dict[str, RGB]:
    """Tag -> image, uint8 (H', W', 3), of what `Board.images` shows; `rgb` is uint8 (H, W, 3)."""
    # A codec freezes its network and orders its weights in memory anew: never those in training.
    codec = copy.deepcopy(model).codec(next(model.parameters()).device.type)
    images = {}
    if isinstance(codec, PyramidCodec):
        for s, plane in enumerate(codec.symbols(rgb)[1:], 1):
            symbols = plane[0, :_CHANNELS].cpu().numpy()
            images[f"z/{s}"] = heat_map(symbols, codec.network.shape(s).levels, enlarge=1 << s)
    with contextlib.suppress(UnsupportedError):
        images |= {f"samples/{each.name}": each.image for each in codec.sample_parts(rgb)}
    return images


def heat_map(symbols: npt.NDArray[np.int64], levels: int, enlarge: int = 1) -> RGB:
    """Channels side by side, in viridis: dark blue is the lowest level, yellow the highest.

    Args:
        symbols: (C, H, W), in 0..levels - 1. The range of the colours is that of all levels,
            [-1, 1] in values of z, not of those that occur: maps of different steps compare.
        levels: L.
        enlarge: side of the square, in pixels, that stands for a symbol.

    Returns:
        uint8 (H', W', 3), H' = enlarge H, W' = enlarge C W and the gaps between the channels.
    """
    places = np.linspace(0, levels - 1, len(_COLORS))
    channels = [np.interp(symbols, places, _COLORS[:, part]) for part in range(3)]
    maps = np.stack(channels, axis=-1).round().astype(np.uint8)  # (C, H, W, 3)
    maps = maps.repeat(enlarge, axis=1).repeat(enlarge, axis=2)
    apart = np.pad(maps, [(0, 0), (0, 0), (0, _GAP), (0, 0)], constant_values=255)
    return np.concatenate(apart, axis=1)[:, :-_GAP]
