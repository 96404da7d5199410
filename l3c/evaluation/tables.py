"""The comparison table as CSV, Markdown and LaTeX. The same rows give the same bytes."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence

from l3c.evaluation.layout import (
    EXTERNAL_MARK,
    NONE,
    UNVERIFIED_MARK,
    latex_float,
    latex_tabular,
    latex_text,
    markdown_table,
    percent,
    plain,
    span,
)
from l3c.evaluation.rows import failure_text
from l3c.evaluation.summary import Summary, Totals

NOT_MEASURED = "not measured"
FAILED = "failed"

Comparison = Mapping[str, Sequence[Summary]]  # data set -> its rows
Cell = str | float | int | None

_Value = Callable[[Totals], Cell]
# Columns of a rate, which the same models and images give again, then those of this machine.
_RATES: dict[str, _Value] = {
    "images": lambda t: t.images,
    "mean_bpsp": lambda t: _round(t.mean_bpsp, 4),
    "mean_bpsp_low": lambda t: _round(t.mean_interval and t.mean_interval.low, 4),
    "mean_bpsp_high": lambda t: _round(t.mean_interval and t.mean_interval.high, 4),
    "total_bpsp": lambda t: _round(t.total_bpsp, 4),
    "theory_bpsp": lambda t: _round(t.theory_bpsp, 4),
    "gap_percent": lambda t: _round(t.gap_percent, 3),
}
_SPEEDS: dict[str, _Value] = {
    "encode_s": lambda t: _significant(t.encode_s),
    "decode_s": lambda t: _significant(t.decode_s),
    "encode_mb_s": lambda t: _significant(t.encode_mb_s),
    "decode_mb_s": lambda t: _significant(t.decode_mb_s),
    "threads": lambda t: t.threads,
    "in_process": lambda t: str(t.in_process),
}


def rates_csv(comparison: Comparison, provenance: str) -> str:
    """Rates only: byte-identical whenever sizes and cross-entropies are, on any machine."""
    return _csv(comparison, _RATES, provenance, with_version=False)


def comparison_csv(comparison: Comparison, provenance: str) -> str:
    """Every column: rates, published values, speeds, versions; one line per data set and method."""
    return _csv(comparison, _RATES | _SPEEDS, provenance, with_version=True)


def _csv(
    comparison: Comparison, columns: Mapping[str, _Value], provenance: str, with_version: bool
) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    head = ["dataset", "key", "method", *columns, "lossless", "vs_l3c_percent"]
    head += ["published_bpsp", "published_confidence", "published_vs_l3c_percent", "status"]
    head += ["settings", "version"] if with_version else []
    writer.writerow([*head, "provenance"])
    for dataset, summaries in comparison.items():
        for item in summaries:
            result = item.totals
            line: list[Cell] = [dataset, item.key, item.method]
            line += [get(result) if result else None for get in columns.values()]
            line += [_lossless(item), _round(item.vs_reference, 2)]
            line += [item.published.value if item.published else None]
            line += [item.published.confidence if item.published else None]
            line += [_round(item.published_vs_reference, 2)]
            line += [_status(item)]
            line += [item.settings, item.version] if with_version else []
            writer.writerow(["" if cell is None else cell for cell in [*line, provenance]])
    return text.getvalue()


_HEAD = (
    ("Method", "l"),
    ("bpsp", "r"),
    ("95 % interval", "r"),
    ("vs. L3C", "r"),
    ("published bpsp", "r"),
    ("published vs. L3C", "r"),
    ("total bpsp", "r"),
    ("cross-entropy bpsp", "r"),
    ("gap", "r"),
    ("encode MB/s", "r"),
    ("decode MB/s", "r"),
    ("decode s/image", "r"),
    ("lossless", "r"),
)
_RATED = 7  # columns up to the last rate; a page is too narrow for all of them side by side


def _cells(item: Summary) -> list[str]:
    """The printed cells of one method, in the order of _HEAD; shared by Markdown and LaTeX."""
    result = item.totals
    published = NONE
    if item.published:
        mark = "" if item.published.verified else UNVERIFIED_MARK
        published = f"{item.published.printed}{mark}"
    ours = [FAILED if item.failed else NOT_MEASURED, NONE, NONE]
    if result is not None:
        some = f" ({_lossless(item)} images)" if item.failed else ""
        ours = [f"{result.mean_bpsp:.3f}{some}", span(result.mean_interval)]
        ours.append(percent(item.vs_reference))
    cells = [
        item.method + _external(result),
        *ours,
        published,
        percent(item.published_vs_reference),
    ]
    if result is None:
        return cells + [NONE] * (len(_HEAD) - len(cells) - 1) + [_lossless(item) or NONE]
    theory = [NONE, NONE]
    if result.theory_bpsp is not None and result.gap_percent is not None:
        theory = [f"{result.theory_bpsp:.3f}", percent(result.gap_percent, 2)]
    speeds = [result.encode_mb_s, result.decode_mb_s, result.decode_s]
    return [
        *cells,
        f"{result.total_bpsp:.3f}",
        *theory,
        *(plain(speed) for speed in speeds),
        _lossless(item) or NONE,
    ]


def comparison_markdown(
    comparison: Comparison, notes: Mapping[str, Sequence[str]], stamp: str
) -> str:
    """One table per data set, each with its notes below; notes under "" and the stamp close it."""
    parts = ["# Comparison", ""]
    for dataset, summaries in comparison.items():
        parts += [f"## {dataset}", "", *markdown_table(_HEAD, map(_cells, summaries)), ""]
        parts += [*(f"* {note}" for note in notes.get(dataset, ())), ""]
    parts += ["## Notes", "", *notes.get("", ()), "", f"Provenance: {stamp}."]
    return "\n".join(parts).rstrip() + "\n"


def comparison_latex(comparison: Comparison, below: Sequence[str], stamp: str) -> str:
    """A booktabs table per data set, rates above gaps and speeds; `below` and the stamp close it.

    Marks are explained in captions.
    """
    parts = ["% Needs \\usepackage{booktabs}. Written by the workflow from rows.csv."]
    for dataset, summaries in comparison.items():
        cells = [_cells(item) for item in summaries]
        rates = latex_tabular(_HEAD[:_RATED], [line[:_RATED] for line in cells])
        rest = [_HEAD[0], *_HEAD[_RATED:]]
        speeds = latex_tabular(rest, [[line[0], *line[_RATED:]] for line in cells])
        caption = [
            f"Lossless compression of {dataset}: mean bits per sub-pixel (bpsp) over images, whole "
            "files; gap: how far all files together lie above the model's own estimate."
        ]
        if any(item.published and not item.published.verified for item in summaries):
            caption.append(f"{UNVERIFIED_MARK} published value not checked against the paper.")
        if any(item.totals and not item.totals.in_process for item in summaries):
            caption.append(f"{EXTERNAL_MARK} external program, the way to it counts.")
        lines = [*rates, "\\par\\medskip", *speeds]
        parts += latex_float(" ".join(caption), f"tab:comparison-{dataset}", lines)
    parts += latex_text([*below, f"Provenance: {stamp}."])
    return "\n".join(parts) + "\n"


def _external(result: Totals | None) -> str:
    return "" if result is None or result.in_process else EXTERNAL_MARK


def _lossless(item: Summary) -> str | None:
    """How many images came back, of how many; None if it was not measured."""
    images = item.totals.images if item.totals else 0
    return f"{images}/{images + len(item.failed)}" if images or item.failed else None


def _status(item: Summary) -> str:
    if item.failed:
        return failure_text(item.failed, item.totals.images if item.totals else 0)
    return "measured" if item.totals else f"{NOT_MEASURED}: {item.reason}"


def _round(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _significant(value: float) -> float:
    return float(f"{value:.4g}")
