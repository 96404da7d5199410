"""All that a run has measured and was made from: what its tables are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from l3c.bench.counterparts import Counterpart
from l3c.bench.deviations import network_deviations
from l3c.bench.published import normalize, published_values
from l3c.bench.schema import AsPublished, BatchRow, IntegerCost, MethodRecord, TimingRow, frame
from l3c.data.manifest import ManifestRow

# The method every other one is compared with, where it was measured; a normalized name.
REFERENCE = "l3c"


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
        timing, batches, cost, as_published: further rows; empty where the run has none.
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
    cost: pd.DataFrame = field(default_factory=lambda: frame([], IntegerCost))
    as_published: pd.DataFrame = field(default_factory=lambda: frame([], AsPublished))

    @property
    def datasets(self) -> list[str]:
        """Keys of the measured data sets."""
        return list(dict.fromkeys(record.dataset for record in self.records))

    def is_reference(self, key: str) -> bool:
        """Whether a method is L3C, whatever it was trained on."""
        return normalize(self.published_as.get(key, key)) == REFERENCE

    def is_papers(self, key: str) -> bool:
        """Whether a method is one of the paper: a codec, or a model whose network does not deviate.

        Only such a method's value may be compared with a published one in percent.
        """
        return key not in self.cards or not network_deviations({key: key}, self.cards)

    def labels(self) -> dict[str, str]:
        """Key of each method -> its label."""
        named = {record.key: record.method for record in self.records}
        return {key: str(card.get("name", key)) for key, card in self.cards.items()} | named

    def deviations(self, keys: Sequence[str] | None = None) -> dict[str, str]:
        """Models that differ alike -> how their networks differ from the paper's.

        Args:
            keys: of the methods in question; all unless given.
        """
        labels = self.labels()
        learned = [key for key in (labels if keys is None else keys) if key in self.cards]
        return network_deviations({key: labels[key] for key in learned}, self.cards)
