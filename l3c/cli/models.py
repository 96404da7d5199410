"""List the models that come with the package, and others that are named.

Each is loaded, and its identity compared with its card.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from l3c.cli.exits import Exit
from l3c.cli.files import Job
from l3c.cli.options import WEIGHTS_SUFFIX, add_shared
from l3c.cli.report import Batch, Outcome
from l3c.messages import aligned
from l3c.models.zoo import DEFAULT, ModelFile, open_codec, read_model, released

_FACTS = [  # keys of a model's fields
    *("family", "parameters", "identity", "float_identity", "steps", "train_s"),
    *("threads", "device", "images", "data_sha256", "final_train_bpsp", "validation_bpsp"),
    *("date", "licence", "released"),
]
_HEAD = ["name", *_FACTS[:3], "steps", "validation bpsp", "trained on", "check"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument(
        "inputs", nargs="*", metavar="MODEL", help=".safetensors files or folders of them"
    )
    add_shared(parser, "--json")


def run(args: argparse.Namespace) -> Exit:
    """Runs the command."""
    known = {model.weights: model for model in released()}
    names = {model.name for model in known.values()}
    args.inputs = [*map(str, known), *(each for each in args.inputs if each not in names)]
    rows = [_HEAD]

    def describe(job: Job, batch: Batch) -> Outcome:
        path = Path(job.name)
        fields = _fields(known.get(path) or read_model(path))
        rows.append(_cells(fields))
        return "", fields, []

    code = Batch(args, {WEIGHTS_SUFFIX}).run(describe)
    if not args.json:
        lines = aligned(rows, right=(2, 4, 5))
        print("\n".join(lines) if args.inputs else "no model comes with this installation")
    return code


def _fields(model: ModelFile) -> dict[str, Any]:
    """What a model's file and its card tell; None for what the card does not.

    Raises:
        ModelError: weights, card and identity do not agree.
    """
    codec = open_codec(model, "cpu")
    return {
        "name": model.name,
        "default": model.name == DEFAULT,
        **{key: model.card.get(key) for key in (*_FACTS, "versions")},
        "identity": codec.identity.hex(),
        "float_identity": model.identity("float").hex() or None,
        "arithmetic": codec.arithmetic.kind,
        "check": "good" if model.identities else "no identity in the card",
    }


def _cells(fields: dict[str, Any]) -> list[str]:
    formats = {"parameters": "{:,}", "validation_bpsp": "{:.3f}"}
    keys = ("name", "family", "parameters", "identity", "steps", "validation_bpsp")
    cells = ["-" if fields[k] is None else formats.get(k, "{}").format(fields[k]) for k in keys]
    data = fields["data_sha256"]
    cells.append(f"{fields['images']} images ({data[:12]})" if data else "-")
    exact = "" if fields["arithmetic"] == "integer" else ", no integers"
    return [*cells, fields["check"] + exact]
