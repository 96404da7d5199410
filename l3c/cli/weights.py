"""What the commands that write a model share: its path, and the line or JSON text at the end."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from l3c.cli.exits import Exit, UsageError
from l3c.cli.options import add_shared
from l3c.cli.report import print_json
from l3c.models.zoo import read_model

SUFFIX = ".safetensors"


def add_output(parser: argparse.ArgumentParser) -> None:
    """Declares --output, --force, and what is printed."""
    parser.add_argument("-o", "--output", required=True, help=f"weights to write, *{SUFFIX}")
    add_shared(parser, "--force", "--json", "--quiet", "--threads")


def output_path(args: argparse.Namespace) -> Path:
    """Path of the weights to write.

    Raises:
        UsageError: a name with another suffix.
    """
    weights = Path(args.output)
    if weights.suffix != SUFFIX:
        raise UsageError(f"-o {weights}: the model's name must end in {SUFFIX}")
    return weights


def print_written(args: argparse.Namespace, line: Callable[[dict[str, Any]], str]) -> Exit:
    """Prints what the card of the written model says, as a line or as JSON."""
    card = read_model(args.output).card
    if args.json:
        print_json({"command": args.command, "output": args.output, "card": card, "exit_code": 0})
    elif not args.quiet:
        print(f"{args.output}: {line(card)}")
    return Exit.GOOD
