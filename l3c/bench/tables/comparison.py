"""The comparison of all methods of a run, what was left out, and the rates alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from l3c.bench.checks import failure_text
from l3c.bench.measure.other_load import noise_note
from l3c.bench.published import bpsp_of, published_name
from l3c.bench.run import Run
from l3c.bench.schema import failed, measured, rows_of
from l3c.bench.stats import LEAST, LEVEL, percent_above, rates, speeds
from l3c.bench.tables.layout import (
    EXTERNAL_MARK,
    MINUS,
    NONE,
    Section,
    Table,
    counted,
    fixed,
    percent,
    pipes,
    plain,
    span,
)
from l3c.bench.tables.registry import table
from l3c.data.manifest import ManifestRow

NOT_MEASURED = "not measured"
LISTED = 10  # images left out that a note names; left_out.csv has them all
# Columns of the CSV: those that the same models and images give again, then those of this machine.
_RATES = {
    "images": 0,
    "mean_bpsp": 4,
    "mean_bpsp_low": 4,
    "mean_bpsp_high": 4,
    "total_bpsp": 4,
    "theory_bpsp": 4,
    "gap_percent": 3,
}
_SPEEDS = ["encode_s", "decode_s", "encode_mb_s", "decode_mb_s", "threads", "in_process"]
_STATUS = ["lossless", "vs_l3c_percent", "published_bpsp", "status"]
_PARTS = (
    ["bpsp", "95 % interval", "vs. L3C", "published bpsp", "total bpsp"],
    [
        *("cross-entropy bpsp", "gap", "encode MB/s", "decode MB/s", "decode s/image"),
        "lossless",
    ],
)


def compare_methods(run: Run, dataset: str) -> pd.DataFrame:
    """The methods of a data set in the order of the run, those that were only published last.

    Returns:
        Columns of the CSV, not rounded; `failed` images, `reason`, and `printed`, the published
        value as it is written. Of published values, those that were read in the paper.
    """
    rows = run.rows[run.rows.dataset == dataset]
    records = pd.DataFrame([r.model_dump() for r in run.records if r.dataset == dataset])
    done = measured(rows)
    found = records.merge(rates(done, ["key"]), on="key", how="left")
    found = found.merge(speeds(done, ["key"]), on="key", how="left")
    found = found.rename(columns={"low": "mean_bpsp_low", "high": "mean_bpsp_high"})
    found["images"] = found.images.fillna(0).astype(int)
    found["failed"] = found.key.map(failed(rows).groupby("key").size()).fillna(0).astype(int)
    # Over other images than those of the rest, a mean is not compared.
    comparable = found.mean_bpsp.where(found.failed == 0)
    reference = next(
        (m for k, m in zip(found.key, comparable, strict=True) if run.is_reference(k)), None
    )
    found["vs_l3c_percent"] = [percent_above(mean, reference) for mean in comparable]
    found["status"] = [_status(rows[rows.key == r.key], r.reason) for r in rows_of(records)]
    label = run.counterparts[dataset].label if dataset in run.counterparts else None
    values = {n: v for n, v in bpsp_of(run.published, label).items() if v.verified}
    names = [
        published_name(key, method, run.published_as, values)
        for key, method in zip(found.key, found.method, strict=True)
    ]
    found["published_bpsp"] = [values[n].value if n else None for n in names]
    found["printed"] = [values[n].printed if n else NONE for n in names]
    only = pd.DataFrame(
        [
            {"key": "", "method": v.method, "images": 0, "failed": 0, "reason": "published only"}
            | {"published_bpsp": v.value, "printed": v.printed, "status": "published only"}
            for name, v in values.items()
            if name not in names
        ]
    )
    found = pd.concat([found, only], ignore_index=True) if len(only) else found
    total = found.images + found.failed
    found["lossless"] = [
        f"{n}/{of}" if of else "" for n, of in zip(found.images, total, strict=True)
    ]
    return found.assign(dataset=dataset)


def _status(rows: pd.DataFrame, reason: str) -> str:
    return failure_text(rows) or (f"{NOT_MEASURED}: {reason}" if reason else "measured")


def _data(run: Run, columns: list[str]) -> pd.DataFrame:
    """Rounded, as CSV."""
    found = pd.concat([compare_methods(run, name) for name in run.datasets], ignore_index=True)
    digits = {name: count for name, count in _RATES.items() if count} | {"vs_l3c_percent": 2}
    found = found.round(digits)
    found["images"] = found.images.where(found.images > 0).astype("Int64")
    found["threads"] = found.threads.astype("Int64")
    for name in ("encode_s", "decode_s", "encode_mb_s", "decode_mb_s"):
        found[name] = [float(f"{value:.4g}") for value in found[name].astype(float)]
    return found[["dataset", "key", "method", *columns]]


@table("rates", "Rates alone, to compare runs with", formats=("csv",))
def rates_alone(run: Run) -> Table:
    """Byte-identical whenever sizes and cross-entropies are, on any machine."""
    return Table("Rates", data=_data(run, [*_RATES, *_STATUS]))


@table("left_out", "Images left out", formats=("csv",))
def left_out(run: Run) -> Table:
    """Every dropped image of every data set with its reason."""
    dropped = [
        (dataset, row.image, row.source, row.reason)
        for dataset, manifest in run.manifests.items()
        for row in manifest
        if row.status == "dropped"
    ]
    return Table("", data=pd.DataFrame(dropped, columns=["dataset", "image", "source", "reason"]))


@table("overview", "The comparison without notes on methods", formats=("md",))
def overview(run: Run) -> Table:
    """The comparison as the page of results shows it."""
    return Table("", sections=[_section(run, dataset) for dataset in run.datasets])


@table("comparison", "The comparison")
def comparison(run: Run) -> Table:
    """One section for each data set."""
    deviating = run.deviations()
    machine = list(_machine(run))
    return Table(
        title="Comparison",
        sections=[_section(run, dataset) for dataset in run.datasets],
        data=_data(run, [*_RATES, *_SPEEDS, *_STATUS, "settings", "version"]),
        closing=[
            *_definitions(run),
            *_models(run),
            *(f"* **{subject}**: {differs}." for subject, differs in deviating.items()),
            *(["The cards, `models/*.json` of the run, list the rest."] if run.cards else []),
            *(f"* {line}" for line in machine),
        ],
        small_print=[
            *machine,
            *(f"{subject}: {differs}." for subject, differs in deviating.items()),
        ],
    )


def _section(run: Run, dataset: str) -> Section:
    found = compare_methods(run, dataset)
    published = found.published_bpsp.notna().any()
    cells = pd.DataFrame([_cells(item) for item in rows_of(found)])
    title = dataset
    caption = (
        f"Lossless compression of {dataset}: mean bits per sub-pixel (bpsp) over images, whole "
        "files; gap: all files together above the model's own estimate."
    )
    if published:
        counterpart = run.counterparts[dataset]
        if not counterpart.same:
            title = f"{dataset}, stands in for {counterpart.label}"
    else:
        cells = cells.drop(columns="published bpsp")
    if (found.in_process == False).any():  # noqa: E712  (a column with missing values)
        caption += f" {EXTERNAL_MARK} external program; times include file I/O."
    return Section(
        title=title,
        cells=cells,
        remarks=[f"* {note}" for note in _notes(run, dataset, found)],
        caption=caption,
        parts=[[name for name in part if name in cells] for part in _PARTS],
    )


def _cells(item: Any) -> dict[str, str]:
    """The printed cells of one method."""
    mean = "failed" if item.failed else NOT_MEASURED
    if item.images:
        mean = fixed(item.mean_bpsp) + (f" ({item.lossless} images)" if item.failed else "")
    return {
        "Method": item.method + (EXTERNAL_MARK if item.in_process is False else ""),
        "bpsp": mean,
        "95 % interval": span(item.mean_bpsp_low, item.mean_bpsp_high),
        "vs. L3C": percent(item.vs_l3c_percent),
        "published bpsp": item.printed,
        "total bpsp": fixed(item.total_bpsp),
        "cross-entropy bpsp": fixed(item.theory_bpsp),
        "gap": percent(item.gap_percent, 2),
        "encode MB/s": plain(item.encode_mb_s),
        "decode MB/s": plain(item.decode_mb_s),
        "decode s/image": plain(item.decode_s),
        "lossless": item.lossless or NONE,
    }


def _notes(run: Run, dataset: str, found: pd.DataFrame) -> Iterator[str]:
    manifest = run.manifests.get(dataset, ())
    kept = [row for row in manifest if row.status == "kept"]
    but = ", except for the failures below" if found.failed.any() else ""
    images = counted(len(kept), "image")
    yield f"{images} measured, each decoded from its file and equal to the original{but}."
    for item in rows_of(found[found.failed > 0]):
        means = " Its means are over the other images." if item.images else ""
        yield f"**{item.method} {item.status}.**{means}"
    if found.published_bpsp.notna().any():
        counterpart = run.counterparts[dataset]
        yield f"Published: L3C paper, {counterpart.label}; {counterpart.words}."
    licences = sorted({row.licence for row in kept if row.licence})
    if licences:
        more = "; and others in the manifest" if len(licences) > LISTED else ""
        yield f"Source and licence of the images: {'; '.join(licences[:LISTED])}{more}."
    dropped = [row for row in manifest if row.status == "dropped"]
    if dropped:
        named = "; ".join(f"{row.source}: {row.reason}" for row in dropped[:LISTED])
        more = (
            f"; and {len(dropped) - LISTED} more in left_out.csv" if len(dropped) > LISTED else ""
        )
        yield f"{len(dropped)} left out: {named}{more}."
    for train in dict.fromkeys(run.trained_on.values()):
        if shares_pixels(kept, run.manifests[train]):
            yield (
                f"**Images of this data set are also in the training set {train}:** the learned "
                "methods have seen them."
            )
    for item in rows_of(found[(found.reason != "") & (found.key != "")]):
        yield f"{item.method}: not measured ({item.reason})."
    if only := [item.method for item in rows_of(found) if not item.key]:
        yield f"Only published, not measured here: {', '.join(only)}."


def shares_pixels(kept: list[ManifestRow], train: Any) -> bool:
    """Whether an image of a data set was trained on, pixel for pixel."""
    seen = {row.pixel_sha256 for row in train if row.status == "kept"}
    return any(row.pixel_sha256 in seen for row in kept)


def _definitions(run: Run) -> Iterator[str]:
    yield (
        "* bpsp: bits per sub-pixel, 8 times the bytes of the whole file over 3HW, mean over "
        "images; *total bpsp*: all bits over all sub-pixels. *vs. L3C*: bpsp above (+) or below "
        f"({MINUS}) that of the L3C measured here. Published values that nobody checked against "
        "the paper are in the tables of the paper only."
    )
    yield (
        f"* *{LEVEL:.0f} % interval* of the mean, by a percentile bootstrap over images: how far "
        "the mean over other such images may lie from it. Of few images it is too narrow; of fewer "
        f"than {LEAST} none is given."
    )
    yield (
        "* *cross-entropy*: the learned model's own estimate of the rate, total, with the one in "
        "2^24 that every symbol keeps; *gap*: how far the real files lie above it (+) or below "
        f"({MINUS}): zero bytes at the end of a stream are not stored, and so a last row of black "
        "takes next to no bytes even where no model expects it."
    )
    yield (
        "* Speeds are measured inside the process after a warm-up, each method alone on the "
        "machine; MB are 10^6 bytes of raw pixels."
    )
    if (run.rows.in_process == False).any():  # noqa: E712  (a column with missing values)
        yield (
            f"* {EXTERNAL_MARK} external program: times include file I/O, and its start unless it "
            "stays."
        )


def _models(run: Run) -> Iterator[str]:
    """The models that were trained, as a table."""
    labels = run.labels()
    lines = [
        {
            "Model": labels[key],
            "recipe": _recipe_name(run.cards[key]["recipe"]),
            "trained on": f"{dataset}, {counted(run.cards[key]['images'], 'image')}",
            "parameters": f"{run.cards[key]['parameters']:,}",
            "steps": f"{run.cards[key]['steps']:,}",
            "training time": _duration(float(run.cards[key]["train_s"])),
        }
        for key, dataset in run.trained_on.items()
    ]
    yield pipes(pd.DataFrame(lines), left=3) if lines else "No model was trained."
    for key, card in run.cards.items():
        if source := card.get("source"):
            known = source.get("released_as") or source.get("experiment") or source.get("file")
            yield f"* {labels[key]}: weights of another's training ({known})."


def _recipe_name(recipe: Any) -> str:
    return str(recipe["name"]) if isinstance(recipe, dict) else str(recipe)


def _machine(run: Run) -> Iterator[str]:
    """Where the rows were measured, and with which versions."""
    machines = dict.fromkeys(zip(run.rows.hardware, run.rows.environment, strict=True))
    yield from (f"Machine: {hardware}; {versions}." for hardware, versions in machines)
    if noisy := noise_note(run.rows):
        yield f"{noisy}."
    threads = sorted(run.rows.threads.unique())
    yield (
        f"Threads at hand: {', '.join(map(str, threads)) or 'none'}; a codec whose settings say "
        "numthreads=1 uses one."
    )
    yield from dict.fromkeys(
        f"{record.method}: {record.version} ({record.settings})."
        for record in run.records
        if record.measured
    )


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.1f} s"
