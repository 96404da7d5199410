"""A run: what its folder holds, or a copy such as results/reference, and what its tables need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pandas as pd

from l3c.bench.measure.provenance import Provenance, read_provenance
from l3c.bench.published import Counterpart, normalize, published_values
from l3c.bench.schema import KINDS, ResultRow, RowError, check, frame, measured, read
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


@dataclass(frozen=True)
class Run:
    """A run.

    Attributes:
        attempts: of each method and image, failures among them (`schema.ResultRow`).
        path: its folder.
        provenance: None in folders of older versions.
        timing, batches, as_published, samples, lossy: further rows that have results; empty where
            the run has none.
        published: all published values (`published.published_values`).
        lossy_published: bpp and MS-SSIM of the CPM paper (`lossy.read_published`).
        manifests: data set -> its manifest; the training sets are among them.
        counterparts: data set -> the published one beside it, for those that have one.
        published_as: key -> name in the paper, for methods that are called otherwise here.
        cards: key of a learned method -> the card of its weights.
        trained_on: key of a model that was trained -> the data set.
    """

    attempts: pd.DataFrame
    path: Path = Path()
    provenance: Provenance | None = None
    timing: pd.DataFrame = field(default_factory=partial(frame, (), KINDS["timing"]))
    batches: pd.DataFrame = field(default_factory=partial(frame, (), KINDS["batches"]))
    as_published: pd.DataFrame = field(default_factory=partial(frame, (), KINDS["as_published"]))
    samples: pd.DataFrame = field(default_factory=partial(frame, (), KINDS["samples"]))
    lossy: pd.DataFrame = field(default_factory=partial(frame, (), KINDS["lossy"]))
    published: pd.DataFrame = field(default_factory=published_values)
    lossy_published: pd.DataFrame = field(default_factory=pd.DataFrame)
    manifests: Mapping[str, Sequence[ManifestRow]] = field(default_factory=dict)
    counterparts: Mapping[str, Counterpart] = field(default_factory=dict)
    published_as: Mapping[str, str] = field(default_factory=dict)
    cards: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    trained_on: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def rows(self) -> pd.DataFrame:
        """The attempts that have results."""
        return measured(self.attempts)

    @property
    def datasets(self) -> list[str]:
        """Keys of the measured data sets."""
        return list(self.attempts.dataset.unique())

    def labels(self) -> dict[str, str]:
        """Key of each method -> its label."""
        named = dict(zip(self.attempts.key, self.attempts.method, strict=True))
        return {key: str(card.get("name", key)) for key, card in self.cards.items()} | named

    def is_reference(self, key: str) -> bool:
        """Whether a method is L3C, whatever it was trained on."""
        return normalize(self.published_as.get(key, key)) == REFERENCE

    def is_papers(self, key: str) -> bool:
        """Whether a method is one of the paper: a codec, or a model whose network does not deviate.

        Only such a method's value may be compared with a published one in percent.
        """
        return self._is_of_its_family(key) and not self.deviation(key)

    def deviation(self, key: str) -> str:
        """How a network that is called as one of the paper, or of its family, differs from it."""
        named = normalize(self.published_as.get(key, key)) in _PAPERS
        lines = self.cards.get(key, {}).get("deviations", ())
        if not named and not self._is_of_its_family(key):
            return ""
        return "; ".join(line for line in lines if line.startswith(_NETWORK))

    def _is_of_its_family(self, key: str) -> bool:
        return self.cards.get(key, {}).get("family", REFERENCE) == REFERENCE

    def released_as(self, key: str) -> str:
        """Which of the authors' released weights a model has, "" for none."""
        return str(self.cards.get(key, {}).get("source", {}).get("released_as", ""))


def read_run(path: Path | str) -> Run:
    """The folder of a run; everything but `rows.csv` may be missing.

    Raises:
        RunFolderError, RowError, ProvenanceError: a file of it is missing or malformed.
    """
    folder, names = Path(path), ("rows", "timing", "lossy")
    files = {name: folder / f"{name}.csv" for name in names}
    if not files["rows"].is_file():
        what = "holds no rows.csv" if folder.is_dir() else "not a folder"
        raise RunFolderError(f"{path}: {what}; name a finished run, such as results/run")
    there = {name: read(each, KINDS[name]) for name, each in files.items() if each.is_file()}
    attempts, origin = there.pop("rows"), folder / "provenance.json"
    further: Any = {name: measured(table) for name, table in there.items()}
    if measured(attempts).empty:
        raise RunFolderError(f"{files['rows']}: has no rows; nothing was measured")
    try:
        check(attempts, ResultRow)
    except RowError as error:
        raise RowError(f"{files['rows']}: {error}") from None
    provenance = read_provenance(origin) if origin.is_file() else None
    return Run(attempts, folder, provenance, **further)


def open_run(run: str | Path) -> Run:
    """The folder, from the working directory or from the checkout of this package.

    Where there is none yet, the results that come with the checkout are opened instead.

    Raises:
        RunFolderError: neither has rows.
    """
    for path in (Path(run), _CHECKOUT / run, Path(_REFERENCE), _CHECKOUT / _REFERENCE):
        if (path / "rows.csv").is_file():
            return read_run(path)
    raise RunFolderError(f"{run}: no rows.csv: run the workflow first (snakemake --cores all)")
