"""The paper's models by the release's rules, beside published values and beside our files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pandas as pd

from l3c.bench.published import PublishedValue, bpsp_of, published_name
from l3c.bench.run import Run
from l3c.bench.tables.layout import MINUS, NONE, UNVERIFIED_MARK, Section, Table, counted
from l3c.bench.tables.registry import table

REPRODUCED_MARK = "✓"
_NOTES = (
    "* *our files*: what this project writes, mean bpsp over images. *release's rules*: "
    "cross-entropy in float32, images padded with zeros on both sides and the padding counted, "
    "images above 3 million pixels cut into quarters, RGB Shared applied four times.",
    "* *difference*: of the release's rules from the published value, where images and network are "
    "the paper's.",
    f"* {REPRODUCED_MARK} reproduced: the authors' released weights give the published value to "
    "one unit of its last digit.",
)


@table("as_published", "By the rules of the authors' release, and as files", formats=("md", "csv"))
def as_published(run: Run) -> Table:
    """A section for each data set, a line for each model."""
    data = pd.DataFrame(_lines(run))
    sections = []
    for name, found in data.groupby("dataset", sort=False) if len(data) else ():
        counterpart = run.counterparts.get(str(name))
        remarks = [f"Published: {counterpart.label}; {counterpart.words}."] if counterpart else []
        cells = pd.DataFrame([_cells(line) for line in found.to_dict("records")])
        title = f"{name}, {counted(found.images.iloc[0], 'image')}"
        sections.append(Section(title, cells, remarks, left=2))
    notes = [*_NOTES]
    if len(data) and (data.verified == False).any():  # noqa: E712  (a column with missing values)
        notes.append(f"* {UNVERIFIED_MARK} recalled, not yet checked against the paper.")
    return Table("As published, and as files", sections, data, notes=notes)


def _lines(run: Run) -> Iterator[dict[str, Any]]:
    """Rates in bpsp, means over images; None for what is not known, or not asked."""
    labels = run.labels()
    for names, rows in run.as_published.groupby(["dataset", "model"], sort=False):
        dataset, key = map(str, names)
        files = run.rows[(run.rows.dataset == dataset) & (run.rows.key == key)].bpsp.dropna()
        counterpart = run.counterparts.get(dataset)
        values = bpsp_of(run.published, counterpart.label if counterpart else None)
        value = values.get(published_name(key, labels[key], run.published_as, values))
        rate = rows.bpsp.astype(float).mean()
        same = counterpart is not None and counterpart.same
        comparable = value is not None and same and run.is_papers(key)
        released = run.cards[key].get("source", {}).get("released_as")
        yield {
            "dataset": dataset,
            "model": key,
            "label": labels[key],
            "released_as": released,
            "images": len(rows),
            "files_bpsp": files.astype(float).mean() if len(files) else None,
            "release_bpsp": rate,
            "published_bpsp": value.printed if value else None,
            "verified": value.verified if value else None,
            "difference": rate - value.value if value and comparable else None,
            "reproduced": reproduces(rate, value) if value and comparable and released else None,
        }


def reproduces(rate: float, value: PublishedValue) -> bool:
    """Whether a rate is a published value to one unit of its last digit."""
    unit = 10.0 ** int(Decimal(value.printed).as_tuple().exponent)
    return abs(rate - value.value) <= 1.5 * unit  # its own rounding, and one unit


def _cells(line: Mapping[Any, Any]) -> dict[str, str]:
    published, difference = line["published_bpsp"], line["difference"]
    mark = "" if line["verified"] else UNVERIFIED_MARK
    return {
        "Model": line["label"],
        "weights": line["released_as"] or "not the authors'",
        "our files": NONE if pd.isna(line["files_bpsp"]) else f"{line['files_bpsp']:.3f}",
        "release's rules": f"{line['release_bpsp']:.3f}",
        "published": f"{published}{mark}" if published else NONE,
        "difference": NONE if pd.isna(difference) else f"{difference:+.3f}".replace("-", MINUS),
        "reproduced": {True: REPRODUCED_MARK, False: "no"}.get(line["reproduced"], NONE),
    }
