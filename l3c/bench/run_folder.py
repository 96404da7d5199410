"""What a run has left, for notebooks: rows, tables, figures."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import pandas as pd

from l3c.bench.schema import ResultRow, RowError, measured, read

_CHECKOUT = Path(__file__).parents[2]
_REFERENCE = "results/reference"


class RunFolder:
    """The folder of a run.

    Attributes:
        path: of the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def rows(self) -> pd.DataFrame:
        """One for each data set, method and image, see `l3c.bench.schema.ResultRow`."""
        return measured(read(self.path / "rows.csv", ResultRow))

    @property
    def learned(self) -> list[str]:
        """Keys of the learned methods."""
        return list(dict.fromkeys(self.rows.key[self.rows.cross_entropy_bits.notna()]))

    def tables(self) -> dict[str, str]:
        """Name -> Markdown text of every table, by name.

        Of a folder that has a page of its own name, which holds all its tables, that page alone.
        """
        folder = self.path / "tables"
        pages = sorted(folder.rglob("*.md"))
        return {
            path.relative_to(folder).with_suffix("").as_posix(): path.read_text(encoding="utf-8")
            for path in pages
            if path.stem == path.parent.name or path.with_stem(path.parent.name) not in pages
        }

    def figures(self) -> dict[str, Path]:
        """Name -> PNG file of every figure, by name."""
        return {path.stem: path for path in sorted((self.path / "figures").glob("*.png"))}


def open_run(run: str | Path) -> RunFolder:
    """The folder, from the working directory or from the checkout of this package.

    Where there is none yet, the results that come with the checkout stand in.

    Raises:
        RowError: neither has rows.
    """
    named = Path(run)
    candidates = [named, _CHECKOUT / named, Path(_REFERENCE), _CHECKOUT / _REFERENCE]
    for path in candidates:
        if (path / "rows.csv").is_file():
            return RunFolder(path)
    raise RowError(f"{named}: no rows.csv there: run the workflow first (snakemake --cores all)")
