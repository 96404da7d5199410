"""The page on the configuration and the columns of results, from the classes that check them.

`python -m tools.configuration_page` writes docs/configuration.md.
"""

from __future__ import annotations

import inspect
import json
import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from l3c.bench.schema import BatchRow, ChannelBits, LossyRow, ResultRow, TimingRow
from l3c.workflow.experiment import Experiment

PAGE = Path(__file__).resolve().parents[1] / "docs" / "configuration.md"
ROWS: dict[str, type[BaseModel]] = {
    "rows.csv": ResultRow,
    "timing.csv": TimingRow,
    "batches.csv": BatchRow,
    "lossy.csv": LossyRow,
    "bits.csv": ChannelBits,
}
_INTRODUCTION = """\
<!-- Written by `python -m tools.configuration_page`; do not edit. -->
# Configuration and results

Keys of `config/config.yaml` and of files merged over it; an unknown key is an error. At the end:
the columns of results.

Paths are relative to the folder in which Snakemake starts. Recipes, weights, figures and notebooks
that are not there are looked for in the folder of the Snakefile. To start elsewhere, name that
file: `snakemake --cores all --snakefile REPOSITORY/Snakefile --configfile mine.yaml`. Paths in a
recipe are relative to the recipe."""


def page() -> str:
    """The text of docs/configuration.md."""
    lines = [_INTRODUCTION]
    for path, model in _sections(Experiment):
        title = f"`{path}`" if path else "The configuration"
        lines += ["", f"## {title}", "", (model.__doc__ or "").partition("\n")[0], ""]
        lines += _table(model, ["key", "default", "what it is"])
    for name, model in ROWS.items():
        lines += ["", f"## Columns of `{name}`", "", *_table(model, ["column", "what it is"])]
    return "\n".join(lines) + "\n"


def _sections(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Settings below others, each with its path; `<key>` stands for names that users choose."""
    yield path, model
    for name, field in model.model_fields.items():
        if found := _settings_in(field.annotation):
            star = ".<key>" if typing.get_origin(field.annotation) is dict else ""
            yield from _sections(found, f"{path}.{name}{star}".lstrip("."))


def _settings_in(kind: Any) -> type[BaseModel] | None:
    """The settings class behind an annotation, `X | None` and `dict[str, X]` included."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    if typing.get_origin(kind) in (types.UnionType, typing.Union, dict):
        return next((found for found in map(_settings_in, typing.get_args(kind)) if found), None)
    return None


def _table(model: type[BaseModel], head: list[str]) -> list[str]:
    section = (inspect.getdoc(model) or "").partition("Attributes:\n")[2].partition("\n\n")[0]
    attributes = dict(re.findall(r"^    (\w+): (.*(?:\n     .*)*)", section, re.MULTILINE))
    lines = [head, ["---"] * len(head)]
    for name, field in model.model_fields.items():
        found = _settings_in(field.annotation)
        summary = (found.__doc__ or "").partition("\n")[0] if found else ""
        choices = ", ".join(map(str, typing.get_args(field.annotation)))
        about = field.description or attributes.get(name) or summary or choices
        cells = [f"`{name}`", *([_default(field)] if "default" in head else []), about]
        lines.append([re.sub(r"\s+", " ", cell).replace("|", "\\|") for cell in cells])
    return ["| " + " | ".join(line) + " |" for line in lines]


def _default(field: Any) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "required"
    return f"`{json.dumps(value)}`"  # of tuples as lists


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
