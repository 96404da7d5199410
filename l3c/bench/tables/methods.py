"""The methods of a run: rates on a data set, versions, settings, machines."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

from l3c.bench.checks import failure_texts
from l3c.bench.measure.other_load import noise_note
from l3c.bench.published import published_name
from l3c.bench.run import Run
from l3c.bench.schema import MethodRecord, failed, measured, rows_of
from l3c.bench.stats import rates, speeds


def methods(run: Run, dataset: str, published: Collection[str]) -> pd.DataFrame:
    """The methods of a data set in the order of the run, also those that were not measured.

    Args:
        run: of the methods.
        dataset: its key.
        published: normalized names of the methods that were published on it.

    Returns:
        Columns of a `MethodRecord`, of `stats.rates` and of `stats.speeds`; `failed` images,
        `failure` in words, "" for none; `name`, see `named`; `release_bpsp`, the mean by the rules
        of the authors' release, and whether network and weights are theirs, `released`.
    """
    rows = run.rows[run.rows.dataset == dataset]
    done, texts = measured(rows), failure_texts(rows)
    records = [record.model_dump() for record in run.records if record.dataset == dataset]
    found = pd.DataFrame(records, columns=[*MethodRecord.model_fields]).drop(columns="measured")
    found = found.merge(rates(done, ["key"]), on="key", how="left")
    found = found.merge(speeds(done, ["key"]), on="key", how="left")
    failures = failed(rows).groupby("key").size()
    by_rules = run.as_published[run.as_published.dataset == dataset].groupby("model").bpsp.mean()
    return named(run, found, published).assign(
        images=found.images.fillna(0).astype(int),
        failed=found.key.map(failures).fillna(0).astype(int),
        failure=[texts.get((dataset, key), "") for key in found.key],
        release_bpsp=found.key.map(by_rules).astype(float),
        released=[run.is_papers(key) and run.released_as(key) != "" for key in found.key],
    )


def reproduced(rows: pd.DataFrame, value: str, same: bool) -> list[bool]:
    """Whether the authors' weights give a published value, to one unit of its last digit.

    Args:
        rows: with `released`, `release_bpsp`, and `printed` as the value is written.
        value: column of the same as numbers.
        same: whether the images are the published ones.
    """
    places = rows.printed.astype(str).str.extract(r"\.(\d+)$")[0].str.len().fillna(0)
    # 1.5: the rounding of the value itself, and one unit.
    close = (rows.release_bpsp - rows[value]).abs() <= 1.5 * 10.0**-places
    return list(close & rows.released.eq(True) & same)


def named(run: Run, table: pd.DataFrame, published: Collection[str]) -> pd.DataFrame:
    """The table with a `name` for each method: the normalized published one, or "<key> (ours)"."""
    names = [
        published_name(key, method, run.published_as, published) or f"{key} (ours)"
        for key, method in zip(table.key, table.method, strict=True)
    ]
    return table.assign(name=pd.Series(names, table.index, dtype=object))


def percent_above_l3c(run: Run, found: pd.DataFrame, comparable: pd.Series) -> pd.Series:
    """How far the `mean_bpsp` of methods lie above the run's L3C in percent, where comparable."""
    means = found.mean_bpsp.astype(float).where(comparable)
    references = means[found.key.map(run.is_reference).astype(bool)]
    return 100 * (means / next(iter(references), np.nan) - 1)


def about(run: Run, rows: pd.DataFrame, timed: bool = True) -> list[str]:
    """Where rows were measured, by which versions and settings, and by which networks.

    Args:
        run: of the rows.
        rows: of images, crops or batches.
        timed: whether times are shown.
    """
    versions = {record.key: (record.version, record.settings) for record in run.records}
    if "version" in rows:
        clocked = rows.dropna(subset="version").drop_duplicates("key")
        versions |= {row.key: (row.version, row.settings) for row in rows_of(clocked)}
    labels = dict(zip(rows.key, rows.method, strict=True))
    known = [(labels[key], *versions[key]) for key in labels if key in versions]
    noise = noise_note(rows) if timed else ""
    return [
        *machines(rows),
        *([f"{noise}."] if noise else []),
        *(f"{label}: {version}{f' ({told})' if told else ''}." for label, version, told in known),
        *(f"**{subject}**: {differs}." for subject, differs in run.deviations([*labels]).items()),
    ]


def machines(rows: pd.DataFrame) -> list[str]:
    """Where rows were measured: processors, versions, GPUs."""
    found = dict.fromkeys(rows.hardware + "; " + rows.environment)
    if "device" in rows:
        found |= dict.fromkeys("GPU " + rows.device_name[rows.device == "cuda"])
    return [f"Measured on: {machine}." for machine in found]
