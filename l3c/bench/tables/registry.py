"""The tables of a run by name. A new one is a function below `@table`: the workflow finds it.

@table("largest", "The largest files", formats=("md", "csv"))
def largest(run: Run) -> Table:
rows = run.rows.nlargest(10, "num_bytes")
return Table("The largest files", [Section("", rows[["method", "image"]], left=2)], rows)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from l3c.bench.run import Run
from l3c.bench.tables.layout import Table, latex, markdown
from l3c.whole_files import write_text


@dataclass(frozen=True)
class TableSpec:
    """A table and what the workflow has to know of it.

    Attributes:
        name: of its files, below tables/.
        title: in lists of results.
        formats: its files' endings, among md, csv and tex.
        learned: only runs with models of their own have it.
        make: the function.
    """

    name: str
    title: str
    formats: tuple[str, ...]
    learned: bool
    make: Callable[[Run], Table]

    def files(self) -> list[str]:
        """Names below tables/."""
        return [f"{self.name}.{form}" for form in self.formats]


TABLES: dict[str, TableSpec] = {}


def table(
    name: str, title: str, formats: tuple[str, ...] = ("md", "csv", "tex"), learned: bool = False
) -> Callable[[Callable[[Run], Table]], Callable[[Run], Table]]:
    """Registers a function that makes a table of a run; see `TableSpec` for the arguments."""

    def register(make: Callable[[Run], Table]) -> Callable[[Run], Table]:
        TABLES[name] = TableSpec(name, title, formats, learned, make)
        return make

    return register


def write_table(spec: TableSpec, run: Run, folder: Path, stamp: str, made_from: str) -> None:
    """Writes the files of a table below a folder; the same run gives the same bytes.

    Args:
        spec: the table.
        run: what it is made of.
        folder: tables/ of the run.
        stamp: provenance of the run, in a line.
        made_from: the same as a short id, the last column of the CSV.
    """
    made = spec.make(run)
    for form in spec.formats:
        if form == "md":
            text = markdown(made, stamp)
        elif form == "tex":
            text = latex(made, spec.name.replace("/", "-"), stamp)
        else:
            text = made.data.assign(provenance=made_from).to_csv(index=False, lineterminator="\n")
        write_text(folder / f"{spec.name}.{form}", text)
