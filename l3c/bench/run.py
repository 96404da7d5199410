"""A run: its folder, or a copy such as results/reference; and all that its tables are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from l3c.bench.measure.provenance import Provenance, read_provenance
from l3c.bench.published import Counterpart, normalize, published_values
from l3c.bench.schema import (
    AsPublished,
    BatchRow,
    LossyRow,
    ResultRow,
    RowError,
    SampleRow,
    TimingRow,
    check,
    frame,
    measured,
    read,
)
from l3c.data.images import ManifestRow

_CHECKOUT = Path(__file__).parents[2]
# The method every other one is compared with, where it was measured; the paper's family, too.
REFERENCE = "l3c"
# Deviations that make a network another one; how it was trained stays in the cards.
_NETWORK = ("family", "model.", "train.lr_factors")
_PAPERS = (REFERENCE, "rgb", "rgbshared")  # its networks, normalized
_REFERENCE = "results/reference"


class RunFolderError(ValueError):
    """A folder is not one of a run, or what it holds cannot be read."""


class RunFolder:
    """The folder of a run; everything but `rows.csv` may be missing.

    Attributes:
        path: of the folder.

    Raises:
        RunFolderError, RowError, ProvenanceError: a file of it is missing or
            malformed; raised where it is first needed.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        if not (self.path / "rows.csv").is_file():
            what = "holds no rows.csv" if self.path.is_dir() else "not a folder"
            raise RunFolderError(f"{path}: {what}; name a finished run, such as results/run")

    @cached_property
    def attempts(self) -> pd.DataFrame:
        """One for each data set, method and image, failures among them (`schema.ResultRow`)."""
        path = self.path / "rows.csv"
        rows = read(path, ResultRow)
        if measured(rows).empty:
            raise RunFolderError(f"{path}: has no rows; nothing was measured")
        try:
            check(rows, ResultRow)
        except RowError as error:
            raise RowError(f"{path}: {error}") from None
        return rows

    @property
    def rows(self) -> pd.DataFrame:
        """The rows that have results."""
        return measured(self.attempts)

    def _table(self, name: str, kind: Any) -> pd.DataFrame:
        path = self.path / f"{name}.csv"
        return measured(read(path, kind) if path.is_file() else frame([], kind))

    @cached_property
    def timing(self) -> pd.DataFrame:
        """Of crops, by method and setting; empty where nothing was clocked."""
        return self._table("timing", TimingRow)

    @cached_property
    def lossy(self) -> pd.DataFrame:
        """Of lossy methods; empty where none was measured."""
        return self._table("lossy", LossyRow)

    @cached_property
    def provenance(self) -> Provenance | None:
        """None in folders of older versions."""
        path = self.path / "provenance.json"
        return read_provenance(path) if path.is_file() else None


def open_run(run: str | Path) -> RunFolder:
    """The folder, from the working directory or from the checkout of this package.

    Where there is none yet, the results that come with the checkout are opened instead.

    Raises:
        RunFolderError: neither has rows.
    """
    for path in (Path(run), _CHECKOUT / run, Path(_REFERENCE), _CHECKOUT / _REFERENCE):
        if (path / "rows.csv").is_file():
            return RunFolder(path)
    raise RunFolderError(f"{run}: no rows.csv: run the workflow first (snakemake --cores all)")


@dataclass(frozen=True)
class Run:
    """A run.

    Attributes:
        rows: of whole images, failures among them (`schema.ResultRow`).
        records: of the methods on each data set (`schema.MethodRecord`).
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
    records: pd.DataFrame
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
        return list(self.records.dataset.unique())

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
        named = dict(zip(self.records.key, self.records.method, strict=True))
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
        found: dict[str, str] = {}
        for differs, models in alike.items():
            named = f"{', '.join(models[:-1])} and {models[-1]} here are not the paper's networks"
            one = f"{models[0]} here is not the paper's network"
            found |= {named if models[1:] else one: differs} if differs else {}
        return found

    def _is_of_its_family(self, key: str) -> bool:
        return self.cards.get(key, {}).get("family", REFERENCE) == REFERENCE

    def _deviation(self, key: str) -> str:
        lines = self.cards.get(key, {}).get("deviations", ())
        return "; ".join(line for line in lines if line.startswith(_NETWORK))
