"""`l3c models`: the models that come with the package, and those in files that are named."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from l3c.cli.batch import InputError, run_jobs
from l3c.cli.exits import Exit, UsageError
from l3c.cli.inputs import Job, Source, find_sources, hidden
from l3c.cli.model_table import ModelFacts, print_comparison, shown
from l3c.cli.outcome import Outcome
from l3c.cli.report import Report
from l3c.models.zoo import DEFAULT, ModelFile, named_model, open_codec, read_model, released
from l3c.recipe import Recipe

SUFFIX = ".safetensors"
_COLUMNS = (
    *(
        "name",
        "family",
        "parameters",
        "identity",
        "steps",
        "validation bpsp",
        "trained on",
        "check",
    ),
)
_ROW = "{:<16} {:<14} {:>11} {:<17} {:>8} {:>15} {:<28} {}"
_FROM_CARD = (
    *("steps", "train_s", "processes", "threads", "device", "images", "data_sha256"),
    *("final_train_bpsp", "validation_bpsp", "versions", "date", "licence", "released"),
)


def run(args: argparse.Namespace) -> Exit:
    """Runs the command."""
    if args.compare:
        return _compare(args.paths, as_json=args.json)
    known = {str(model.weights): model for model in released()}
    jobs = [Job(Source(model.weights, Path()), None) for model in known.values()]
    names = {model.name for model in released()}
    paths = [path for path in args.paths if path not in names]
    sources, left = find_sources(paths, {SUFFIX})
    jobs += [Job(source, None, source.problem) for source in sources]

    def work(job: Job, report: Report) -> Outcome:
        if job.source.path is None:
            raise InputError("a model is read from its file and the card beside it")
        name = str(job.source.path)
        fields = _fields(known.get(name) or read_model(name))
        return Outcome(_ROW.format(*_cells(fields)), fields)

    if not args.json:
        print(_ROW.format(*_COLUMNS) if jobs else "no model comes with this installation")
    with Report("models", len(jobs), hidden(left), as_json=args.json) as report:
        run_jobs(jobs, work, report)
        return report.finish()


def _compare(names: list[str], *, as_json: bool) -> Exit:
    if len(names) < 2:
        raise UsageError(
            f"--compare takes two models or more, got {len(names)}: released names, or "
            ".safetensors files"
        )
    facts = []
    for name in names:
        model = named_model(name)
        fields = _fields(model)
        facts.append(ModelFacts(name, fields, Recipe.model_validate(model.card["recipe"])))
    print_comparison(facts, as_json=as_json)
    return Exit.GOOD


def _fields(model: ModelFile) -> dict[str, Any]:
    """What its file and its card say; None for what the card does not.

    Raises:
        ModelError: weights, card and identity do not agree.
    """
    codec = open_codec(model, "cpu")
    return {
        "input": str(model.weights),
        "name": model.name,
        "default": model.name == DEFAULT,
        "family": model.card.get("family"),
        "parameters": model.card.get("parameters"),
        "identity": codec.identity.hex(),
        "float_identity": model.identity("float").hex() or None,
        **{key: model.card.get(key) for key in _FROM_CARD},
        "arithmetic": codec.arithmetic.kind,
        "check": "good" if model.identities else "no identity in the card",
    }


def _cells(fields: dict[str, Any]) -> Iterator[str]:
    for key in ("name", "family", "parameters", "identity", "steps", "validation_bpsp"):
        yield shown(key, fields[key])
    data = fields["data_sha256"]
    yield f"{fields['images']} images ({shown('data_sha256', data)})" if data else "-"
    yield fields["check"] + ("" if fields["arithmetic"] == "integer" else ", no integers")
