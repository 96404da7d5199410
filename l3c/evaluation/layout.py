"""How tables are laid out, in Markdown and LaTeX: cells, marks, columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

from l3c.evaluation.bootstrap import Interval

NONE = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
UNVERIFIED_MARK = "†"
EXTERNAL_MARK = "‡"

Head = Sequence[tuple[str, str]]  # titles of the columns, each with its side, "l" or "r"


def markdown_table(head: Head, lines: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table, padded to be readable as text."""
    body = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    titles = [title for title, _ in head]
    widths = [max(map(len, column)) for column in zip(titles, *body, strict=True)]

    def pad(cells: Sequence[str]) -> str:
        sides = [side for _, side in head]
        return (
            "| "
            + " | ".join(
                cell.ljust(width) if side == "l" else cell.rjust(width)
                for cell, width, side in zip(cells, widths, sides, strict=True)
            )
            + " |"
        )

    rule = [
        "-" * width if side == "l" else "-" * (width - 1) + ":"
        for width, (_, side) in zip(widths, head, strict=True)
    ]
    return [pad(titles), pad(rule), *map(pad, body)]


def latex_tabular(head: Head, lines: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a tabular, long titles in two lines; needs booktabs."""
    return [
        f"\\begin{{tabular}}{{{''.join(side for _, side in head)}}}",
        "  \\toprule",
        "  " + " & ".join(_stacked(title, side) for title, side in head) + " \\\\",
        "  \\midrule",
        *("  " + " & ".join(map(tex, line)) + " \\\\" for line in lines),
        "  \\bottomrule",
        "\\end{tabular}",
    ]


def _stacked(title: str, side: str) -> str:
    """The title of a column, a long one in two lines, parted at a comma or near the middle."""
    breaks = [match.start() for match in re.finditer(" ", title)]
    if not breaks or len(title) < 8:
        return tex(title)
    middle = min(breaks, key=lambda at: (title[at - 1] != ",", abs(2 * at + 1 - len(title))))
    return f"\\shortstack[{side}]{{{tex(title[:middle])}\\\\{tex(title[middle + 1 :])}}}"


def latex_float(caption: str, label: str, lines: Iterable[str]) -> list[str]:
    """Lines of a table environment that is as narrow as the text of an article allows.

    Args:
        caption: plain text.
        label: to refer to it.
        lines: what is in it, LaTeX.
    """
    return [
        "\\begin{table}",
        "  \\centering\\footnotesize\\setlength{\\tabcolsep}{4pt}",
        f"  \\caption{{{tex(caption)}}}",
        f"  \\label{{{label}}}",
        *(f"  {line}" for line in lines),
        "\\end{table}",
    ]


def latex_text(paragraphs: Iterable[str]) -> list[str]:
    """Lines of small print."""
    return [
        "{\\footnotesize",
        *(f"  \\noindent {tex(paragraph)}\\par" for paragraph in paragraphs),
        "}",
    ]


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
    """A difference in percent."""
    return NONE if value is None else f"{value:+.{digits}f} %".replace("-", MINUS)


def span(interval: Interval | None, digits: int = 3) -> str:
    """Both ends of an interval."""
    if interval is None:
        return NONE
    return f"{interval.low:.{digits}f}{NONE}{interval.high:.{digits}f}"


def plain(value: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{Decimal(f'{value:.2e}'):f}"
