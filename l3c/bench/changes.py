"""What differs between two runs besides what they measured: code, settings, models, machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from l3c.bench.result_folder import ResultFolder
from l3c.bench.schema import measured

# How a training went, as its model's card says; its settings are in the recipe.
_TRAINING = (
    *("steps", "images", "data_sha256", "processes", "threads", "device"),
    *("final_train_bpsp", "validation_bpsp"),
)

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """One thing that differs.

    Attributes:
        section: the kind of thing: one of the keys of `facts`.
        what: which one, e.g. "rgb.train.steps" among the recipes; of settings that only one run
            has, the outermost.
        a, b: its values, settings within it as JSON; None where a run has none.
    """

    section: str
    what: str
    a: str | None
    b: str | None


def changes(a: ResultFolder, b: ResultFolder) -> list[Change]:
    """Everything that both folders speak of, and do not agree on."""
    one, two = facts(a), facts(b)
    found = [
        change
        for section in one
        if section in two
        for change in _differing(section, one[section], two[section])
    ]
    # Which methods a run has is told with the results; here, how those of both were set.
    return [c for c in found if c.section != "methods" or None not in (c.a, c.b)]


def not_compared(a: ResultFolder, b: ResultFolder) -> dict[str, list[str]]:
    """Name of a folder -> the sections that only the other one speaks of."""
    one, two = facts(a), facts(b)
    missing = {
        a.name: [section for section in two if section not in one],
        b.name: [section for section in one if section not in two],
    }
    return {name: sections for name, sections in missing.items() if sections}


def facts(folder: ResultFolder) -> dict[str, Facts]:
    """Section -> what it is about -> value, which may be a mapping of the same kind.

    Sections that the folder says nothing of are left out.
    """
    provenance, cards = folder.provenance, folder.cards
    recipes = {key: card["recipe"] for key, card in cards.items() if "recipe" in card}
    models = {key: str(card["identity"]) for key, card in cards.items() if "identity" in card}
    found: dict[str, Facts] = {}
    if provenance is not None:
        state = "with changes" if provenance.code.changed else "as committed"
        configuration = dict(provenance.configuration)
        recipes = configuration.pop("recipes", {})
        models = dict(provenance.models)
        found["code"] = {"commit": provenance.code.commit or "none", "working tree": state}
        found["configuration"] = configuration
    data = folder.manifests if provenance is None else provenance.data
    training = {
        key: {name: _rounded(card[name]) for name in _TRAINING if name in card}
        for key, card in cards.items()
    }
    found |= {"recipes": recipes, "models": models}
    found["training"] = {key: about for key, about in training.items() if about}
    found |= {"data": dict(data), "versions": {} if provenance is None else provenance.versions}
    rows = measured(folder.rows)
    found |= {"methods": _methods(rows), "machine": _machine(rows)}
    return {section: about for section, about in found.items() if about}


def _methods(rows: pd.DataFrame) -> Facts:
    """What each method is called, how it was set, and its version."""
    return {
        f"{key} {what}": _all(found[column])
        for key, found in rows.groupby("key", sort=False)
        for what, column in (("label", "method"), ("settings", "settings"), ("version", "version"))
    }


def _machine(rows: pd.DataFrame) -> Facts:
    return {name: _all(rows[name]) for name in ("hardware", "environment", "threads")}


def _all(values: pd.Series) -> str:
    return " | ".join(dict.fromkeys(map(str, values)))


def _differing(section: str, a: Any, b: Any, path: str = "") -> Iterator[Change]:
    """The innermost settings that differ; of those that one side has, the outermost."""
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        for key in dict.fromkeys([*a, *b]):
            yield from _differing(
                section, a.get(key), b.get(key), f"{path}.{key}" if path else str(key)
            )
    elif a != b:
        yield Change(section, path, _text(a), _text(b))


def _text(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and value):
        return value
    return json.dumps(_given(value), ensure_ascii=False)


def _given(value: Any) -> Any:
    """The same without settings that are None."""
    if not isinstance(value, Mapping):
        return value
    return {key: _given(inner) for key, inner in value.items() if inner is not None}


def _rounded(value: Any) -> Any:
    return f"{value:.3f}" if isinstance(value, float) else value
