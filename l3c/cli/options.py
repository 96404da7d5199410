"""Arguments that several commands share, their values, and the models that they choose."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from l3c.arithmetic import Arithmetic
from l3c.cli.exits import UsageError
from l3c.threads import limit_threads

if TYPE_CHECKING:
    from l3c.models.tile_codec import TileCodec


def number_in(least: int, most: int = 2**63 - 1) -> Callable[[str], int]:
    """A function that reads a whole number within limits, for argparse."""

    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"expected {least} to {most}, got {text!r}")
        return int(text)

    return read


positive = number_in(1)
_SHARED: dict[str, dict[str, Any]] = {
    "--force": {"action": "store_true", "help": "replace files that exist"},
    "--keep-times": {
        "action": "store_true",
        "help": "give outputs the modification times of inputs",
    },
    "--device": {"choices": ("auto", "cpu", "cuda"), "default": "auto", "help": "default auto"},
    "--json": {"action": "store_true", "help": "print one JSON text, for scripts"},
    "--quiet": {"action": "store_true", "help": "print errors only"},
    "--threads": {"type": positive, "metavar": "N", "help": "of the processor to use"},
}


def add_flag(parser: Any, name: str, text: str) -> None:
    """Declares an option without a value."""
    parser.add_argument(name, action="store_true", help=text)


def add_shared(parser: Any, *names: str) -> None:
    """Declares options that several commands have, by their names."""
    for name in names:
        short = ["-q"] if name == "--quiet" else []
        parser.add_argument(*short, name, **_SHARED[name])


def add_coding(parser: Any, model: str) -> None:
    """Declares the options of commands that code with a model; `model` is the help of --model."""
    parser.add_argument("--model", help=model)
    add_shared(parser, "--device", "--json", "--quiet", "--threads")


def add_inputs(parser: Any, what: str = ".l3c files") -> None:
    """Declares the inputs of a command."""
    text = f"{what} or folders of them; - is stdin"
    parser.add_argument("inputs", nargs="+", metavar="FILE", help=text)


def add_output(parser: Any, default: str) -> None:
    """Declares where each input's result goes, and what happens to files there."""
    parser.add_argument(
        "-o",
        "--output",
        help="file, or folder for several inputs, in which folders are mirrored; - is stdout; "
        f"by default beside its input, as {default}",
    )
    add_shared(parser, "--force", "--keep-times")


class Engine:
    """Opens codecs by the options --model, --device, --arithmetic and --threads.

    Raises:
        ModelError: no such model.
        UsageError: no such device here.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        from l3c.models import zoo

        self._args, self._zoo = args, zoo
        self._model = zoo.named_model(args.model) if args.model else None
        if args.threads:
            limit_threads(args.threads)
        if args.device == "cuda":
            from l3c.models.base import choose_device

            try:
                choose_device(args.device)
            except ValueError as error:
                raise UsageError(str(error)) from None

    def encoder(self) -> TileCodec:
        """The codec of the model that was named, or of the default one."""
        arithmetic = getattr(self._args, "arithmetic", None)
        return self._zoo.open_codec(self._model, self._args.device, arithmetic)

    def decoder(self, identity: bytes, arithmetic: Arithmetic) -> TileCodec:
        """The codec that a file was written with."""
        more = (self._model,) if self._model else ()
        return self._zoo.find_codec(identity, arithmetic, self._args.device, more)
