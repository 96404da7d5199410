"""TensorBoard: curves of a training, and pictures that its network makes of one crop.

`tensorboard` is optional: without it a training prints how to install it and continues. A copy of
the network makes the pictures, so that no weight and no random state changes.
"""

from __future__ import annotations

import contextlib
import copy
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from l3c.models.base import Model
from l3c.models.pyramid_codec import PyramidCodec
from l3c.models.tile_codec import UnsupportedError

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

INSTALL = "pip install 'tensorboard>=2.18,<3'"
_CHANNELS = 3  # of z that are drawn, as in L3C Fig. A1


def open_writer(folder: Path | None, done: int = 0) -> SummaryWriter | None:
    """A writer of event files; None without a folder, or without tensorboard, which is reported.

    Args:
        folder: to write to.
        done: steps that the training has behind it. What the folder holds of later ones, from a run
            that went on beyond its last checkpoint, is not shown any more.
    """
    if folder is None:
        return None
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        print(f"tensorboard is not installed ({error}), no curves: {INSTALL}", file=sys.stderr)
        return None
    return SummaryWriter(str(folder), purge_step=done + 1)


def add_scalars(writer: SummaryWriter, row: Mapping[str, float | None]) -> None:
    """Writes a row of the metrics; a checkpoint that is saved afterwards has its curves."""
    for tag in row.keys() - {"step", "seconds"}:
        if row[tag] is not None:
            writer.add_scalar(tag, row[tag], row["step"])
    writer.flush()


def add_pictures(writer: SummaryWriter, step: int, model: Model, crop: Tensor) -> None:
    """Writes pictures of a crop, uint8 (3, H, W), as far as the family offers any.

    `z/1` to `z/S` are channels of the bottlenecks: black is the lowest level, white the highest.
    `samples/truth` is the crop, `samples/x` x sampled given z^(1)..z^(S), `samples/x-z1` x and
    z^(1) sampled given z^(2)..z^(S), and so on (L3C Sec. 5.4), with the same random numbers at
    every step.
    """
    rgb = crop.permute(1, 2, 0).cpu().numpy()
    # A codec freezes its network and orders its weights in memory anew: never those in training.
    codec = copy.deepcopy(model).codec(next(model.parameters()).device.type)
    if isinstance(codec, PyramidCodec):
        for s, symbols in enumerate(codec.symbols(rgb)[1:], 1):
            share = symbols[0, :_CHANNELS, None] / (codec.network.shape(s).levels - 1)
            writer.add_images(f"z/{s}", share, step)
    with contextlib.suppress(UnsupportedError):
        for sample in codec.sample_parts(rgb):
            writer.add_image(f"samples/{sample.name}", sample.image, step, dataformats="HWC")
