"""Runs of one or several machines: files that must be equal, differences, what was changed.

Values are paired image by image, so the intervals state how far a difference depends on which
images were taken. They do not cover another training of the same recipe, or another hour of the
same machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from l3c.bench.measure.crops import image_of
from l3c.bench.run import Run
from l3c.bench.schema import TOTAL
from l3c.bench.stats import mean_interval
from l3c.messages import counted

# Signs of n differences that are due to chance agree with probability 2^(1-n): below 5 % from here.
FEWEST_IMAGES = 6
_SETTING = ["dataset", "key", "method", "device", "threads", "direction"]
_SETTING += ["image", "width", "height"]


class NothingSharedError(ValueError):
    """No two runs have a method that saw the same pixels."""


@dataclass(frozen=True)
class Comparison:
    """Runs, called A, B, ...

    Attributes:
        differences: a line for each data set, method, quantity ("bpsp", "encode_s", "decode_s",
            or of crops "encode, cpu, 1 thread") and `run` after the `first` that has it: means `a`
            and `b` over the `count` images or crops that all these runs have, `percent` of b above
            a with its 95 % interval `low`, `high` (NaN for fewer than FEWEST_IMAGES), `verdict`;
            `control`: of one codec and one machine, so that times should be the same.
        partial: what not all runs have: `what` it is, `name`, `runs` that have it.
        alarms: files of unequal size although codec or model and settings are the same.
        changes: `what` was changed, and a column of values for each run (JSON; None where a run has
            none).
    """

    differences: pd.DataFrame
    partial: pd.DataFrame
    alarms: list[str]
    changes: pd.DataFrame


def named(runs: Sequence[Run]) -> dict[str, Run]:
    """The runs by their letters."""
    return {chr(ord("A") + i): run for i, run in enumerate(runs)}


def merged(runs: Sequence[Run]) -> pd.DataFrame:
    """The rows of all runs, with `run` and `codec`: equal ones make equal files of equal pixels."""
    rows = pd.concat([run.rows.assign(run=name) for name, run in named(runs).items()])
    # A network in integers computes the same under every PyTorch and on every machine; one in
    # floats only on the same.
    version = rows.version.str.replace(r"^torch [^,]*, ", "", regex=True)
    machine = rows.version + rows.hardware + rows.environment
    version = version.where(~rows.settings.str.contains("float"), machine)
    return rows.assign(codec=rows.key + rows.settings + version).reset_index(drop=True)


def alarms(rows: pd.DataFrame) -> list[str]:
    """Files that differ though they must not: of `merged` rows."""
    sizes = rows.groupby(["dataset", "image", "pixel_sha256", "codec"]).num_bytes
    unequal = rows[sizes.transform("nunique") > 1].groupby(["dataset", "method"], sort=False)
    return [
        f"{method} on {dataset}: files of {', '.join(part.run.unique())} differ in size on "
        f"{counted(part.image.nunique(), 'image')}, though codec or model and settings are the same"
        for (dataset, method), part in unequal
    ]


def compare(runs: Sequence[Run]) -> Comparison:
    """Compares each run with the first that has the same method.

    Raises:
        NothingSharedError: no two runs have a method on an image with the same pixels.
    """
    rows = merged(runs)
    # Times are of a codec on a machine; a control has the same in both runs.
    still = rows.codec.where(rows.cross_entropy_bits.isna()) + rows.hardware
    images = rows.assign(of="image", still=still, pixels=rows.pixel_sha256)
    about = ["run", "dataset", "key", "method", "image", "pixels", "of", "still"]
    images = images.melt(about, ["bpsp", "encode_s", "decode_s"], var_name="quantity")
    values = pd.concat([images, _crops(runs, rows)], ignore_index=True)
    differences = pd.DataFrame(_differences(values))
    if differences.empty:
        places = " and ".join(f"{r.path} ({', '.join(r.rows.dataset.unique())})" for r in runs)
        raise NothingSharedError(f"no method saw the same pixels twice in {places}")
    return Comparison(differences, _partial(values), alarms(rows), _changes(named(runs)))


def _crops(runs: Sequence[Run], rows: pd.DataFrame) -> pd.DataFrame:
    """A line for each run, crop and setting: the median of its clocked runs; `rows`: `merged`."""
    clocked = pd.concat([run.timing.assign(name=name) for name, run in named(runs).items()])
    totals = clocked[clocked.phase == TOTAL].groupby(["name", *_SETTING], as_index=False)
    crops = totals[["seconds"]].median().rename(columns={"name": "run", "seconds": "value"})
    sizes = crops.width.astype(str) + " x " + crops.height.astype(str)
    threads = crops.threads.map(lambda count: counted(count, "thread"))
    known = rows.set_index(["run", "dataset", "image"]).pixel_sha256.to_dict()
    places = zip(crops.run, crops.dataset, map(image_of, crops.image), strict=True)
    return crops.assign(
        of="crop",
        still=np.nan,
        pixels=[known.get(place, "") for place in places],
        image=crops.image + " (" + sizes + ")",
        quantity=crops.direction + ", " + crops.device + ", " + threads,
    )


def _differences(values: pd.DataFrame) -> Iterator[dict[str, Any]]:
    by = ["dataset", "key", "quantity"]
    for (dataset, key, quantity), part in values.groupby(by, sort=False):  # bpsp first
        table = part.pivot(index=["image", "pixels"], columns="run", values="value").dropna()
        still = part.pivot(index=["image", "pixels"], columns="run", values="still")
        first, *others = part.run.unique()
        for other in others if len(table) else ():
            same = still.loc[table.index, first] == still.loc[table.index, other]
            about = {"dataset": dataset, "key": key, "method": part.method.iloc[0]}
            about |= {"first": first, "run": other, "quantity": quantity, "of": part.of.iloc[0]}
            found = difference(table[first], table[other], str(quantity), about["of"])
            yield about | found | {"control": quantity != "bpsp" and bool(same.all())}


def difference(a: pd.Series, b: pd.Series, quantity: str, of: str = "image") -> dict[str, Any]:
    """Compares two series of numbers above 0, paired; see `Comparison` for the names."""
    mean, other = a.mean() or np.nan, b.mean()
    percent = 100 * (other / mean - 1)
    # Around the ratio of the means, so that a change of equal percents has a narrow interval
    # whatever the images are (linearised ratio estimator).
    residuals = (b.to_numpy() - other / mean * a.to_numpy()).tolist()
    ends = mean_interval(residuals if len(a) >= FEWEST_IMAGES else [])
    low, high = (percent + 100 * each / mean for each in ends)
    less, more, same = "faster", "slower", "same time"
    if quantity == "bpsp":
        less, more, same = "smaller", "larger", "same bytes"
    verdict = f"{less if percent < 0 else more} by {abs(percent):#.3g} %"
    if (a.to_numpy() == b.to_numpy()).all():
        verdict = same
    elif np.isnan(low):
        verdict += f" on {counted(len(a), of)}, no interval"
    elif low <= 0 <= high:
        verdict = "no difference beyond chance"
    else:
        verdict += " ({:#.3g} to {:#.3g})".format(*sorted((abs(low), abs(high))))
    found = {"count": len(a), "a": mean, "b": other, "percent": percent, "low": low, "high": high}
    return found | {"verdict": verdict}


def _partial(values: pd.DataFrame) -> pd.DataFrame:
    """Methods, timings and images that not all runs have, or whose pixels differ."""
    where, every, found = " on " + values.dataset, values.run.nunique(), []
    of_crops = (values.method + where + ": " + values.quantity).where(values.of == "crop")
    names = {"methods": values.method + where, "timings": of_crops, "images": values.image + where}
    for what, name in names.items():  # of a method that some lack, nothing more
        having = values.run.groupby(name[values.index], sort=False).unique()
        lacking = having[having.map(len) < every]
        found += [(what, each, ", ".join(runs)) for each, runs in lacking.items()]
        values = values[~name[values.index].isin(lacking.index)]
    pixels = values[values.of == "image"].groupby(values.image + where, sort=False).pixels.nunique()
    found += [("images of other pixels", name, "all") for name in pixels.index[pixels > 1]]
    return pd.DataFrame(found, columns=["what", "name", "runs"])


def _settings(run: Run) -> pd.Series:
    """What a run was made from: text of each innermost setting, by its dotted path."""
    by_key: Any = run.rows.groupby("key", sort=False)[["method", "settings", "version"]]
    machine: Any = run.rows[["hardware", "environment", "threads"]].apply(_all)
    found = {"methods": by_key.agg(_all).to_dict("index"), "machine": machine.to_dict()}
    if run.provenance:
        found |= run.provenance.model_dump(exclude={"configuration_sha256"})
    (flat,) = pd.json_normalize(found).to_dict("records")
    texts = {
        path: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for path, value in flat.items()
        if value is not None
    }
    return pd.Series(texts, dtype=object)


def _all(values: pd.Series) -> str:
    return " | ".join(dict.fromkeys(map(str, values)))


def _changes(runs: Mapping[str, Run]) -> pd.DataFrame:
    """Settings that differ; nothing of methods that some runs lack, or of runs that say nothing."""
    table = pd.DataFrame({name: _settings(run) for name, run in runs.items()})
    methods = table.index.str.startswith("methods.") & table.isna().any(axis=1)
    table = table[(table.nunique(axis=1, dropna=False) > 1) & ~methods]
    return table.where(table.notna(), None).rename_axis("what").reset_index()
