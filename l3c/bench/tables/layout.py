"""Tables as values, found by name, and written: Markdown and LaTeX by pandas, CSV.

A new table is a function below `@table` in a module of this package:

    @table("largest", "The largest files", formats=("md", "csv"))
    def largest(run: Run) -> Table:
        rows = run.rows.nlargest(10, "num_bytes")
        return Table("The largest files", [Section("", rows[["method", "image"]], left=2)], rows)
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
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
_WIDTH = 100  # of a LaTeX tabular in characters; further columns go below


@dataclass(frozen=True)
class Section:
    """Printed cells under a heading.

    Attributes:
        title: heading; "" for none.
        cells: strings; the first `left` columns are text, numbers are aligned to the right.
        remarks: sentences below.
        caption: in LaTeX; the title unless given.
        left: number of text columns.
        level: of the heading in Markdown.
    """

    title: str
    cells: pd.DataFrame
    remarks: Sequence[str] = ()
    caption: str = ""
    left: int = 1
    level: int = 2


@dataclass(frozen=True)
class Table:
    """A table in all its forms.

    Attributes:
        title: heading.
        sections: printed.
        data: numbers, as CSV.
        notes: on its measurements, below the sections.
    """

    title: str
    sections: Sequence[Section] = ()
    data: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: Sequence[str] = ()


class TableSpec(NamedTuple):
    """A table as the workflow knows it.

    Attributes:
        name: of its files, below tables/.
        title: in lists of results.
        formats: endings of its files, among md, csv and tex.
        make: the function.
    """

    name: str
    title: str
    formats: tuple[str, ...]
    make: Callable[[Run], Table]

    def files(self) -> list[str]:
        """Names below tables/."""
        return [f"{self.name}.{form}" for form in self.formats]


TABLES: dict[str, TableSpec] = {}


def table(
    name: str, title: str, formats: tuple[str, ...] = ("md", "csv", "tex")
) -> Callable[[Callable[[Run], Table]], Callable[[Run], Table]]:
    """Registers a function that makes a table of a run; see `TableSpec`."""

    def register(make: Callable[[Run], Table]) -> Callable[[Run], Table]:
        TABLES[name] = TableSpec(name, title, formats, make)
        return make

    return register


def write_table(spec: TableSpec, run: Run, folder: Path, stamp: str, made_from: str) -> None:
    """Writes the files of a table below a folder; the same run gives the same bytes.

    Args:
        spec: the table.
        run: what it is made of.
        folder: tables/ of the run.
        stamp: provenance of the run, in a line.
        made_from: the same as a short id, the last column of the CSV.
    """
    made = spec.make(run)
    for form in spec.formats:
        if form == "md":
            text = markdown(made, stamp)
        elif form == "tex":
            text = latex(made, spec.name.replace("/", "-"), stamp)
        else:
            data = made.data.assign(provenance=made_from)
            text = data.to_csv(index=False, lineterminator="\n", float_format="%.6g")
        write_text(folder / f"{spec.name}.{form}", text)


def markdown(table: Table, stamp: str) -> str:
    """The page of a table, provenance at the end."""
    blocks = [f"# {table.title}"]
    for section in table.sections:
        sides = ["left" if i < section.left else "right" for i in range(section.cells.shape[1])]
        form: Any = {"tablefmt": "pipe", "colalign": sides, "disable_numparse": True}
        cells = section.cells.map(lambda cell: cell.replace("|", "\\|"))
        blocks += [f"{'#' * section.level} {section.title}"] if section.title else []
        blocks += [str(cells.to_markdown(None, index=False, **form)), _items(section.remarks)]
    known = _explained(table.sections)
    for title, texts in (("Notes", table.notes), ("Definitions", known)):
        blocks += [f"## {title}", _items(texts)] if texts else []
    return "\n\n".join(filter(None, [*blocks, f"Provenance: {stamp}."])) + "\n"


def _explained(sections: Sequence[Section]) -> list[str]:
    """Meanings of those terms that the sections have."""
    titles = " ".join(str(title) for section in sections for title in section.cells)
    texts = " ".join(str(text) for section in sections for text in section.cells.to_numpy().ravel())
    inside = (*MARKS, "not measured here")
    shown = [term for term in TERMS.index if term in (texts if term in inside else titles)]
    return [(f"{term} " if term in MARKS else "") + TERMS[term] for term in shown]


def _items(texts: Sequence[str]) -> str:
    return "\n".join(f"* {text}" for text in texts)


def latex(table: Table, label: str, stamp: str) -> str:
    """A table environment for each section, then the notes in small print; needs booktabs."""
    lines = ["% Needs \\usepackage{booktabs}. Written by the workflow."]
    for number, section in enumerate(table.sections, start=1):
        marks = [text for text in _explained([section]) if text.startswith(MARKS)]
        caption = " ".join([section.caption or f"{section.title}.", *marks])
        lines += [
            "\\begin{table}",
            "  \\centering\\footnotesize\\setlength{\\tabcolsep}{4pt}",
            f"  \\caption{{{tex(caption)}}}",
            f"  \\label{{tab:{label}-{number}}}",
            "\n\\par\\medskip\n".join(_tabulars(section)),
            *(f"  \\par\\smallskip\\raggedright {tex(text)}" for text in section.remarks),
            "\\end{table}",
        ]
    paragraphs = [*table.notes, f"Provenance: {stamp}."]
    lines += ["{\\footnotesize", *(f"  \\noindent {tex(text)}\\par" for text in paragraphs), "}"]
    return "\n".join(lines) + "\n"


def _tabulars(section: Section) -> Iterator[str]:
    """The cells in as few groups of columns as the width allows, text columns in each."""
    cells = section.cells
    heads = {name: textwrap.wrap(name, 10, break_long_words=False) for name in map(str, cells)}
    widths = [2 + max(map(len, [*heads[name], *cells[name]]), default=0) for name in heads]
    left, names = section.left, [*heads]
    count = max(1, -(-sum(widths[left:]) // (_WIDTH - sum(widths[:left]))))
    for numbers in np.array_split(np.array(names[left:], dtype=object), count):
        group = [*names[:left], *numbers]
        sides = "l" * left + "r" * len(numbers)
        titles = [
            f"\\shortstack[{side}]{{{BREAK.join(map(tex, heads[name]))}}}"
            if len(heads[name]) > 1
            else tex(name)
            for name, side in zip(group, sides, strict=True)
        ]
        shown = cells[group].map(tex).set_axis(titles, axis="columns").style.hide(axis="index")
        yield str(shown.to_latex(hrules=True, column_format=sides)).rstrip()


BREAK = "\\\\"
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


def tex(text: str) -> str:
    """The text with what LaTeX would take for commands escaped, without Markdown's emphasis."""
    return "".join(_TEX.get(sign, sign) for sign in text.replace("**", ""))


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
