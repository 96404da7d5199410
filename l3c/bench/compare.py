"""Runs side by side: how sizes and times differ, what only some measured, what was changed.

Values are paired image by image, so the intervals state how far a difference depends on which
images were taken. They do not cover another training of the same recipe, or another hour of the
same machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd

from l3c.bench.measure.crops import image_of
from l3c.bench.run_folder import RunFolder
from l3c.bench.schema import TOTAL, rows_of
from l3c.bench.stats import mean_interval
from l3c.messages import counted

# Signs of n differences that are due to chance agree with probability 2^(1-n): below 5 % from here.
FEWEST_IMAGES = 6
_ITEM = ["dataset", "key", "quantity", "image"]
_SAME_BYTES = "same bytes"
_PARTS = {
    "image": {"dataset": "data sets only", "method": "methods only", "image": "images only"},
    "crop": {"dataset": "timed data sets only", "timed": "timing only", "image": "crops only"},
}
# How a training went, as its model's card has it; its settings are in the recipe.
_TRAINING = (
    *("steps", "images", "data_sha256", "processes", "threads", "device"),
    *("final_train_bpsp", "validation_bpsp"),
)


class NothingSharedError(ValueError):
    """Two runs have no method in common that saw the same pixels."""


@dataclass(frozen=True)
class Comparison:
    """Runs, called A, B, ..., as they differ from the first.

    Attributes:
        differences: a line for each data set, method, quantity ("bpsp", "encode_s", "decode_s",
            or of crops "encode, cpu, 1 thread") and run: `of` "image" or "crop", `count` of those
            that the run shares with A, means `a` and `b`, `percent` of b above a with its 95 %
            interval `low`, `high` (NaN if there are fewer than FEWEST_IMAGES), `verdict`;
            `same_codec` and settings; `control`: a codec, neither it nor its files changed.
        partial: what not all runs have: `what` it is, `name`, `runs` that have it.
        alarms: files of another size although codec or model and settings are the same.
        changes: `section`, `what` was changed, and a column of values for each run (JSON; None
            where a run has none). Of settings that a run lacks, the outermost.
        unknown: run -> sections that only others state.
    """

    differences: pd.DataFrame
    partial: pd.DataFrame
    alarms: list[str]
    changes: pd.DataFrame
    unknown: dict[str, list[str]]


def compare(runs: Sequence[RunFolder]) -> Comparison:
    """Compares each run with the first.

    Raises:
        NothingSharedError: a run has no method of the first on an image with the same pixels.
    """
    named = {chr(ord("A") + i): run for i, run in enumerate(runs)}
    values = {name: _values(run) for name, run in named.items()}
    lines = []
    for name in [*named][1:]:
        found = _differences(values["A"], values[name])
        if "image" not in {line["of"] for line in found}:
            has = " and in ".join(
                f"{run.path} {', '.join(run.rows.key.unique())} on {', '.join(datasets)}"
                for run in (named["A"], named[name])
                for datasets in [run.rows.dataset.unique()]
            )
            raise NothingSharedError(f"no method saw the same pixels in both: in {has}")
        lines += [{"run": name, **line} for line in found]
    alarms = [
        f"{line['method']} on {line['dataset']}: files of {line['run']} and A differ in size, "
        "though codec or model and settings are the same"
        for line in lines
        if line["quantity"] == "bpsp" and line["same_codec"] and line["verdict"] != _SAME_BYTES
    ]
    facts = {name: _facts(run) for name, run in named.items()}
    sections = list(dict.fromkeys(section for about in facts.values() for section in about))
    unknown = {name: [s for s in sections if s not in about] for name, about in facts.items()}
    return Comparison(
        pd.DataFrame(lines),
        _partial(values),
        alarms,
        pd.DataFrame(_changes(facts, sections), columns=["section", "what", *named], dtype=object),
        {name: missing for name, missing in unknown.items() if missing},
    )


def _values(run: RunFolder) -> pd.DataFrame:
    """Every number of a run: `_ITEM`, method, codec, learned, pixels ("" if unknown), of, value."""
    rows = run.rows.rename(columns={"pixel_sha256": "pixels"})
    # A network in integers computes the same under every PyTorch and on every machine; one in
    # floats only on the same.
    version = rows.version.str.replace(r"^torch [^,]*, ", "", regex=True)
    machine = rows.version + rows.hardware + rows.environment
    codec = rows.settings + version.where(~rows.settings.str.contains("float"), machine)
    rows = rows.assign(codec=codec, learned=rows.cross_entropy_bits.notna(), of="image")
    about = ["dataset", "key", "method", "image", "of", "codec", "learned", "pixels"]
    images = rows.melt(about, ["bpsp", "encode_s", "decode_s"], var_name="quantity")
    setting = ["dataset", "key", "device", "threads", "direction", "image", "width", "height"]
    clocked = run.timing[run.timing.phase == TOTAL].groupby(setting, sort=False, as_index=False)
    crops = clocked.agg(method=("method", "first"), value=("seconds", "median"))
    hashes = rows.set_index(["dataset", "image"]).pixels.to_dict()
    threads = crops.threads.map(lambda count: counted(count, "thread"))
    sizes = crops.width.astype(str) + " x " + crops.height.astype(str)
    crops = crops.assign(
        of="crop",
        codec="",
        learned=False,
        image=crops.image + " (" + sizes + ")",
        pixels=[hashes.get((row.dataset, image_of(row.image)), "") for row in rows_of(crops)],
        quantity=crops.direction + ", " + crops.device + ", " + threads,
    )
    return pd.concat([images, crops[images.columns]]) if len(crops) else images


def _differences(a: pd.DataFrame, b: pd.DataFrame) -> list[dict[str, Any]]:
    both = a.merge(b, on=[*_ITEM, "of"], suffixes=("", "_b"))
    both = both[(both.pixels == both.pixels_b) | (both[["pixels", "pixels_b"]] == "").any(axis=1)]
    found, controls = [], set()
    for (dataset, key, quantity), pairs in both.groupby(_ITEM[:3], sort=False):  # bpsp first
        first, same = pairs.iloc[0], bool((pairs.codec == pairs.codec_b).all())
        line = {"dataset": dataset, "key": key, "method": first.method, "quantity": quantity}
        line |= difference(pairs.value, pairs.value_b, str(quantity), first.of)
        if same and not pairs.learned.any() and line["verdict"] == _SAME_BYTES:
            controls.add((dataset, key))
        control = (dataset, key) in controls and first.of == "image"
        found.append(line | {"of": first.of, "same_codec": same, "control": control})
    return found


def difference(a: pd.Series, b: pd.Series, quantity: str, of: str = "image") -> dict[str, Any]:
    """Compares two series of numbers above 0, paired.

    Returns:
        count, a, b, percent, low, high and verdict, see `Comparison`.
    """
    mean, other = fmean(a), fmean(b)
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
        less, more, same = "smaller", "larger", _SAME_BYTES
    size = abs(percent)
    # One decimal, or as many as show two digits of a small number.
    digits = 1 if not 0 < size < 0.1 else min(1 - floor(log10(size)), 6)
    verdict = f"{less if percent < 0 else more} by {size:.{digits}f} %"
    if (a.to_numpy() == b.to_numpy()).all():
        verdict = same
    elif np.isnan(percent):
        verdict = "not comparable: A is 0"
    elif np.isnan(low):
        verdict += f" on {counted(len(a), of)}, too few for an interval"
    elif low <= 0 <= high:
        verdict = "no difference beyond chance"
    else:
        least, most = sorted((abs(low), abs(high)))
        verdict += f" ({least:.{digits}f} to {most:.{digits}f})"
    found = {"count": len(a), "a": mean, "b": other, "percent": percent, "low": low, "high": high}
    return found | {"verdict": verdict}


def _partial(values: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """What not all runs have; of a data set that some lack, the data set alone."""
    every = pd.concat([table.assign(run=name) for name, table in values.items()])
    labels = every.groupby("key").method.first()
    every["method"] = every.key.map(labels) + " on " + every.dataset
    every["image"] = every.image + " of " + every.dataset
    every["timed"] = every.quantity + ": " + every.method
    found = []
    for of, rows in every.groupby("of", sort=False):
        for column, what in _PARTS[str(of)].items():
            runs = rows.groupby(column, sort=False).run.unique()
            lacking = runs[runs.map(len) < len(values)]
            found += [(what, name, ", ".join(having)) for name, having in lacking.items()]
            if column == "dataset":
                rows = rows[~rows.dataset.isin(lacking.index)]
    images = every[every.of == "image"].groupby("image", sort=False)
    runs = images.run.unique()[images.pixels.nunique() > 1]
    found += [
        ("images with different pixels", name, ", ".join(each)) for name, each in runs.items()
    ]
    return pd.DataFrame(found, columns=["what", "name", "runs"])


def _facts(run: RunFolder) -> dict[str, Mapping[str, Any]]:
    """Section -> what it is about -> value, which may be a mapping of the same kind.

    Sections that the folder does not state are left out.
    """
    origin, cards = run.provenance, run.cards
    found: dict[str, Mapping[str, Any]] = {"code": {}, "configuration": {}}
    found["recipes"] = {key: card["recipe"] for key, card in cards.items() if "recipe" in card}
    found["models"] = {key: card["identity"] for key, card in cards.items() if "identity" in card}
    training = {
        key: {name: _text(card[name]) for name in _TRAINING if name in card}
        for key, card in cards.items()
    }
    found["training"] = {key: about for key, about in training.items() if about}
    found |= {"data": run.manifests, "versions": {}}
    if origin is not None:
        state = "with changes" if origin.code.changed else "as committed"
        found["code"] = {"commit": origin.code.commit or "none", "working tree": state}
        configuration = dict(origin.configuration)
        found |= {"recipes": configuration.pop("recipes", {}), "configuration": configuration}
        found |= {"models": origin.models, "data": origin.data, "versions": origin.versions}
    by_key: Any = run.rows.groupby("key", sort=False)[["method", "settings", "version"]]
    machine: Any = run.rows[["hardware", "environment", "threads"]].apply(_all)
    found |= {"methods": by_key.agg(_all).to_dict("index"), "machine": machine.to_dict()}
    return {section: about for section, about in found.items() if about}


def _all(values: pd.Series) -> str:
    return " | ".join(dict.fromkeys(map(str, values)))


def _changes(
    facts: Mapping[str, Mapping[str, Any]], sections: Sequence[str]
) -> Iterator[dict[str, Any]]:
    for section in sections:
        stated = {name: about[section] for name, about in facts.items() if section in about}
        if section == "methods":  # `Comparison.partial` has those that some runs lack
            shared = set.intersection(*map(set, stated.values()))
            stated = {n: {k: v for k, v in of.items() if k in shared} for n, of in stated.items()}
        for what, values in _differing(list(stated.values())):
            texts = zip(stated, map(_text, values), strict=True)
            yield {"section": section, "what": what, **dict(texts)}


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
