"""The paper's models by the release's rules, beside published values and beside our files."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd

from l3c.bench.published import bpsp_of, published_name
from l3c.bench.run import Run
from l3c.bench.tables.layout import (
    MINUS,
    NONE,
    REPRODUCED_MARK,
    UNVERIFIED_MARK,
    Section,
    Table,
    fixed,
    table,
)
from l3c.messages import counted

_COLUMNS = ["dataset", "model", "label", "released_as", "images", "files_bpsp", "release_bpsp"]
_COLUMNS += ["published_bpsp", "verified", "difference", "reproduced"]


@table("as_published", "By the rules of the authors' release, and as files", formats=("md", "csv"))
def as_published(run: Run) -> Table:
    """A section for each data set, a line for each model."""
    data, sections = release_rates(run), []
    for name, found in data.groupby("dataset", sort=False):
        counterpart = run.counterparts.get(str(name))
        remarks = [f"Published: {counterpart.label}; {counterpart.words}."] if counterpart else []
        marks = found.verified.map({False: UNVERIFIED_MARK}).fillna("")
        reproduced = found.reproduced.map({True: REPRODUCED_MARK, False: "no"})
        cells = pd.DataFrame(
            {
                "Model": found.label,
                "weights": found.released_as.fillna("not the authors'"),
                "our files": found.files_bpsp.map(fixed),
                "release's rules": found.release_bpsp.map(fixed),
                "published": (found.published_bpsp + marks).fillna(NONE),
                "difference": [
                    NONE if pd.isna(value) else f"{value:+.3f}".replace("-", MINUS)
                    for value in found.difference
                ],
                "reproduced": reproduced.fillna(NONE),
            }
        )
        title = f"{name}, {counted(found.images.iloc[0], 'image')}"
        sections.append(Section(title, cells, remarks, left=2))
    return Table("As published, and as files", sections, data)


def release_rates(run: Run) -> pd.DataFrame:
    """Mean rates by the release's rules, in bpsp.

    Returns:
        A line for each data set and model: both keys, `label`, `released_as` by the authors,
        `images`, `files_bpsp` of our files, `release_bpsp`, `published_bpsp` as it is printed,
        whether that is `verified`; `difference` from it where images and network are the paper's,
        and whether it is `reproduced` where the weights are the authors' too.
    """
    labels, lines = run.labels(), []
    for group, rows in run.as_published.groupby(["dataset", "model"], sort=False):
        dataset, key = map(str, group)
        counterpart = run.counterparts.get(dataset)
        values = bpsp_of(run.published, counterpart.label if counterpart else None)
        value = values.reindex(
            [published_name(key, labels[key], run.published_as, values.index)]
        ).iloc[0]
        comparable = counterpart is not None and counterpart.same and run.is_papers(key)
        released = run.cards[key].get("source", {}).get("released_as")
        rate = rows.bpsp.mean()
        difference = rate - value.value if comparable else np.nan
        known = pd.notna(difference) and released
        lines.append(
            {
                "dataset": dataset,
                "model": key,
                "label": labels[key],
                "released_as": released,
                "images": len(rows),
                "files_bpsp": run.rows.bpsp[
                    (run.rows.dataset == dataset) & (run.rows.key == key)
                ].mean(),
                "release_bpsp": rate,
                "published_bpsp": value.printed,
                "verified": value.verified,
                "difference": difference,
                "reproduced": reproduces(difference, value.printed) if known else None,
            }
        )
    return pd.DataFrame(lines, columns=_COLUMNS, dtype=object)


def reproduces(difference: float, printed: str) -> bool:
    """Whether a rate is a published value to one unit of its last digit.

    Args:
        difference: of the rate from the value.
        printed: the value as it is written.
    """
    unit = 10.0 ** int(Decimal(printed).as_tuple().exponent)
    return bool(abs(difference) <= 1.5 * unit)  # its own rounding, and one unit
