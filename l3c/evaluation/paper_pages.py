"""Tables of the paper as CSV, Markdown and LaTeX. The same tables give the same bytes."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace

from l3c.evaluation.bootstrap import LEAST, LEVEL
from l3c.evaluation.layout import (
    EXTERNAL_MARK,
    MINUS,
    NONE,
    UNVERIFIED_MARK,
    Head,
    latex_float,
    latex_tabular,
    latex_text,
    markdown_table,
    percent,
    plain,
    span,
)
from l3c.evaluation.paper_lines import (
    BPSP,
    MIB,
    NOT_A_METHOD,
    SECONDS,
    Line,
    Measured,
    PaperTable,
    Section,
)

NOT_MEASURED = "not measured here"
_DEFINITIONS = (
    f"*published*: in the L3C paper, of the edition in the heading (v2: camera ready, v3: the "
    f"third one). {UNVERIFIED_MARK} recalled, not yet checked against the paper (unverified).",
    "*bpsp*: bits per sub-pixel, 8 times the bytes of the whole file over 3HW, mean over images; "
    f"*total bpsp*: all bits over all sub-pixels. *vs. L3C*: above (+) or below ({MINUS}) L3C's, "
    "published against published and ours against ours.",
    "*cross-entropy bpsp*: the estimate of a learned method's own model, mean over images, without "
    "the container of each file, which counts in small images.",
    f"*{LEVEL:.0f} % interval* of our mean, by a percentile bootstrap over images; of few images "
    f"it is too narrow, of fewer than {LEAST} none is given.",
    "Seconds of ours: of each crop or batch the median of its clocked runs, a warm-up left out; "
    "means over crops. In brackets the quartiles over runs, means over crops too: how far the "
    f"runs scatter, not the crops. {EXTERNAL_MARK} an external program: the way to it is in its "
    "times.",
    f"*{NOT_MEASURED}*: the run lacks the data set, the method or the device.",
    "The learned methods measured are the models of this run: below each table stand their "
    "settings and in what their networks are not the paper's; their cards say how they were "
    "trained.",
)
_CSV_HEAD = (
    "table",
    "section",
    "published_on",
    "line",
    "quantity",
    "unit",
    "published",
    "published_confidence",
    "published_note",
    "published_vs_l3c_percent",
    "dataset",
    "published_images",
    "setting",
    "measured",
    "low",
    "high",
    "spread",
    "total_bpsp",
    "cross_entropy_bpsp",
    "vs_l3c_percent",
    "count",
    "status",
    "provenance",
)


def table_csv(table: PaperTable, provenance: str) -> str:
    """One line for each method, scale or batch size, and each setting it was measured in."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_CSV_HEAD)
    for section in table.sections:
        for line in section.lines:
            for setting, result in zip(section.settings, line.measured, strict=True):
                cells = [table.number, *_csv_cells(section, line, setting, result), provenance]
                writer.writerow(["" if cell is None else cell for cell in cells])
    return text.getvalue()


def _csv_cells(
    section: Section, line: Line, setting: str, result: Measured | None
) -> Iterator[str | float | int | None]:
    value = line.published
    yield from (section.title, section.label, line.label, section.quantity, section.unit)
    if value:
        yield from (value.value, value.confidence, value.note)
        yield _rounded(line.published_vs_reference, "{:.2f}")
    else:
        yield from (None,) * 4
    yield from (section.dataset, section.same, setting)
    if result is None:
        yield from (None,) * 8
        yield f"{NOT_MEASURED}: {line.reason}" if line.reason else NOT_MEASURED
        return
    is_rate = section.unit == BPSP
    form = "{:.4f}" if is_rate else "{:.4g}"
    low, high = result.spread or (None, None)
    yield from (_rounded(number, form) for number in (result.value, low, high))
    kind = f"{LEVEL:.0f} % bootstrap interval" if is_rate else "quartiles over runs"
    yield kind if result.spread else None
    yield from (_rounded(result.total, form), _rounded(result.theory, form))
    yield _rounded(result.vs_reference, "{:.2f}")
    yield from (result.count, f"measured; {line.reason}" if line.reason else "measured")


def _rounded(value: float | None, form: str) -> float | None:
    return None if value is None else float(form.format(value))


def table_markdown(table: PaperTable, stamp: str) -> str:
    """A page with one table."""
    parts = [f"# {_title(table)}", "", *_markdown(table, "##"), "## Notes", ""]
    return _page(parts, stamp)


def tables_markdown(tables: Sequence[PaperTable], stamp: str) -> str:
    """A page with all tables."""
    parts = ["# Tables of the L3C paper", "", "Published values beside those of this run.", ""]
    for table in tables:
        parts += [f"## {_title(table)}", "", *_markdown(table, "###")]
    return _page([*parts, "## Notes", ""], stamp)


def _page(parts: Sequence[str], stamp: str) -> str:
    notes = [f"* {note}" for note in _DEFINITIONS]
    return "\n".join([*parts, *notes, "", f"Provenance: {stamp}."]) + "\n"


def _title(table: PaperTable) -> str:
    return f"Table {table.number}. {table.title}"


def _markdown(table: PaperTable, heading: str) -> Iterator[str]:
    common, each = _remarks(table)
    if common:
        yield from (common, "")
    for section, remarks in zip(table.sections, each, strict=True):
        yield from (f"{heading} {_heading(section)}", "")
        yield from (*markdown_table(_head(section), _lines(section)), "")
        for remark in remarks:
            yield from (remark, "")
    yield from (f"* {note}" for note in table.notes)
    yield from (f"* Measured on: {machine}." for machine in table.machines)
    yield from (f"* {method}." for method in table.methods)
    yield from (f"* **{subject}**: {differs}." for subject, differs in table.deviations.items())
    yield ""


def table_latex(table: PaperTable, stamp: str) -> str:
    """A table environment for each section, then what is said of all; needs booktabs."""
    parts = [
        "% Needs \\usepackage{booktabs}. Written by the workflow from rows and published values."
    ]
    common, each = _remarks(table)
    number = 0
    for section, remarks in zip(table.sections, each, strict=True):
        for part in _narrow(section):
            number += 1
            head, lines = _head(part), list(_lines(part))
            what = f"{table.title} (Table {table.number} of the L3C paper): {_heading(part)}."
            caption = " ".join([what, *_explained(part), *remarks])
            label = f"tab:l3c-{table.number}-{number}"
            parts += latex_float(caption, label, latex_tabular(head, lines))
    below = [common, *table.notes]
    below += [f"Measured on: {machine}." for machine in table.machines]
    below += [f"{method}." for method in table.methods]
    below += [f"{subject}: {differs}." for subject, differs in table.deviations.items()]
    below += [f"Provenance: {stamp}."]
    said = f"Table {table.number} of the L3C paper beside our measurements."
    parts += latex_text([said, *filter(None, below)])
    return "\n".join(parts) + "\n"


def _narrow(section: Section) -> Iterator[Section]:
    """The section in parts of two settings each: more columns of times are wider than a page."""
    for start in range(0, len(section.settings), 2):
        chosen = slice(start, start + 2)
        lines = [replace(line, measured=line.measured[chosen]) for line in section.lines]
        yield replace(section, settings=section.settings[chosen], lines=tuple(lines))


def _explained(section: Section) -> Iterator[str]:
    """What the numbers of a section are and what its marks mean, as far as it has them."""
    results = [result for line in section.lines for result in line.measured if result]
    spread = any(result.spread for result in results)
    if results and section.unit == BPSP:
        interval = f" with {LEVEL:.0f} % bootstrap intervals" if spread else ""
        yield f"Rates are of whole files, means over images{interval}."
    if results and section.unit == SECONDS:
        quartiles = " with the quartiles over runs" if spread else ""
        yield f"Times are medians of clocked runs{quartiles}, averaged over crops."
    if any(line.published and not line.published.verified for line in section.lines):
        yield f"{UNVERIFIED_MARK} published value not checked against the paper."
    if any(line.external for line in section.lines):
        yield f"{EXTERNAL_MARK} external program, the way to it counts."


def _remarks(table: PaperTable) -> tuple[str, list[list[str]]]:
    """What is said of all sections, "" if nothing is, and what is said of each."""
    remarks = [section.remark for section in table.sections]
    common = remarks[0] if len(remarks) > 1 and len(set(remarks)) == 1 else ""
    each = [
        [
            *([section.remark] if section.remark and not common else []),
            *(
                f"{line.label}: {_reason(line)}."
                for line in section.lines
                if line.reason and line.reason != NOT_A_METHOD
            ),
        ]
        for section in table.sections
    ]
    return common, each


def _reason(line: Line) -> str:
    return line.reason if any(line.measured) else f"{NOT_MEASURED} ({line.reason})"


def _heading(section: Section) -> str:
    if not section.label or section.title.startswith(section.label):
        return section.title
    return f"{section.title}; published on {section.label}"


def _head(section: Section) -> Head:
    first = [(section.head, "l")]
    if section.label:
        first.append((f"published {section.unit}", "r"))
    if section.unit != BPSP:
        return [*first, *((setting, "r") for setting in section.settings)]
    interval = f"{LEVEL:.0f} % interval"
    theory = ["cross-entropy bpsp"] if _has_theory(section) else []
    ours = ("measured bpsp", *theory, interval, "measured vs. L3C", "total bpsp", "images")
    return [*first, ("published vs. L3C", "r"), *((title, "r") for title in ours)]


def _lines(section: Section) -> Iterator[list[str]]:
    for line in section.lines:
        cells = [line.label + (EXTERNAL_MARK if line.external else "")]
        if section.label:
            cells.append(_published(line, section.unit))
        if section.unit == BPSP:
            rate = _rate(line.measured[0])
            theory = rate[1:2] if _has_theory(section) else []
            cells += [percent(line.published_vs_reference), rate[0], *theory, *rate[2:]]
        else:
            # Where only some settings are empty, it has nothing there: no codec runs on a GPU.
            empty = NONE if any(line.measured) else NOT_MEASURED
            cells += [_spent(r, section.unit) if r else empty for r in line.measured]
        yield cells


def _has_theory(section: Section) -> bool:
    return any(r and r.theory is not None for line in section.lines for r in line.measured)


def _published(line: Line, unit: str) -> str:
    if line.published is None:
        return NONE
    mark = "" if line.published.verified else UNVERIFIED_MARK
    text = line.published.printed if unit == BPSP else plain(line.published.value)
    return f"{text}{mark}"


def _rate(result: Measured | None) -> list[str]:
    if result is None or result.total is None:
        return [NOT_MEASURED, NONE, NONE, NONE, NONE, NONE]
    above = percent(result.vs_reference)
    total, images = f"{result.total:.3f}", str(result.count)
    theory = NONE if result.theory is None else f"{result.theory:.3f}"
    return [f"{result.value:.3f}", theory, span(result.spread), above, total, images]


def _spent(result: Measured, unit: str) -> str:
    if unit == MIB:
        return f"{result.value:.0f}"
    if result.spread is None:
        return plain(result.value)
    low, high = map(plain, result.spread)
    return f"{plain(result.value)} ({low}{NONE}{high})"
