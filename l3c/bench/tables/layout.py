"""Tables as values, found by name, and written: Markdown and LaTeX by pandas, CSV.

A new table is a function below `@table` in a module of this package:

    @table("largest", "The largest files", formats=("md", "csv"))
    def largest(run: Run) -> Table:
        rows = run.rows.nlargest(10, "num_bytes")
        return Table("The largest files", [Section("", rows[["method", "image"]], left=2)], rows)
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd

from l3c.bench.run import Run
from l3c.bench.stats import LEAST, LEVEL
from l3c.whole_files import write_text

NONE, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
UNVERIFIED_MARK, EXTERNAL_MARK, REPRODUCED_MARK = "†", "‡", "✓"
GLOSSARY = {
    "published": "*published*: in the L3C paper, of the edition in the heading (v2: camera ready, "
    "v3: the third one). The comparison has only values that were read there.",
    UNVERIFIED_MARK: "published value not checked against the paper (unverified).",
    REPRODUCED_MARK: "reproduced: the authors' released weights give the published value by the "
    "rules of their release, to one unit of its last digit.",
    EXTERNAL_MARK: "external program: times include file I/O, and its start unless it stays.",
    "bpsp": "*bpsp*: bits per sub-pixel, 8 times the bytes of the whole file over 3HW, mean over "
    "images.",
    "total bpsp": "*total bpsp*: all bits over all sub-pixels.",
    "vs. L3C": f"*vs. L3C*: above (+) or below ({MINUS}) the L3C measured on the same images, or "
    "published beside it. Beside published values, measured ones are compared only where the "
    "networks are the paper's.",
    "interval": f"*{LEVEL:.0f} % interval* of the mean, by a percentile bootstrap over images: how "
    "far the mean over other such images may lie from it. It is too narrow for few images, and not "
    f"given for fewer than {LEAST}.",
    "cross-entropy": "*cross-entropy bpsp*: the estimate of a learned method's own model, with the "
    "one in 2^24 that every symbol keeps, without the container of each file: total in the "
    "comparison, mean over images in the tables of the paper.",
    "gap": f"*gap*: how far the real files lie above (+) or below ({MINUS}) the cross-entropy. "
    "Zero bytes at the end of a stream are not stored, so that a last row of black takes next to "
    "no bytes even where no model expects it.",
    "release's rules": "*release's rules*: cross-entropy in float32, images padded with zeros on "
    "both sides and the padding counted, images above 3 million pixels cut into quarters, RGB "
    "Shared applied four times; mean over images.",
    "difference": "*difference*: release's rules minus the published value, where images and "
    "network are the paper's.",
    "MB/s": "Speeds are measured inside the process after a warm-up, each method alone on the "
    "machine; MB are 10^6 bytes of raw pixels.",
    "PU, ": "Measured seconds: the median of the clocked runs of each crop or batch, without a "
    "warm-up; means over crops. In brackets the quartiles over runs, means over crops too: how far "
    "the runs scatter, not the crops.",
    "not measured here": "*not measured here*: the run lacks the data set, the method or the "
    "device.",
}
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
    """Registers a function that makes a table of a run; see `TableSpec`."""

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
    known = _explained(table.sections, GLOSSARY)
    for title, texts in (("Notes", table.notes), ("Definitions", known)):
        blocks += [f"## {title}", _items(texts)] if texts else []
    return "\n\n".join(filter(None, [*blocks, f"Provenance: {stamp}."])) + "\n"


def _explained(sections: Sequence[Section], terms: Collection[str]) -> list[str]:
    """Meanings of those terms that the sections have."""
    cells = [section.cells for section in sections]
    titles = " ".join(str(title) for frame in cells for title in frame)
    texts = " ".join(str(text) for frame in cells for text in frame.to_numpy().ravel())
    marks = {term: f"{term} " if len(term) == 1 else "" for term in terms}
    inside = [term for term in terms if marks[term] or term == "not measured here"]
    shown = [term for term in terms if term in titles or (term in inside and term in texts)]
    return [f"{marks[term]}{GLOSSARY[term]}" for term in shown]


def _items(texts: Sequence[str]) -> str:
    return "\n".join(f"* {text}" for text in texts)


def latex(table: Table, label: str, stamp: str) -> str:
    """A table environment for each section, then the notes in small print; needs booktabs."""
    lines = ["% Needs \\usepackage{booktabs}. Written by the workflow."]
    for number, section in enumerate(table.sections, start=1):
        marks = _explained([section], (UNVERIFIED_MARK, EXTERNAL_MARK, REPRODUCED_MARK))
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
    cells, names = section.cells, list(map(str, section.cells))
    heads = {name: textwrap.wrap(name, 10, break_long_words=False) for name in names}
    widths = {name: 2 + max(map(len, [*heads[name], *cells[name]]), default=0) for name in names}
    texts, numbers = names[: section.left], names[section.left :]
    total, before = sum(widths[name] for name in numbers), 0
    count = max(1, -(-total // (_WIDTH - sum(widths[name] for name in texts))))
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
    return NONE if pd.isna(value) else f"{value:+.{digits}f} %".replace("-", MINUS)


def fixed(value: float | None, digits: int = 3) -> str:
    """A number with so many decimals."""
    return NONE if pd.isna(value) else f"{value:.{digits}f}"


def span(low: float | None, high: float | None, digits: int = 3) -> str:
    """Both ends of an interval."""
    return NONE if pd.isna(low) else f"{low:.{digits}f}{NONE}{high:.{digits}f}"


def plain(value: float | None) -> str:
    """Three significant digits, without an exponent."""
    if value is None or pd.isna(value):
        return NONE
    return f"{value:.0f}" if value >= 100 else f"{Decimal(f'{value:.2e}'):f}"
