"""Tables as values, found by name, and written: Markdown and LaTeX by pandas, CSV.

A new table is a function below `@table` in a module of this package:

    @table("largest", "The largest files", "md", "csv")
    def largest(run: Run) -> Table:
        rows = run.rows.nlargest(10, "num_bytes")
        return Table([Section("", rows[["method", "image"]], left=2)], rows)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from l3c.bench.run import Run
from l3c.files import write_text

NONE, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
MARKS = UNVERIFIED_MARK, EXTERNAL_MARK, REPRODUCED_MARK = "†", "‡", "✓"
TERMS = (
    pd.read_csv(Path(__file__).with_name("terms.tsv"), sep="\t", quoting=3)
    .set_index("term")
    .meaning
)
"""What the title of a column means, or a mark in a cell: printed below tables that have it."""
_BREAK = "\\\\"
_TEX = {
    "\\": "\\textbackslash{}",
    UNVERIFIED_MARK: "$^\\dagger$",
    EXTERNAL_MARK: "$^\\ddagger$",
    REPRODUCED_MARK: "$^\\surd$",
    NONE: "--",
    MINUS: "$-$",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


@dataclass(frozen=True)
class Section:
    """Printed cells under a heading.

    Attributes:
        title: heading; "" for none.
        cells: strings; the first `left` columns are text, numbers are aligned to the right.
        remarks: sentences below.
        left: number of text columns.
    """

    title: str
    cells: pd.DataFrame
    remarks: Sequence[str] = ()
    left: int = 1

    def sides(self) -> list[str]:
        """Alignment of each column, "left" or "right"."""
        return ["left" if i < self.left else "right" for i in range(self.cells.shape[1])]


@dataclass(frozen=True)
class Table:
    """A table in all its forms.

    Attributes:
        sections: printed.
        data: numbers, as CSV.
        notes: on its measurements, below the sections.
    """

    sections: Sequence[Section] = ()
    data: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: Sequence[str] = ()


class TableSpec(NamedTuple):
    """A table as the workflow knows it.

    Attributes:
        title: its heading, and what it is called in lists of results.
        formats: endings of its files, among md, csv and tex.
        make: the function.
    """

    title: str
    formats: tuple[str, ...]
    make: Callable[[Run], Table]


TABLES: dict[str, TableSpec] = {}
"""Tables by the name of their files, below tables/."""


def table(name: str, title: str, *formats: str) -> Callable[..., Callable[[Run], Table]]:
    """Registers a function that makes a table of a run; see `TableSpec`."""

    def register(make: Callable[[Run], Table]) -> Callable[[Run], Table]:
        TABLES[name] = TableSpec(title, formats, make)
        return make

    return register


def write_table(name: str, run: Run) -> None:
    """Writes the files of a table below tables/ of a run; the same run gives the same bytes."""
    spec, origin = TABLES[name], run.provenance
    short_id, stamp = (origin.short_id, origin.stamp) if origin else ("", "not stated")
    made = spec.make(run)
    for form in spec.formats:
        if form == "csv":
            data = made.data.assign(provenance=short_id)
            text = data.to_csv(index=False, lineterminator="\n", float_format="%.6g")
        else:
            blocks = _markdown(spec.title, made) if form == "md" else _latex(name, made)
            last = f"Provenance: {stamp}."
            text = "\n\n".join([*blocks, last if form == "md" else tex(last)]) + "\n"
        write_text(run.path / "tables" / f"{name}.{form}", text)


def _markdown(title: str, table: Table) -> Iterator[str]:
    """Blocks of the page of a table."""
    yield f"# {title}"
    for section in table.sections:
        form: Any = {"tablefmt": "pipe", "colalign": section.sides(), "disable_numparse": True}
        cells = section.cells.map(lambda cell: cell.replace("|", "\\|"))
        yield from [f"## {section.title}"] if section.title else []
        yield str(cells.to_markdown(None, index=False, **form))
        yield from _items("* ", section.remarks)
    for head, texts in (("Notes", table.notes), ("Definitions", _explained(table.sections))):
        yield from [f"## {head}", *_items("* ", texts)] if texts else []


def _items(mark: str, texts: Sequence[str]) -> list[str]:
    return ["\n".join(f"{mark}{text}" for text in texts)] if texts else []


def _explained(sections: Sequence[Section]) -> list[str]:
    """Meanings of those terms that the sections have."""
    titles = " ".join(str(title) for section in sections for title in section.cells)
    texts = " ".join(str(text) for section in sections for text in section.cells.to_numpy().ravel())
    inside = (*MARKS, "not measured here")
    shown = [term for term in TERMS.index if term in (texts if term in inside else titles)]
    return [(f"{term} " if term in MARKS else "") + TERMS[term] for term in shown]


def _latex(name: str, table: Table) -> Iterator[str]:
    """A table environment for each section, as wide as the text at most, then the notes."""
    yield "% Needs \\usepackage{booktabs,adjustbox}. Written by the workflow."
    for number, section in enumerate(table.sections, start=1):
        sides = [side[0] for side in section.sides()]
        heads = [
            f"\\shortstack[{side}]{{{tex(head).replace(' ', _BREAK)}}}"
            for side, head in zip(sides, map(str, section.cells), strict=True)
        ]
        marks = [text for text in _explained([section]) if text.startswith(MARKS)]
        caption = ". ".join([section.title, *marks])
        cells = section.cells.map(tex).set_axis(heads, axis="columns").style.hide(axis="index")
        yield (
            "\\begin{table}\n\\centering\\footnotesize\n"
            f"\\caption{{{tex(caption)}}}\n\\label{{tab:{name}-{number}}}\n"
            "\\begin{adjustbox}{max width=\\textwidth}\n"
            f"{cells.to_latex(hrules=True, column_format=''.join(sides))}\\end{{adjustbox}}"
            "\\par\\raggedright"
        )
        yield from map(tex, section.remarks)
        yield "\\end{table}"
    yield from map(tex, [*table.notes, *_explained(table.sections)])


def tex(text: str) -> str:
    """The text with what LaTeX would take for commands escaped, without Markdown's emphasis."""
    return "".join(_TEX.get(sign, sign) for sign in text.replace("*", ""))


def without_empty(cells: pd.DataFrame) -> pd.DataFrame:
    """The columns that have more than dashes."""
    return cells.loc[:, (cells != NONE).any()]


def percent(value: float | None, digits: int = 1) -> str:
    """A difference in percent; a dash for none, as in all that follow."""
    return NONE if pd.isna(value) else f"{value:+.{digits}f} %".replace("-", MINUS)


def fixed(value: float | None, digits: int = 3) -> str:
    """A number with so many decimals."""
    return NONE if pd.isna(value) else f"{value:.{digits}f}"


def span(low: float | None, high: float | None) -> str:
    """Both ends of an interval."""
    return NONE if pd.isna(low) else f"{low:.3f}{NONE}{high:.3f}"


def plain(value: float | None) -> str:
    """Three significant digits, without an exponent."""
    if value is None or pd.isna(value):
        return NONE
    return f"{value:.0f}" if value >= 100 else f"{Decimal(f'{value:.2e}'):f}"
