"""`l3c models`: the models that come with the package, and those in files that are named."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from l3c.cli.batch import InputError, run_jobs
from l3c.cli.exits import Exit
from l3c.cli.inputs import Job, Source, find_sources
from l3c.cli.outcome import Outcome
from l3c.cli.report import Report
from l3c.zoo import DEFAULT, Model, open_codec, read_model, released

SUFFIX = ".safetensors"
_COLUMNS = ("name", "kind", "parameters", "identity", "steps", "trained on", "check")
_ROW = "{:<16} {:<11} {:>11} {:<17} {:>8} {:<28} {}"


def run(args: argparse.Namespace) -> Exit:
    """Runs the command."""
    known = {str(model.weights): model for model in released()}
    jobs = [Job(Source(model.weights, Path()), None) for model in known.values()]
    jobs += [Job(source, None, source.problem) for source in find_sources(args.paths, {SUFFIX})]

    def work(job: Job, report: Report) -> Outcome:
        if job.source.path is None:
            raise InputError("a model is read from its file and the card beside it")
        name = str(job.source.path)
        return _describe(known.get(name) or read_model(name))

    if not args.json:
        print(_ROW.format(*_COLUMNS) if jobs else "no model comes with this installation")
    with Report("models", len(jobs), as_json=args.json) as report:
        run_jobs(jobs, work, report)
        return report.finish()


def _describe(model: Model) -> Outcome:
    codec = open_codec(model, "cpu")  # fails where weights, card and identity do not agree
    card = model.card
    settings = codec.network.settings
    fields: dict[str, Any] = {
        "input": str(model.weights),
        "name": model.name,
        "default": model.name == DEFAULT,
        "kind": settings.kind,
        "parameters": sum(weights.numel() for weights in codec.network.parameters()),
        "identity": codec.identity.hex(),
        "float_identity": model.identity("float").hex() or None,
        "steps": card.get("steps"),
        "images": card.get("images"),
        "data_sha256": card.get("data_sha256"),
        "licence": card.get("licence"),
        "check": "good" if model.identity() else "no identity in the card",
    }
    text = _ROW.format(*(_shown(value) for value in _cells(fields)))
    return Outcome(text, fields)


def _cells(fields: dict[str, Any]) -> Iterator[Any]:
    yield fields["name"]
    yield fields["kind"]
    yield f"{fields['parameters']:,}"
    yield fields["identity"]
    yield fields["steps"]
    data = fields["data_sha256"]
    yield f"{fields['images']} images ({data[:12]})" if data else None
    yield fields["check"]


def _shown(value: Any) -> str:
    return "-" if value is None else str(value)
