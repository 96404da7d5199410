"""Tables as values, found by name, and written: Markdown and LaTeX by pandas, CSV.

A new table is a function below `@table` in a module of this package:

    @table("largest", "The largest files", formats=("md", "csv"))
    def largest(run: Run) -> Table:
        rows = run.rows.nlargest(10, "num_bytes")
        return Table("The largest files", [Section("", rows[["method", "image"]], left=2)], rows)
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pandas as pd

from l3c.bench.run import Run
from l3c.whole_files import write_text

NONE, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
UNVERIFIED_MARK, EXTERNAL_MARK, REPRODUCED_MARK = "†", "‡", "✓"
MARKS = {
    UNVERIFIED_MARK: "published value not checked against the paper (unverified)",
    EXTERNAL_MARK: "external program: times include file I/O, and its start unless it stays",
    REPRODUCED_MARK: "reproduced: the authors' released weights give the published value by the "
    "rules of their release, to one unit of its last digit",
}
"""Mark in a cell -> what it means."""
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
    """

    title: str
    cells: pd.DataFrame
    remarks: Sequence[str] = ()
    caption: str = ""
    left: int = 1


@dataclass(frozen=True)
class Table:
    """A table in all its forms.

    Attributes:
        title: heading; "" for a part of another page.
        sections: printed.
        data: numbers, as CSV.
        intro: paragraph below the heading.
        notes: on its measurements, below the sections.
        definitions: of columns and marks, in Markdown only.
        tables: printed below, one level deeper, without their definitions.
    """

    title: str
    sections: Sequence[Section] = ()
    data: pd.DataFrame = field(default_factory=pd.DataFrame)
    intro: str = ""
    notes: Sequence[str] = ()
    definitions: Sequence[str] = ()
    tables: Sequence[Table] = ()


@dataclass(frozen=True)
class TableSpec:
    """A table as the workflow knows it.

    Attributes:
        name: of its files, below tables/.
        title: in lists of results.
        formats: endings of its files, among md, csv and tex.
        learned: only runs with models of their own have it.
        make: the function.
    """

    name: str
    title: str
    formats: tuple[str, ...]
    learned: bool
    make: Callable[[Run], Table]

    def files(self) -> list[str]:
        """Names below tables/."""
        return [f"{self.name}.{form}" for form in self.formats]


TABLES: dict[str, TableSpec] = {}


def table(
    name: str, title: str, formats: tuple[str, ...] = ("md", "csv", "tex"), learned: bool = False
) -> Callable[[Callable[[Run], Table]], Callable[[Run], Table]]:
    """Registers a function that makes a table of a run; see `TableSpec` for the arguments."""

    def register(make: Callable[[Run], Table]) -> Callable[[Run], Table]:
        TABLES[name] = TableSpec(name, title, formats, learned, make)
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
            text = made.data.assign(provenance=made_from).to_csv(index=False, lineterminator="\n")
        write_text(folder / f"{spec.name}.{form}", text)


def markdown(table: Table, stamp: str) -> str:
    """The page of a table, provenance at the end; without, where it has no title."""
    blocks = [*_blocks(table, "#"), *([f"Provenance: {stamp}."] if table.title else [])]
    text = "\n\n".join([*blocks, ""])
    return re.sub(r"(?m)^(\* .*)\n\n(?=\* )", r"\1\n", text)[:-1]  # list items stay together


def _blocks(table: Table, level: str) -> Iterator[str]:
    yield from filter(None, [f"{level} {table.title}" if table.title else "", table.intro])
    for section in table.sections:
        yield from [f"{level}# {section.title}"] if section.title else []
        sides = ["left" if i < section.left else "right" for i in range(section.cells.shape[1])]
        escaped = section.cells.map(lambda cell: cell.replace("|", "\\|"))
        yield str(
            escaped.to_markdown(index=False, tablefmt="pipe", colalign=sides, disable_numparse=True)
        )
        yield from (f"* {text}" for text in section.remarks)
    for inner in table.tables:
        yield from _blocks(inner, f"{level}#")
    for title, texts in (("Notes", table.notes), ("Definitions", table.definitions)):
        if texts and not (title == "Definitions" and len(level) > 1):
            yield f"{level}# {title}"
            yield from (f"* {text}" for text in texts)


def latex(table: Table, label: str, stamp: str) -> str:
    """A table environment for each section, then the notes in small print; needs booktabs."""
    lines = ["% Needs \\usepackage{booktabs}. Written by the workflow."]
    for number, section in enumerate(table.sections, start=1):
        shown = "".join(section.cells.to_numpy().ravel())
        marks = [f"{mark} {meaning}." for mark, meaning in MARKS.items() if mark in shown]
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
    paragraphs = [*filter(None, [table.intro]), *table.notes, f"Provenance: {stamp}."]
    lines += ["{\\footnotesize", *(f"  \\noindent {tex(text)}\\par" for text in paragraphs), "}"]
    return "\n".join(lines) + "\n"


def _tabulars(section: Section) -> Iterator[str]:
    """The cells in as few groups of columns as the width allows, text columns in each."""
    cells, names = section.cells, list(map(str, section.cells))
    heads = {name: textwrap.wrap(name, 10, break_long_words=False) for name in names}
    widths = {name: 2 + max(map(len, [*heads[name], *cells[name]]), default=0) for name in names}
    texts, numbers = names[: section.left], names[section.left :]
    room = _WIDTH - sum(widths[name] for name in texts)
    total = sum(widths[name] for name in numbers)
    count, before = max(1, -(-total // room)), 0
    groups: list[list[str]] = [[*texts] for _ in range(count)]
    for name in numbers:
        groups[int((before + widths[name] / 2) * count / total)].append(name)
        before += widths[name]
    for group in groups:
        sides = "".join("l" if name in texts else "r" for name in group)
        titles = [
            f"\\shortstack[{side}]{{{BREAK.join(map(tex, heads[name]))}}}"
            if len(heads[name]) > 1
            else tex(name)
            for name, side in zip(group, sides, strict=True)
        ]
        escaped = cells[group].map(tex).set_axis(titles, axis="columns")
        tabular = escaped.style.hide(axis="index").to_latex(hrules=True, column_format=sides)
        yield str(tabular).rstrip()


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
    return NONE if is_none(value) else f"{value:+.{digits}f} %".replace("-", MINUS)


def fixed(value: float | None, digits: int = 3) -> str:
    """A number with so many decimals."""
    return NONE if is_none(value) else f"{value:.{digits}f}"


def span(low: float | None, high: float | None, digits: int = 3) -> str:
    """Both ends of an interval."""
    return NONE if is_none(low) else f"{low:.{digits}f}{NONE}{high:.{digits}f}"


def plain(value: float | None) -> str:
    """Three significant digits, without an exponent."""
    if value is None or is_none(value):
        return NONE
    return f"{value:.0f}" if value >= 100 else f"{Decimal(f'{value:.2e}'):f}"


def is_none(value: float | None) -> bool:
    """Whether a number is missing."""
    return value is None or bool(pd.isna(value))


def counted(number: int, what: str) -> str:
    """A number of things, "1 image" or "2 images"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"
