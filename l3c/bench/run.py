"""All that a run has measured and was made from: what its tables are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from l3c.bench.lossy import LossyRow
from l3c.bench.published import Counterpart, normalize, published_values
from l3c.bench.schema import (
    AsPublished,
    BatchRow,
    MethodRecord,
    SampleRow,
    TimingRow,
    frame,
)
from l3c.data.images import ManifestRow

# The method every other one is compared with, where it was measured; a normalized name.
REFERENCE = "l3c"
# Deviations that make a network another one; how it was trained stays in the cards.
_NETWORK = ("family", "model.", "train.lr_factors")
_FAMILY = "l3c"  # of the paper
_PAPERS = (REFERENCE, "rgb", "rgbshared")  # its networks, normalized


@dataclass(frozen=True)
class Run:
    """A run.

    Attributes:
        rows: of whole images, failures among them (`schema.ResultRow`).
        records: of the methods on each data set.
        published: all published values (`published.published_values`).
        manifests: data set -> its manifest; the training sets are among them.
        counterparts: data set -> the published one beside it, for those that have one.
        published_as: key -> name in the paper, for methods that are called otherwise here.
        cards: key of a learned method -> the card of its weights.
        trained_on: key of a model that was trained -> the data set.
        timed_on: the data set that crops to be timed are cut from; "" for none.
        timing, batches, as_published, samples, lossy: further rows; empty where the run has none.
        lossy_published: bpp and MS-SSIM of the CPM paper (`lossy.read_published`).
    """

    rows: pd.DataFrame
    records: Sequence[MethodRecord]
    published: pd.DataFrame = field(default_factory=published_values)
    manifests: Mapping[str, Sequence[ManifestRow]] = field(default_factory=dict)
    counterparts: Mapping[str, Counterpart] = field(default_factory=dict)
    published_as: Mapping[str, str] = field(default_factory=dict)
    cards: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    trained_on: Mapping[str, str] = field(default_factory=dict)
    timed_on: str = ""
    timing: pd.DataFrame = field(default_factory=lambda: frame([], TimingRow))
    batches: pd.DataFrame = field(default_factory=lambda: frame([], BatchRow))
    as_published: pd.DataFrame = field(default_factory=lambda: frame([], AsPublished))
    samples: pd.DataFrame = field(default_factory=lambda: frame([], SampleRow))
    lossy: pd.DataFrame = field(default_factory=lambda: frame([], LossyRow))
    lossy_published: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def datasets(self) -> list[str]:
        """Keys of the measured data sets."""
        return list(dict.fromkeys(record.dataset for record in self.records))

    def is_reference(self, key: str) -> bool:
        """Whether a method is L3C, whatever it was trained on."""
        return self._name(key) == REFERENCE

    def _name(self, key: str) -> str:
        return normalize(self.published_as.get(key, key))

    def is_papers(self, key: str) -> bool:
        """Whether a method is one of the paper: a codec, or a model whose network does not deviate.

        Only such a method's value may be compared with a published one in percent.
        """
        return self._is_of_its_family(key) and not self._deviation(key)

    def released_as(self, key: str) -> str:
        """Which of the authors' released weights a model has, "" for none."""
        return str(self.cards.get(key, {}).get("source", {}).get("released_as", ""))

    def labels(self) -> dict[str, str]:
        """Key of each method -> its label."""
        named = {record.key: record.method for record in self.records}
        return {key: str(card.get("name", key)) for key, card in self.cards.items()} | named

    def deviations(self, keys: Sequence[str]) -> dict[str, str]:
        """How the paper's networks, and others of its family, differ from it.

        Returns:
            A text that names the models that are alike -> their differences.
        """
        labels = self.labels()
        alike: dict[str, list[str]] = {}
        for key in keys:
            if not (self._is_of_its_family(key) or self._name(key) in _PAPERS):
                continue
            alike.setdefault(self._deviation(key), []).append(labels.get(key, key))
        return {_subject(models): differs for differs, models in alike.items() if differs}

    def _is_of_its_family(self, key: str) -> bool:
        return self.cards.get(key, {}).get("family", _FAMILY) == _FAMILY

    def _deviation(self, key: str) -> str:
        lines = self.cards.get(key, {}).get("deviations", ())
        return "; ".join(line for line in lines if line.startswith(_NETWORK))


def _subject(models: list[str]) -> str:
    if len(models) == 1:
        return f"{models[0]} here is not the paper's network"
    return f"{', '.join(models[:-1])} and {models[-1]} here are not the paper's networks"
