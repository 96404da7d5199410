"""The paper's models by the release's rules, beside published values and beside our files."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd

from l3c.bench.published import bpsp_of
from l3c.bench.run import Run
from l3c.bench.tables.layout import (
    MARKS,
    MINUS,
    NONE,
    REPRODUCED_MARK,
    UNVERIFIED_MARK,
    Section,
    Table,
    counted,
    fixed,
    table,
)
from l3c.bench.tables.methods import named

_DEFINITIONS = (
    "*our files*: what this project writes, mean bpsp over images. *release's rules*: "
    "cross-entropy in float32, images padded with zeros on both sides and the padding counted, "
    "images above 3 million pixels cut into quarters, RGB Shared applied four times.",
    "*difference*: release's rules minus the published value, where images and network are the "
    "paper's.",
    *(f"{mark} {MARKS[mark]}." for mark in (REPRODUCED_MARK, UNVERIFIED_MARK)),
)


@table("as_published", "By the rules of the authors' release, and as files", formats=("md", "csv"))
def as_published(run: Run) -> Table:
    """A section for each data set, a line for each model."""
    data, sections = release_rates(run), []
    for name, found in data.groupby("dataset", sort=False):
        counterpart = run.counterparts.get(str(name))
        remarks = [f"Published: {counterpart.label}; {counterpart.words}."] if counterpart else []
        marks = found.verified.map({False: UNVERIFIED_MARK}).astype(object).fillna("")
        reproduced = found.reproduced.map({True: REPRODUCED_MARK, False: "no"})
        cells = pd.DataFrame(
            {
                "Model": found.label,
                "weights": found.released_as.astype(object).fillna("not the authors'"),
                "our files": found.files_bpsp.map(fixed),
                "release's rules": found.release_bpsp.map(fixed),
                "published": (found.published_bpsp + marks).astype(object).fillna(NONE),
                "difference": [
                    NONE if pd.isna(value) else f"{value:+.3f}".replace("-", MINUS)
                    for value in found.difference
                ],
                "reproduced": reproduced.astype(object).fillna(NONE),
            }
        )
        title = f"{name}, {counted(found.images.iloc[0], 'image')}"
        sections.append(Section(title, cells, remarks, left=2))
    return Table("As published, and as files", sections, data, definitions=_DEFINITIONS)


def release_rates(run: Run) -> pd.DataFrame:
    """Mean rates by the release's rules, in bpsp.

    Returns:
        A line for each data set and model: both keys, `label`, `released_as` by the authors,
        `images`, `files_bpsp` of our files, `release_bpsp`, `published_bpsp` as it is printed,
        whether that is `verified`; `difference` from it where images and network are the paper's,
        and whether it is `reproduced` where the weights are the authors' too. Missing values are
        None or NaN.
    """
    names = {"key": "model", "dataset": "dataset"}
    files = run.rows.rename(columns=names).groupby(["dataset", "model"]).bpsp.mean()
    groups = run.as_published.groupby(["dataset", "model"], sort=False).bpsp
    found = pd.DataFrame({"images": groups.size(), "release_bpsp": groups.mean()}).join(
        files.rename("files_bpsp").astype(float)
    )
    found, labels = found.reset_index(), run.labels()
    found["label"] = found.model.map(labels)
    found["released_as"] = [
        run.cards[key].get("source", {}).get("released_as") for key in found.model
    ]
    parts = [_beside(run, str(name), rows) for name, rows in found.groupby("dataset", sort=False)]
    columns = ["dataset", "model", "label", "released_as", "images", "files_bpsp", "release_bpsp"]
    columns += ["published_bpsp", "verified", "difference", "reproduced"]
    return pd.concat(parts)[columns] if parts else pd.DataFrame(columns=columns)


def _beside(run: Run, dataset: str, found: pd.DataFrame) -> pd.DataFrame:
    """The models of a data set with their published values."""
    counterpart = run.counterparts.get(dataset)
    values = bpsp_of(run.published, counterpart.label if counterpart else None)
    rows = named(run, found.rename(columns={"model": "key", "label": "method"}), values.index)
    theirs = values.reindex(rows.name)
    same = counterpart is not None and counterpart.same
    comparable = np.array([same and run.is_papers(key) for key in rows.key])
    difference = (rows.release_bpsp - theirs.value.to_numpy()).where(comparable)
    reproduced = [
        reproduces(gap, printed) if gap == gap and isinstance(released, str) else None
        for gap, printed, released in zip(difference, theirs.printed, rows.released_as, strict=True)
    ]
    return found.assign(
        published_bpsp=theirs.printed.to_numpy(object),
        verified=theirs.verified.to_numpy(object),
        difference=difference,
        reproduced=pd.Series(reproduced, found.index, dtype=object),
    )


def reproduces(difference: float, printed: str) -> bool:
    """Whether a rate is a published value to one unit of its last digit.

    Args:
        difference: of the rate from the value.
        printed: the value as it is written.
    """
    unit = 10.0 ** int(Decimal(printed).as_tuple().exponent)
    return bool(abs(difference) <= 1.5 * unit)  # its own rounding, and one unit
