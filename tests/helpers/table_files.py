"""Files of tables, taken apart."""

from __future__ import annotations

import csv
import io
import re
import tempfile
from dataclasses import replace
from pathlib import Path

import pandas as pd

from l3c.bench.published import published_values
from l3c.bench.run import Run
from l3c.bench.tables import write_table

_COLUMNS = ("table", "dataset", "edition", "method", "quantity", "value", "unit", "confidence")
_COLUMNS += ("note",)


def text(run: Run, name: str, form: str = "md") -> str:
    """A file of a table."""
    with tempfile.TemporaryDirectory() as folder:
        write_table(name, replace(run, path=Path(folder)))
        return (Path(folder) / "tables" / f"{name}.{form}").read_text(encoding="utf-8")


def lines(run: Run, name: str) -> list[dict[str, str]]:
    """Lines of the CSV of a table."""
    return list(csv.DictReader(io.StringIO(text(run, name, "csv"))))


def sections(page: str) -> dict[str, str]:
    """Heading -> text below it."""
    return dict(part.split("\n", 1) for part in re.split(r"(?m)^#+ ", page)[1:])


def cells(section: str) -> dict[str, dict[str, str]]:
    """First cell of each line of a Markdown table -> its cells by column."""
    head, _, *found = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section.splitlines()
        if line.startswith("|")
    ]
    return {line[0]: dict(zip(head, line, strict=True)) for line in found}


def published(*values: dict[str, str]) -> pd.DataFrame:
    """Published values, of Table 1 in bpsp on "Set v3" unless said."""
    about = ("1", "Set", "v3", "L3C", "bpsp", "1", "bpsp", "primary", "")
    rows = [dict(zip(_COLUMNS, about, strict=True)) | value for value in values]
    return published_values(pd.DataFrame(rows, columns=[*_COLUMNS], dtype=str))
