"""Methods beside each other: rates on a data set, what else is told of them; what was left out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from l3c.bench.measure.machine import noise_note
from l3c.bench.published import SAME, SAMPLES, STAND_IN, bpsp_of, published_name
from l3c.bench.run import Run
from l3c.bench.schema import failed, failure_texts, measured, rows_of
from l3c.bench.stats import LEVEL, rates, speeds
from l3c.bench.tables.layout import (
    EXTERNAL_MARK,
    NONE,
    REPRODUCED_MARK,
    Section,
    Table,
    fixed,
    percent,
    plain,
    span,
    table,
    without_empty,
)
from l3c.messages import counted, listed

NOT_MEASURED = "not measured"
_LISTED = 10  # images left out that a note names; left_out.csv has them all
# Columns of the CSV: those that the same models and images give again, then those of this machine.
_RATES = ["images", "mean_bpsp", "mean_bpsp_low", "mean_bpsp_high", "total_bpsp"]
_RATES += ["total_cross_entropy_bpsp", "gap_percent"]
_TIMES = ["release_bpsp", "encode_s", "decode_s", "encode_mb_s", "decode_mb_s"]
_TIMES += ["threads", "in_process"]
_STATUS = ["lossless", "vs_l3c_percent", "published_bpsp", "status"]


def methods(run: Run, dataset: str, published: Collection[str]) -> pd.DataFrame:
    """The methods of a data set in the order of the run, also those that were not measured.

    Args:
        run: of the methods.
        dataset: its key.
        published: normalized names of the methods that were published on it.

    Returns:
        dataset, key, method, settings, version; columns of `stats.rates` and of `stats.speeds`;
        `failed` images; `reason`, why not all are measured, "" if they are; `name`, see `named`;
        `release_bpsp`, the mean by the rules of the authors' release, and whether network and
        weights are theirs, `released`.
    """
    rows = run.attempts[run.attempts.dataset == dataset]
    done, texts, failures = measured(rows), failure_texts(rows), failed(rows).groupby("key").size()
    found = rows.drop_duplicates("key")[["dataset", "key", "method", "settings", "version"]]
    found = found.merge(rates(done, ["key"]), on="key", how="left")
    found = found.merge(speeds(done, ["key"]), on="key", how="left")
    by_rules = run.as_published[run.as_published.dataset == dataset].groupby("model").bpsp.mean()
    return named(run, found, published).assign(
        images=found.images.fillna(0).astype(int),
        failed=found.key.map(failures).fillna(0).astype(int),
        reason=[texts.get((dataset, key), "") for key in found.key],
        release_bpsp=found.key.map(by_rules).astype(float),
        released=[run.is_papers(key) and run.released_as(key) != "" for key in found.key],
    )


def beside(first: pd.DataFrame, second: pd.DataFrame, **alone: Any) -> pd.DataFrame:
    """Lines of two tables with the same `name` joined; then those of the second alone.

    Args:
        first: with a column `name`.
        second: the same.
        alone: further columns of the lines that only the second has.
    """
    rest = second[~second.name.isin(first.name)].assign(**alone)
    return pd.concat([first.merge(second, on="name", how="left"), rest], ignore_index=True)


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


def about(run: Run, rows: pd.DataFrame) -> list[str]:
    """Where rows were measured, by which versions and settings, and by which networks.

    Args:
        run: of the rows.
        rows: of images, crops or batches.
    """
    labels = dict(zip(rows.key, rows.method, strict=True))
    known = rows_of(run.attempts.drop_duplicates("key"))
    texts = {row.key: row.version + f" ({row.settings})" * bool(row.settings) for row in known}
    deviating: dict[str, list[str]] = {}
    for key, label in labels.items():
        if differs := run.deviation(key):
            deviating.setdefault(differs, []).append(label)
    noise = noise_note(rows)
    machines = dict.fromkeys(rows.hardware + "; " + rows.environment)
    if "device" in rows:
        machines |= dict.fromkeys("GPU " + rows.device_name[rows.device == "cuda"])
    return [
        *(f"Measured on: {machine}." for machine in machines),
        *([f"{noise}."] if noise else []),
        *(f"{label}: {texts[key]}." for key, label in labels.items() if key in texts),
        *(
            f"**Not the paper's network here: {', '.join(alike)}**: {differs}."
            for differs, alike in deviating.items()
        ),
    ]


def compare_methods(run: Run, dataset: str) -> pd.DataFrame:
    """The methods of a data set in the order of the run, those that were only published last.

    Returns:
        Columns of the CSV, and those of `methods`; `printed`, the published value as it is
        written. Published values are those that were read in the paper.
    """
    counterpart = run.counterparts.get(dataset)
    values = bpsp_of(run.published, counterpart.label if counterpart else None)
    values = values[values.verified].reset_index()[["name", "method", "value", "printed"]]
    ours = methods(run, dataset, set(values.name)).rename(columns={"method": "line"})
    # A mean over other images than those of the rest is not compared.
    ours["vs_l3c_percent"] = percent_above_l3c(run, ours, ours.failed == 0)
    ours["status"] = ours.reason.where(ours.reason != "", "measured")
    only: Any = {"key": "", "images": 0, "failed": 0, "reason": "", "status": "published only"}
    found = beside(ours, values, **only)
    total = found.images + found.failed
    done = [f"{n}/{of}" if of else "" for n, of in zip(found.images, total, strict=True)]
    names = {"low": "mean_bpsp_low", "high": "mean_bpsp_high", "value": "published_bpsp"}
    same = counterpart is not None and counterpart.same
    marks = [REPRODUCED_MARK if close else "" for close in reproduced(found, "value", same)]
    return found.rename(columns=names).assign(
        dataset=dataset,
        method=found.line.fillna(found.method),
        lossless=done,
        printed=found.printed.astype(object).fillna(NONE) + marks,
    )


def _data(run: Run, columns: Sequence[str]) -> pd.DataFrame:
    tables = [compare_methods(run, name) for name in run.datasets or [""]]
    found = pd.concat(tables, ignore_index=True)
    images = found.images.where(found.images > 0).astype("Int64")
    found = found.assign(images=images, threads=found.threads.astype("Int64"))
    return found[["dataset", "key", "method", *columns]]


@table("rates", "Rates alone, to compare runs with", "csv")
def rates_alone(run: Run) -> Table:
    """Byte-identical whenever sizes and cross-entropies are, on any machine."""
    return Table(data=_data(run, [*_RATES, *_STATUS]))


@table("left_out", "Images left out", "csv")
def left_out(run: Run) -> Table:
    """Every dropped image of every data set with its reason."""
    dropped = [
        (dataset, row.image, row.source, row.reason)
        for dataset, manifest in run.manifests.items()
        for row in manifest
        if row.status == "dropped"
    ]
    columns = ["dataset", "image", "source", "reason"]
    return Table(data=pd.DataFrame(dropped, columns=columns))


@table("comparison", "Comparison", "md", "csv", "tex")
def comparison(run: Run) -> Table:
    """One section for each data set, then the models."""
    threads = ", ".join(map(str, sorted(run.rows.threads.unique()))) or "none"
    cards = ["The cards, JSON files in `models/` of the run, list the rest."] if run.cards else []
    return Table(
        sections=[*(_section(run, dataset) for dataset in run.datasets), *_models(run)],
        data=_data(run, [*_RATES, *_TIMES, *_STATUS, "settings", "version"]),
        notes=[
            *about(run, run.rows),
            *_sources(run),
            *cards,
            f"Threads at hand: {threads}; a codec whose settings say numthreads=1 uses one.",
        ],
    )


def _section(run: Run, dataset: str) -> Section:
    found = compare_methods(run, dataset)
    lacking = found.failed.gt(0).map({True: "failed", False: NOT_MEASURED})
    cells = {
        "Method": found.method + found.in_process.map({False: EXTERNAL_MARK}).fillna(""),
        "bpsp": found.mean_bpsp.map(fixed).where(found.images > 0, lacking),
        f"{LEVEL:.0f} % interval": list(map(span, found.mean_bpsp_low, found.mean_bpsp_high)),
        "vs. L3C": found.vs_l3c_percent.map(percent),
        "published bpsp": found.printed,
        "release's rules bpsp": found.release_bpsp.astype(float).map(fixed),
        "total bpsp": found.total_bpsp.map(fixed),
        "cross-entropy bpsp": found.total_cross_entropy_bpsp.map(fixed),
        "gap": found.gap_percent.map(lambda value: percent(value, 2)),
        "encode MB/s": found.encode_mb_s.map(plain),
        "decode MB/s": found.decode_mb_s.map(plain),
        "decode s/image": found.decode_s.map(plain),
        "lossless": found.lossless.replace("", NONE),
    }
    title = dataset
    if found.published_bpsp.notna().any() and not run.counterparts[dataset].same:
        title = f"{dataset}, stands in for {run.counterparts[dataset].label}"
    return Section(
        title=title,
        cells=without_empty(pd.DataFrame(cells)),
        remarks=[*_remarks(run, dataset, found)],
    )


def _remarks(run: Run, dataset: str, found: pd.DataFrame) -> Iterator[str]:
    manifest = run.manifests.get(dataset, ())
    kept = [row for row in manifest if row.status == "kept"]
    dropped = [f"{row.source}: {row.reason}" for row in manifest if row.status == "dropped"]
    but = ", except for the failures below" if found.failed.any() else ""
    images = counted(len(kept), "image")
    yield f"{images} measured, each decoded from its file and equal to the original{but}."
    for item in rows_of(found[found.reason != ""]):
        means = " Its means are over the other images." if item.images else ""
        yield f"**{item.method} {item.reason}.**{means}"
    identities = found.key.map(lambda key: run.cards.get(key, {}).get("identity"))
    for _, of in found[found.failed == 0].groupby(identities, sort=False):
        floats = of[of.settings.str.contains("float32")]
        integers = of.drop(floats.index)
        if len(floats) and len(integers):  # the same weights
            more = percent(100 * (integers.total_bpsp.iloc[0] / floats.total_bpsp.iloc[0] - 1), 3)
            yield f"{integers.method.iloc[0]}: {more} bytes beside {floats.method.iloc[0]}."
    if found.published_bpsp.notna().any():
        counterpart = run.counterparts[dataset]
        here = SAME if counterpart.same else STAND_IN
        yield f"Published: L3C paper, {counterpart.label}; measured here: {here}"
    if licences := sorted({row.licence for row in kept if row.licence}):
        first = listed(licences, " in the manifest", "; ", _LISTED)
        yield f"Source and licence of the images: {first}."
    if dropped:
        first = listed(dropped, " in left_out.csv", "; ", _LISTED)
        yield f"{len(dropped)} left out: {first}."
    for train in dict.fromkeys(run.trained_on.values()):
        trained = {row.pixel_sha256 for row in run.manifests[train] if row.status == "kept"}
        if any(row.pixel_sha256 in trained for row in kept):
            yield (
                f"**Images of this data set are also in the training set {train}:** the learned "
                "methods have seen them."
            )


def _models(run: Run) -> Iterator[Section]:
    """The models that were trained for this run."""
    labels, lines = run.labels(), []
    for key, dataset in run.trained_on.items():
        card = run.cards[key]
        recipe, seconds = card["recipe"], float(card["train_s"])
        lines.append(
            {
                "Model": labels[key],
                "recipe": str(recipe["name"] if isinstance(recipe, dict) else recipe),
                "trained on": f"{dataset}, {counted(card['images'], 'image')}",
                "parameters": f"{card['parameters']:,}",
                "steps": f"{card['steps']:,}",
                "training time": f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.1f} s",
            }
        )
    if lines:
        yield Section("Models trained for this run", pd.DataFrame(lines), left=3)


def _sources(run: Run) -> Iterator[str]:
    """Models whose weights others trained."""
    labels = run.labels()
    for key, card in run.cards.items():
        if source := card.get("source"):
            known = run.released_as(key) or source.get("experiment") or source.get("file")
            yield f"{labels[key]}: weights of another's training ({known})."


@table("samples", "What samples store, in numbers", "csv")
def samples(run: Run) -> Table:
    """The paper's example is of another image and model: only the order compares."""
    data = run.samples[["dataset", "model", "image", "sampled", "stored"]]
    data = data.join(run.samples[["bpsp", "uniform_bpsp"]].round(6))
    sampled = [len(names.split()) for names in data.sampled]
    example = run.published[run.published.table == SAMPLES].reset_index(drop=True)
    data["published_bpsp"] = example.value.reindex(sampled).to_numpy()
    data["published_example"] = example.label.reindex(sampled).to_numpy()
    return Table(data=data)
