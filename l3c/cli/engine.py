"""The models that a command codes with, opened when the first file needs one."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from l3c.arithmetic import Arithmetic, Kind
from l3c.cli.exits import UsageError
from l3c.models.zoo import find_codec, named_model, open_codec
from l3c.threads import limit_threads

if TYPE_CHECKING:
    from l3c.models.tile_codec import TileCodec

_FLOAT_NOTE = (
    "the model has no integers: files are coded in floating point, and a machine that computes it "
    "otherwise refuses to decode them (--arithmetic float silences this)"
)


class Engine:
    """Opens codecs by the options --model, --device, --arithmetic and --threads.

    Raises:
        ModelError: no such model.
        UsageError: no such device here.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        self._model = named_model(args.model) if args.model else None
        self._device: str = args.device
        self._arithmetic: Kind | None = getattr(args, "arithmetic", None)
        self._noted = self._arithmetic is not None
        if args.threads:
            limit_threads(args.threads)
        if self._device == "cuda":
            from l3c.models.base import choose_device

            try:
                choose_device(self._device)
            except ValueError as error:
                raise UsageError(str(error)) from None

    def encoder(self) -> TileCodec:
        """The codec of the model that was named, or of the default one."""
        return open_codec(self._model, self._device, self._arithmetic)

    def decoder(self, identity: bytes, arithmetic: Arithmetic) -> TileCodec:
        """The codec that a file was written with."""
        more = (self._model,) if self._model else ()
        return find_codec(identity, arithmetic, self._device, more)

    def notes(self, arithmetic: Arithmetic) -> list[str]:
        """What the user should know of a file in floating point that was not asked for, once."""
        if self._noted or arithmetic == Arithmetic.NONE or arithmetic.kind != "float":
            return []
        self._noted = True
        return [_FLOAT_NOTE]
