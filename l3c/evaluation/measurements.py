"""All that a run has measured, in one place: what the tables of the paper are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from l3c.evaluation.batch_rows import BatchRow
from l3c.evaluation.counterparts import Counterpart
from l3c.evaluation.rows import FailedRow, MethodRecord, ResultRow
from l3c.evaluation.summary import is_reference
from l3c.evaluation.timing_rows import TimingRow


@dataclass(frozen=True)
class CutFrom:
    """The images that crops to be timed are cut from.

    Attributes:
        dataset: its key.
        smallest: shorter side of the smallest image, pixels.
    """

    dataset: str
    smallest: int


@dataclass(frozen=True)
class Measurements:
    """All that a run has measured.

    Attributes:
        rows: of whole images.
        records: of the methods on each data set.
        failed, failed_timing: where a method failed, on images and on crops.
        timing: of crops; empty where the run has none.
        batches: by batch size; empty where the run has none.
        counterparts: key of a data set -> the published one it stands for.
        published_as: key -> name in the paper, for methods that are called otherwise here.
        cards: key of a model -> the card of its weights.
        cut_from: of the crops of `timing` and the coded images of `batches`; None without any.
    """

    rows: Sequence[ResultRow]
    records: Sequence[MethodRecord]
    timing: Sequence[TimingRow]
    batches: Sequence[BatchRow]
    counterparts: Mapping[str, Counterpart]
    published_as: Mapping[str, str]
    cards: Mapping[str, Mapping[str, Any]]
    cut_from: CutFrom | None
    failed: Sequence[FailedRow] = ()
    failed_timing: Sequence[FailedRow] = ()

    def references(self) -> set[str]:
        """Keys of the L3C models, whatever they were trained on."""
        keys = {record.key for record in self.records} | {row.key for row in self.timing}
        keys |= {row.key for row in self.batches}
        return {key for key in keys if is_reference(key, self.published_as)}
