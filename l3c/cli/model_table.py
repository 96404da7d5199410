"""Models side by side, as a table or JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from l3c.cli.report import print_json
from l3c.recipe import Recipe, paper_settings

_PROPERTIES = {  # key of a model's fields -> what people call it
    "family": "family",
    "parameters": "parameters",
    "identity": "identity",
    "float_identity": "float identity",
    "steps": "steps",
    "train_s": "training seconds",
    "processes": "processes",
    "threads": "threads",
    "device": "device",
    "images": "images",
    "data_sha256": "data",
    "final_train_bpsp": "train bpsp",
    "validation_bpsp": "validation bpsp",
    "date": "date",
    "licence": "licence",
    "released": "released",
}


@dataclass(frozen=True)
class ModelFacts:
    """What is known of a model.

    Attributes:
        title: what the user calls it.
        fields: of its file and card, by the keys of `l3c models --json`; None for what is unknown.
        recipe: that it was trained with.
    """

    title: str
    fields: dict[str, Any]
    recipe: Recipe


Row = Sequence[str]


def print_comparison(models: list[ModelFacts], *, as_json: bool) -> None:
    """Prints what is known of each of several models, and how their recipes differ."""
    if as_json:
        print_json(_content(models))
        return
    table = [["", *(model.title for model in models), ""], *_rows(models)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def shown(key: str, value: Any) -> str:
    """A field of a model for people; "-" if it is None."""
    if value is None:
        return "-"
    if key == "parameters":
        return f"{value:,}"
    if key == "data_sha256":
        return str(value)[:12]
    return f"{value:.3f}" if key.endswith("bpsp") else str(value)


def _rows(models: list[ModelFacts]) -> Iterator[Row]:
    """A name, a cell for each model, and for settings the paper's."""
    for key, name in _PROPERTIES.items():
        yield [name, *(shown(key, model.fields[key]) for model in models), ""]
    versions = [model.fields["versions"] or {} for model in models]
    for name in dict.fromkeys(name for each in versions for name in each):
        yield [name, *(shown(name, each.get(name)) for each in versions), ""]
    differing = _differing(models)
    paper, first = paper_settings(), models[0].recipe.settings()
    shared = [key for key in paper if key not in differing and first.get(key) != paper[key]]
    for title, keys in (
        ("settings that differ", differing),
        ("settings alike, unlike the paper", shared),
    ):
        if keys:
            yield [""] * (len(models) + 2)
            yield [title, *("" for _ in models), "paper"]
        for key in keys:
            values = [str(model.recipe.settings().get(key, "-")) for model in models]
            yield [f"  {key}", *values, str(paper.get(key, "-"))]


def _differing(models: list[ModelFacts]) -> list[str]:
    settings = [model.recipe.settings() for model in models]
    keys = dict.fromkeys(key for each in settings for key in each)
    return [key for key in keys if any(s.get(key) != settings[0].get(key) for s in settings)]


def _content(models: list[ModelFacts]) -> dict[str, Any]:
    return {
        "command": "models",
        "models": [
            model.fields
            | {"settings": model.recipe.settings(), "deviations": model.recipe.deviations()}
            for model in models
        ],
        "differing": _differing(models),
        "exit_code": 0,
    }
