"""In what the networks that were measured are not the paper's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What makes a network another one; how it was trained stays in the cards.
_TOLD = ("family", "model.", "train.lr_factors")


def network_deviations(
    labels: Mapping[str, str], cards: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """What can be said of networks -> how they differ; models that differ alike stand together.

    Args:
        labels: key of a model -> its label.
        cards: key -> card, of those models at least.
    """
    alike: dict[str, list[str]] = {}
    for key, label in labels.items():
        told = [line for line in cards[key].get("deviations", ()) if line.startswith(_TOLD)]
        alike.setdefault("; ".join(told), []).append(label)
    return {_subject(models): differs for differs, models in alike.items() if differs}


def _subject(models: list[str]) -> str:
    if len(models) == 1:
        return f"{models[0]} here is not the paper's network"
    return f"{', '.join(models[:-1])} and {models[-1]} here are not the paper's networks"
