"""The folder of a run, or a copy such as results/reference: what it measured, and from what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from l3c.bench.checks import check
from l3c.bench.measure.provenance import Provenance, read_provenance
from l3c.bench.schema import ResultRow, RowError, TimingRow, frame, measured, read
from l3c.data.manifest import MANIFEST, manifest_sha256

_CHECKOUT = Path(__file__).parents[2]
_REFERENCE = "results/reference"


class RunFolderError(ValueError):
    """A folder is not one of a run, or what it holds cannot be read."""


class RunFolder:
    """The folder of a run; everything but `rows.csv` may be missing.

    Attributes:
        path: of the folder.

    Raises:
        RunFolderError, RowError, DatasetError, ProvenanceError: a file of it is missing or
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

    @cached_property
    def timing(self) -> pd.DataFrame:
        """Of crops, by method and setting; empty where nothing was clocked."""
        path = self.path / "timing.csv"
        return measured(read(path, TimingRow) if path.is_file() else frame([], TimingRow))

    @cached_property
    def provenance(self) -> Provenance | None:
        """None in folders of older versions."""
        path = self.path / "provenance.json"
        return read_provenance(path) if path.is_file() else None

    @cached_property
    def cards(self) -> dict[str, Mapping[str, Any]]:
        """Key of a model -> its card; empty where only results were copied."""
        return {path.stem: _read_card(path) for path in sorted(self.path.glob("models/*.json"))}

    @cached_property
    def manifests(self) -> dict[str, str]:
        """Data set -> SHA-256 over the pixels of its kept images; empty likewise."""
        paths = sorted(self.path.glob(f"data/*/{MANIFEST}"))
        return {path.parent.name: manifest_sha256(path) for path in paths}


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


def _read_card(path: Path) -> Mapping[str, Any]:
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        return {**card}
    except (OSError, ValueError, TypeError) as error:
        raise RunFolderError(
            f"{path}: not a model's card ({error}); copy it again, or remove it to compare without"
        ) from None
