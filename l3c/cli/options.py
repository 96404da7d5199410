"""Arguments that several commands share, and their values."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

WEIGHTS_SUFFIX = ".safetensors"


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


def add_weights(parser: Any) -> None:
    """Declares the options of commands that write a model."""
    text = f"weights to write, *{WEIGHTS_SUFFIX}"
    parser.add_argument("-o", "--output", type=_weights, required=True, help=text)
    add_shared(parser, "--force", "--json", "--quiet", "--threads")


def _weights(text: str) -> Path:
    if Path(text).suffix != WEIGHTS_SUFFIX:
        raise argparse.ArgumentTypeError(f"the model's name must end in {WEIGHTS_SUFFIX}: {text}")
    return Path(text)
