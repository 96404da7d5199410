"""How tables are laid out, in Markdown and LaTeX: cells, marks, columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from l3c.evaluation.bootstrap import Interval

NONE = "\N{EN DASH}"
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
    """Lines of a tabular; needs booktabs."""
    return [
        f"\\begin{{tabular}}{{{''.join(side for _, side in head)}}}",
        "  \\toprule",
        "  " + " & ".join(tex(title) for title, _ in head) + " \\\\",
        "  \\midrule",
        *("  " + " & ".join(map(tex, line)) + " \\\\" for line in lines),
        "  \\bottomrule",
        "\\end{tabular}",
    ]


_TEX = {
    "\\": "\\textbackslash{}",
    UNVERIFIED_MARK: "$^\\dagger$",
    EXTERNAL_MARK: "$^\\ddagger$",
    NONE: "--",
    "~": "\\textasciitilde{}",
    "^": "\\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}


def tex(text: str) -> str:
    """The text with what LaTeX would take for commands escaped."""
    return "".join(_TEX.get(sign, sign) for sign in text)


def percent(value: float | None) -> str:
    """A difference in percent."""
    return NONE if value is None else f"{value:+.1f} %"


def span(interval: Interval | None, digits: int = 3) -> str:
    """Both ends of an interval."""
    if interval is None:
        return NONE
    return f"{interval.low:.{digits}f}{NONE}{interval.high:.{digits}f}"


def plain(value: float) -> str:
    """Three significant digits, without an exponent for what codecs need."""
    return f"{value:.0f}" if value >= 100 else f"{value:#.3g}".rstrip(".")
