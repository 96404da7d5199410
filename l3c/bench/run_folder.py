"""The folder of a run, or a copy such as results/reference: what it measured, and from what."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import pandas as pd

from l3c.bench.checks import check
from l3c.bench.measure.provenance import Provenance, read_provenance
from l3c.bench.schema import ResultRow, RowError, TimingRow, frame, measured, read

_CHECKOUT = Path(__file__).parents[2]
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
