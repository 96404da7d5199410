"""The page on the configuration and the columns of results, from the classes that check them.

`python -m l3c.workflow.reference` writes docs/configuration.md.
"""

from __future__ import annotations

import inspect
import json
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from l3c.bench.schema import BatchRow, ChannelBits, ResultRow, TimingRow
from l3c.workflow.checks import settings_in
from l3c.workflow.experiment import Experiment

PAGE = Path(__file__).resolve().parents[2] / "docs" / "configuration.md"
ROWS: dict[str, type[BaseModel]] = {
    "rows.csv": ResultRow,
    "timing.csv": TimingRow,
    "batches.csv": BatchRow,
    "bits.csv": ChannelBits,
}


def _sections(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, type[BaseModel]]]:
    """Settings below others, each with its path; `<key>` stands for names that users choose."""
    yield path or "The configuration", model
    for name, field in model.model_fields.items():
        if found := settings_in(field.annotation):
            star = ".<key>" if typing.get_origin(field.annotation) is dict else ""
            yield from _sections(found, f"{path}.{name}{star}".lstrip("."))


def _default(field: Any) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "required"
    if isinstance(value, BaseModel):
        return "see below"
    value = list(value) if isinstance(value, tuple) else value
    return f"`{json.dumps(value)}`"


def _attributes(model: type[BaseModel]) -> dict[str, str]:
    """What the docstring of a class says of its attributes, for those without a description."""
    section = (inspect.getdoc(model) or "").partition("Attributes:\n")[2].partition("\n\n")[0]
    entries = re.findall(r"^    (\w[\w, ]*): (.*(?:\n     .*)*)", section, re.MULTILINE)
    return {name: text for names, text in entries for name in names.split(", ")}


def _table(model: type[BaseModel], with_default: bool = True) -> list[str]:
    head = ["key", "default", "what it is"] if with_default else ["column", "what it is"]
    attributes = _attributes(model)
    lines = [head, ["---"] * len(head)]
    for name, field in model.model_fields.items():
        found = settings_in(field.annotation)
        summary = (found.__doc__ or "").partition("\n")[0] if found else ""
        choices = typing.get_args(field.annotation)
        about = field.description or attributes.get(name) or summary or ", ".join(map(str, choices))
        cells = [f"`{name}`", *([_default(field)] if with_default else []), about]
        lines.append([re.sub(r"\s+", " ", cell).replace("|", "\\|") for cell in cells])
    return ["| " + " | ".join(line) + " |" for line in lines]


def page() -> str:
    """The text of docs/configuration.md."""
    lines = ["<!-- Written by `python -m l3c.workflow.reference`; do not edit. -->"]
    lines += ["# Configuration and results", "", "Keys of `config/config.yaml` and of files merged"]
    lines[-1] += " over it; an unknown key is an error. Then the columns of results."
    for path, model in _sections(Experiment):
        title = f"`{path}`" if model is not Experiment else path
        lines += ["", f"## {title}", "", (model.__doc__ or "").partition("\n")[0], ""]
        lines += _table(model)
    for name, model in ROWS.items():
        lines += ["", f"## Columns of `{name}`", "", *_table(model, with_default=False)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
