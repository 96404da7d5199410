"""Runs of one or several machines: files that must be equal, differences, what was changed.

Values are paired image by image, so the intervals state how far a difference depends on which
images were taken. They do not cover another training of the same recipe, or another hour of the
same machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import Any

import numpy as np
import pandas as pd

from l3c.bench.measure.crops import image_of
from l3c.bench.run_folder import RunFolder
from l3c.bench.schema import TOTAL
from l3c.bench.stats import mean_interval
from l3c.messages import counted

# Signs of n differences that are due to chance agree with probability 2^(1-n): below 5 % from here.
FEWEST_IMAGES = 6
_METHOD = ["dataset", "key", "quantity"]
_SETTING = ["dataset", "key", "device", "threads", "direction", "image", "width", "height"]


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
        changes: `section`, `what` was changed, and a column of values for each run (JSON; None
            where a run has none). Of settings that a run lacks, the outermost.
    """

    differences: pd.DataFrame
    partial: pd.DataFrame
    alarms: list[str]
    changes: pd.DataFrame


def named(runs: Sequence[RunFolder]) -> dict[str, RunFolder]:
    """The runs by their letters."""
    return {chr(ord("A") + i): run for i, run in enumerate(runs)}


def merged(runs: Sequence[RunFolder]) -> pd.DataFrame:
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


def compare(runs: Sequence[RunFolder]) -> Comparison:
    """Compares each run with the first that has the same method.

    Raises:
        NothingSharedError: no two runs have a method on an image with the same pixels.
    """
    rows = merged(runs)
    parts = [_of_images(rows), *map(_of_crops, named(runs).items())]
    values = pd.concat(parts, ignore_index=True)
    differences = pd.DataFrame(_differences(values))
    if differences.empty:
        raise NothingSharedError(f"no method saw the same pixels twice in {_places(runs)}")
    return Comparison(differences, _partial(values), alarms(rows), _changes(named(runs)))


def _places(runs: Sequence[RunFolder]) -> str:
    return " and ".join(
        f"{run.path} ({', '.join(run.rows.key.unique())} on {', '.join(run.rows.dataset.unique())})"
        for run in runs
    )


def _of_images(rows: pd.DataFrame) -> pd.DataFrame:
    """A line for each image and quantity; of `merged` rows."""
    # Times are of a codec on a machine; a control has the same in both runs.
    still = rows.codec.where(rows.cross_entropy_bits.isna()) + rows.hardware
    rows = rows.assign(of="image", still=still, pixels=rows.pixel_sha256)
    about = ["run", "dataset", "key", "method", "image", "pixels", "of", "still"]
    return rows.melt(about, ["bpsp", "encode_s", "decode_s"], var_name="quantity")


def _of_crops(run: tuple[str, RunFolder]) -> pd.DataFrame:
    """The same of a run's crops, medians of their runs."""
    name, folder = run
    clocked = folder.timing[folder.timing.phase == TOTAL].groupby(_SETTING, as_index=False)
    crops = clocked.agg(method=("method", "first"), value=("seconds", "median"))
    rows = folder.rows.set_index(["dataset", "image"]).pixel_sha256.to_dict()
    places = zip(crops.dataset, map(image_of, crops.image), strict=True)
    sizes = crops.width.astype(str) + " x " + crops.height.astype(str)
    threads = crops.threads.map(lambda count: counted(count, "thread"))
    setting = crops.direction + ", " + crops.device + ", " + threads
    crops = crops.assign(run=name, of="crop", image=crops.image + " (" + sizes + ")", still=np.nan)
    return crops.assign(quantity=setting, pixels=[rows.get(place, "") for place in places])


def _differences(values: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for (dataset, key, quantity), part in values.groupby(_METHOD, sort=False):  # bpsp first
        first, *others = part.run.unique()
        runs = part.groupby(["image", "pixels"]).run.transform("size")
        shared = part[runs == 1 + len(others)].set_index(["image", "pixels"])
        a = shared[shared.run == first]
        for other in others if len(a) else ():
            b = shared[shared.run == other].loc[a.index]
            line = {"dataset": dataset, "key": key, "method": a.method.iloc[0], "first": first}
            line |= {"run": other, "quantity": quantity, "of": a.of.iloc[0]}
            control = quantity != "bpsp" and bool((a.still == b.still).all())
            yield line | difference(a.value, b.value, str(quantity), line["of"], control)


def difference(
    a: pd.Series, b: pd.Series, quantity: str, of: str = "image", control: bool = False
) -> dict[str, Any]:
    """Compares two series of numbers above 0, paired; see `Comparison` for the names."""
    mean, other = a.mean(), b.mean()
    percent = low = high = np.nan
    if mean > 0:
        percent = 100 * (other / mean - 1)
        # Around the ratio of the means, so that a change of equal percents has a narrow interval
        # whatever the images are (linearised ratio estimator).
        residuals = (b.to_numpy() - other / mean * a.to_numpy()).tolist()
        if interval := mean_interval(residuals) if len(a) >= FEWEST_IMAGES else None:
            low, high = (percent + 100 * each / mean for each in interval)
    less, more, same = "faster", "slower", "same time"
    if quantity == "bpsp":
        less, more, same = "smaller", "larger", "same bytes"
    size = abs(percent)
    # One decimal, or as many as show two digits of a small number.
    digits = 1 if not 0 < size < 0.1 else min(1 - floor(log10(size)), 6)
    verdict = f"{less if percent < 0 else more} by {size:.{digits}f} %"
    if (a.to_numpy() == b.to_numpy()).all():
        verdict = same
    elif np.isnan(percent):
        verdict = "not comparable: the first is 0"
    elif np.isnan(low):
        verdict += f" on {counted(len(a), of)}, no interval"
    elif low <= 0 <= high:
        verdict = "no difference beyond chance"
    else:
        least, most = sorted((abs(low), abs(high)))
        verdict += f" ({least:.{digits}f} to {most:.{digits}f})"
    found = {"count": len(a), "a": mean, "b": other, "percent": percent, "low": low, "high": high}
    return found | {"verdict": verdict, "control": control}


def _partial(values: pd.DataFrame) -> pd.DataFrame:
    """What not all runs have; of a method or an image that some lack, nothing more."""
    where = " on " + values.dataset
    shown = {
        "methods": values.method + where,
        "timings": (values.method + where + ": " + values.quantity).where(values.of == "crop"),
        "images": values.image + where,
    }
    every, found = values.run.nunique(), []
    for what, names in shown.items():
        having = values.run.groupby(names[values.index], sort=False).unique()
        lacking = having[having.map(len) < every]
        found += [(what, name, ", ".join(runs)) for name, runs in lacking.items()]
        values = values[~names[values.index].isin(lacking.index)]
    images = values[values.of == "image"].groupby(values.image + where, sort=False)
    changed = images.run.unique()[images.pixels.nunique() > 1]
    found += [("images of other pixels", name, ", ".join(runs)) for name, runs in changed.items()]
    return pd.DataFrame(found, columns=["what", "name", "runs"])


def _facts(run: RunFolder) -> dict[str, Mapping[str, Any]]:
    """Section -> what it is about -> value, which may be a mapping of the same kind."""
    by_key: Any = run.rows.groupby("key", sort=False)[["method", "settings", "version"]]
    machine: Any = run.rows[["hardware", "environment", "threads"]].apply(_all)
    found = {"methods": by_key.agg(_all).to_dict("index"), "machine": machine.to_dict()}
    if (origin := run.provenance) is None:
        return found
    configuration = {**origin.configuration}
    state = "with changes" if origin.code.changed else "as committed"
    return {
        "code": {"commit": origin.code.commit or "none", "working tree": state},
        "recipes": configuration.pop("recipes", {}),
        "configuration": configuration,
        **{name: getattr(origin, name) for name in ("models", "data", "versions")},
        **found,
    }


def _all(values: pd.Series) -> str:
    return " | ".join(dict.fromkeys(map(str, values)))


def _changes(runs: Mapping[str, RunFolder]) -> pd.DataFrame:
    facts = {name: _facts(run) for name, run in runs.items()}
    lines = []
    for section in dict.fromkeys(section for about in facts.values() for section in about):
        stated = {name: about[section] for name, about in facts.items() if section in about}
        for what, values in _differing(list(stated.values())):
            lacks = section == "methods" and None in values  # `Comparison.partial` has those
            texts = dict(zip(stated, map(_text, values), strict=True))
            lines += [] if lacks else [{"section": section, "what": what, **texts}]
    return pd.DataFrame(lines, columns=["section", "what", *runs], dtype=object)


def _differing(values: Sequence[Any], path: str = "") -> Iterator[tuple[str, Sequence[Any]]]:
    """The innermost settings that differ; of those that some lack, the outermost."""
    if all(isinstance(value, Mapping) for value in values):
        for key in dict.fromkeys(key for value in values for key in value):
            inner = f"{path}.{key}" if path else str(key)
            yield from _differing([value.get(key) for value in values], inner)
    elif any(value != values[0] for value in values):
        yield path, values


def _text(value: Any) -> str | None:
    if isinstance(value, float):
        return f"{value:.4g}"
    if value is None or (isinstance(value, str) and value):
        return value
    return json.dumps(value, ensure_ascii=False)
