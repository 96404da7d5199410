"""The models that a command codes with, opened when the first file needs one."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from l3c.arithmetic import Arithmetic, Kind
from l3c.cli.exits import UsageError
from l3c.models.zoo import ModelFile, choose_device, find_codec, named_model, open_codec
from l3c.threads import limit_threads

if TYPE_CHECKING:
    from l3c.models.tile_codec import TileCodec


class Engine:
    """Opens codecs as the options --model, --device, --arithmetic and --threads say.

    Raises:
        ModelError: no such model.
        UsageError: no such device here.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self._model: ModelFile | None = named_model(args.model) if args.model else None
        self._device: str = args.device
        # None for decoders, which follow the file, and for encoders that were not told.
        self._arithmetic: Kind | None = getattr(args, "arithmetic", None)
        self._noted = False
        if args.threads:
            limit_threads(args.threads)
        self._threads: int | None = args.threads
        if self._device == "cuda":
            try:
                choose_device(self._device)
            except ValueError as error:
                raise UsageError(str(error)) from None

    def encoder(self) -> TileCodec:
        """The codec of the model that was named, or of the default one."""
        self._limit()
        return open_codec(self._model, self._device, self._arithmetic)

    def notes(self, arithmetic: Arithmetic) -> tuple[str, ...]:
        """What the user should know of a file in floating point that was not asked for, once."""
        exact = arithmetic in (Arithmetic.NONE, Arithmetic.INTEGER)
        if exact or self._arithmetic or self._noted:
            return ()
        self._noted = True
        return (
            "the model has no integers: files are coded in floating point, and a machine that "
            "computes it otherwise refuses to decode them (--arithmetic float silences this)",
        )

    def decoder(self, identity: bytes, arithmetic: Arithmetic) -> TileCodec:
        """The codec that a file was written with."""
        self._limit()
        more = (self._model,) if self._model else ()
        return find_codec(identity, arithmetic, self._device, more)

    def _limit(self) -> None:
        if self._threads:
            import torch

            torch.set_num_threads(self._threads)
