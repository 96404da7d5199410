"""Tables as values, and how they are printed: Markdown and LaTeX by pandas, CSV."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import pandas as pd

NONE = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
UNVERIFIED_MARK = "†"
EXTERNAL_MARK = "‡"


@dataclass(frozen=True)
class Section:
    """Printed cells under a heading.

    Attributes:
        title: heading; "" for none.
        cells: strings, numbers to the right; the first `left` columns to the left.
        remarks: paragraphs below.
        caption: in LaTeX, above the remarks.
        parts: columns that LaTeX puts side by side, besides the first; all unless given.
        left: how many columns are text.
    """

    title: str
    cells: pd.DataFrame
    remarks: Sequence[str] = ()
    caption: str = ""
    parts: Sequence[Sequence[str]] = ()
    left: int = 1


@dataclass(frozen=True)
class Table:
    """A table in all its forms.

    Attributes:
        title: heading; "" for none.
        sections: printed.
        data: numbers, as CSV.
        intro: paragraph below the heading.
        notes: paragraphs or list items below the sections.
        small_print: paragraphs below the sections in LaTeX.
        tables: printed below, one level deeper.
        closing: notes on all of that.
    """

    title: str
    sections: Sequence[Section] = ()
    data: pd.DataFrame = field(default_factory=pd.DataFrame)
    intro: str = ""
    notes: Sequence[str] = ()
    small_print: Sequence[str] = ()
    tables: Sequence[Table] = ()
    closing: Sequence[str] = ()


def markdown(table: Table, stamp: str) -> str:
    """The page of a table, provenance at the end; a part of a page where it has no title."""
    end = ["", f"Provenance: {stamp}."] if table.title else []
    return "\n".join([*_markdown(table, "#"), *end]).lstrip() + "\n"


def _markdown(table: Table, level: str) -> Iterator[str]:
    blocks = [f"{level} {table.title}"] if table.title else []
    blocks += [table.intro] if table.intro else []
    for section in table.sections:
        blocks += [f"{level}# {section.title}"] if section.title else []
        blocks += [pipes(section.cells, section.left), *_paragraphs(section.remarks)]
    for inner in table.tables:
        blocks.append("\n".join(_markdown(inner, f"{level}#")))
    blocks += _paragraphs(table.notes)
    if table.closing:
        blocks += [f"{level}# Notes", *_paragraphs(table.closing)]
    yield "\n\n".join(blocks)


def _paragraphs(texts: Sequence[str]) -> list[str]:
    """List items stay together."""
    blocks: list[str] = []
    for text in texts:
        if blocks and text.startswith("* ") and blocks[-1].startswith("* "):
            blocks[-1] += f"\n{text}"
        else:
            blocks.append(text)
    return blocks


def pipes(cells: pd.DataFrame, left: int = 1) -> str:
    """A Markdown table, padded to be readable as text."""
    sides = ["left" if i < left else "right" for i in range(cells.shape[1])]
    escaped = cells.map(lambda cell: cell.replace("|", "\\|"))
    return str(
        escaped.to_markdown(index=False, tablefmt="pipe", colalign=sides, disable_numparse=True)
    )


def latex(table: Table, label: str, stamp: str) -> str:
    """A table environment for each section, then the small print; needs booktabs."""
    lines = ["% Needs \\usepackage{booktabs}. Written by the workflow."]
    for number, section in enumerate(table.sections, start=1):
        first = section.cells.columns[0]
        parts = section.parts or [[*section.cells.columns[1:]]]
        said = [text for text in section.remarks if not text.startswith("* ")]
        caption = " ".join([section.caption, *said])
        lines += [
            "\\begin{table}",
            "  \\centering\\footnotesize\\setlength{\\tabcolsep}{4pt}",
            f"  \\caption{{{tex(caption.strip())}}}",
            f"  \\label{{tab:{label}-{number}}}",
            "\n\\par\\medskip\n".join(_tabular(section.cells[[first, *part]]) for part in parts),
            "\\end{table}",
        ]
    plain_print = [text.removeprefix("* ").replace("**", "") for text in table.small_print]
    paragraphs = [*plain_print, f"Provenance: {stamp}."]
    lines += ["{\\footnotesize", *(f"  \\noindent {tex(text)}\\par" for text in paragraphs), "}"]
    return "\n".join(lines) + "\n"


def _tabular(cells: pd.DataFrame) -> str:
    sides = "l" + "r" * (cells.shape[1] - 1)
    titles = [_stacked(title, side) for title, side in zip(cells.columns, sides, strict=True)]
    escaped = cells.map(tex).set_axis(titles, axis="columns")
    printed = escaped.style.hide(axis="index").to_latex(hrules=True, column_format=sides)
    return str(printed).rstrip()


def _stacked(title: str, side: str) -> str:
    """The title of a column, a long one in two lines, parted at a comma or near the middle."""
    breaks = [match.start() for match in re.finditer(" ", title)]
    if not breaks or len(title) < 8:
        return tex(title)
    middle = min(breaks, key=lambda at: (title[at - 1] != ",", abs(2 * at + 1 - len(title))))
    return f"\\shortstack[{side}]{{{tex(title[:middle])}\\\\{tex(title[middle + 1 :])}}}"


_TEX = {
    "\\": "\\textbackslash{}",
    UNVERIFIED_MARK: "$^\\dagger$",
    EXTERNAL_MARK: "$^\\ddagger$",
    NONE: "--",
    MINUS: "$-$",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def tex(text: str) -> str:
    """The text with what LaTeX would take for commands escaped."""
    return "".join(_TEX.get(sign, sign) for sign in text)


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
