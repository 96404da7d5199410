"""Every kind of row: its columns, types, units and key; read as DataFrames, and written.

A file of rows is CSV with the columns of its kind, which `rows.tsv` describes: a line for each
column with its kinds (with a star where it is part of the key, which no two rows have in common),
type (with a question mark where it may be empty), limits and description. Where a method failed on
an image, its row has a `reason` and leaves the columns of results empty; where it could not run at
all, it has one such row without an image.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from l3c.files import write_text
from l3c.messages import counted, listed

TOTAL = "total"
SLACK_S = 1e-6  # phases may exceed their total by so much: sums of rounded numbers
_REMEDY = "copy it again from its run, or delete it there and start the run again"
_TSV: Any = {"sep": "\t", "quoting": 3, "keep_default_na": False}
_COLUMNS = pd.read_csv(Path(__file__).with_name("rows.tsv"), **_TSV)
_COLUMNS = _COLUMNS.assign(kind=_COLUMNS.kinds.str.split()).explode("kind")
_TYPES: dict[str, Any] = {"str": str, "int": int, "float": float, "bool": bool}


class RowError(ValueError):
    """A file of rows is missing, malformed, or contradicts itself."""


class Row(BaseModel):
    """One row, with an attribute for each column of its kind.

    Attributes:
        KEY: columns that no two rows have in common.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    KEY: ClassVar[tuple[str, ...]] = ()

    if TYPE_CHECKING:  # columns are data

        def __init__(self, **columns: Any) -> None: ...
        def __getattr__(self, column: str) -> Any: ...


def rows_of(table: pd.DataFrame) -> Iterator[Any]:
    """The rows of a table, with a field for each column."""
    yield from table.itertuples()


KINDS: dict[str, type[Row]] = {}
"""Kinds of rows by the name of their file."""


def _kind(title: str, kind: str) -> type[Row]:
    own = _COLUMNS[_COLUMNS.kind.str.rstrip("*") == kind].set_index("column")
    fields: dict[str, Any] = {}
    for column in rows_of(own):
        limits: dict[str, Any] = dict(limit.split("=", 1) for limit in column.limit.split())
        for name in limits.keys() - {"pattern"}:
            limits[name] = int(limits[name])
        of_type: Any = _TYPES[column.type.rstrip("?")]
        default: Any = "" if of_type is str else None
        if not column.type.endswith("?"):
            default = ...
        elif of_type is not str:
            of_type = of_type | None
        fields[column.Index] = of_type, Field(default, description=column.description, **limits)
    made = create_model(title, __base__=Row, __module__=__name__, **fields)
    made.KEY = tuple(own.index[own.kind.str.endswith("*")])
    KINDS[kind] = made
    return made


ResultRow = _kind("ResultRow", "rows")
"""What one method did with one image. Sizes are of the whole file as written; seconds are measured
in the process after a warm-up."""
TimingRow = _kind("TimingRow", "timing")
"""How long one method took for one crop once, in all or in one phase, see `l3c.stopwatch`."""
FailedRow = _kind("FailedRow", "failed")
"""A method that failed on an image or a crop: an error, or not lossless; or one that is not there.
It is a row of results without these, and is in no mean."""
BatchRow = _kind("BatchRow", "batches")
"""How long a model took for one batch once."""
ChannelBits = _kind("ChannelBits", "bits")
"""Cost of one channel of one scale in the middle of one image."""
SampleRow = _kind("SampleRow", "samples")
"""One image of which some scales were sampled (L3C section 5.4)."""
AsPublished = _kind("AsPublished", "as_published")
"""The rate of an image under a model by the rules of the authors' release."""
LossyRow = _kind("LossyRow", "lossy")
"""What a lossy method did with one image at one operating point."""


def bits_per_subpixel(bits: Any, height: Any, width: Any) -> Any:
    """Bits over the 3 * height * width sub-pixels of an RGB image."""
    return bits / (3 * height * width)


def frame(rows: Iterable[Row], kind: type[Row]) -> pd.DataFrame:
    """Rows and failures of a kind as a table.

    Returns:
        The columns of the kind; integers and booleans are nullable where failures are among them.
    """
    table = pd.DataFrame([row.model_dump() for row in rows], columns=[*kind.model_fields])
    dtypes: dict[Any, Any] = {
        int: ("int64", "Int64"),
        bool: ("bool", "boolean"),
        str: ("object", "object"),
    }
    for name, field in kind.model_fields.items():
        plain, nullable = dtypes.get(field.annotation, ("float64", "float64"))
        table[name] = table[name].astype(nullable if table[name].isna().any() else plain)
    return table


def read(paths: Path | Iterable[Path], kind: type[Row]) -> pd.DataFrame:
    """Reads rows of a file, or of several, and checks each against its schema; failures, too.

    Raises:
        RowError: naming file, line, column and what is wrong.
    """
    files = [paths] if isinstance(paths, Path) else paths
    return frame((row for path in files for row in _validated(path, kind)), kind)


def _validated(path: Path, kind: type[Row]) -> Iterator[Row]:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except OSError as error:
        raise RowError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:  # empty, not UTF-8, or lines of different lengths
        raise RowError(f"{path}: not a CSV file ({error}); {_REMEDY}") from None
    names, expected = [*map(str, table)], [*kind.model_fields]
    if set(names) != set(expected):
        found, wanted = ",".join(names), ",".join(expected)
        raise RowError(f"{path}: the columns are {found}, expected {wanted}; {_REMEDY}")
    for number, cells in enumerate(table.to_dict("records"), start=2):
        of_row = FailedRow if cells.get("reason") else kind
        fields = of_row.model_fields
        known = {str(name): cell for name, cell in cells.items() if name in fields}
        given = {name: cell for name, cell in known.items() if cell or fields[name].is_required()}
        try:
            yield of_row.model_validate(given)
        except ValidationError as error:
            first = error.errors()[0]
            where = f"{path}, line {number}, {'.'.join(map(str, first['loc']))}"
            raise RowError(f"{where}: {first['msg']}; {_REMEDY}") from None


def measured(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that have results."""
    if "reason" not in table:
        return table
    rows = table[table.reason == ""]
    kinds = {"Int64": "int64", "boolean": "bool"}
    return rows.astype({n: kinds[str(d)] for n, d in rows.dtypes.items() if str(d) in kinds})


def failed(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of failures on an image or a crop."""
    return table[(table.reason != "") & (table.image != "")]


def write(path: Path, table: pd.DataFrame) -> None:
    """Writes a table as CSV, whole or not at all; floats keep every digit."""
    write_text(path, table.to_csv(index=False, lineterminator="\n"))


def check(table: pd.DataFrame, kind: type[Row]) -> None:
    """Checks rows of a kind against each other.

    Raises:
        RowError: for a repeated row; for results that are lossy, of other pixels than another
            method saw, or of two methods with one label; for phases without a total or longer.
    """
    rows = measured(table)
    problems = [(rows[rows.duplicated([*kind.KEY])], "is there twice; delete it in the run")]
    if kind is ResultRow:
        pixels = rows.groupby(["dataset", "image"]).pixel_sha256.transform("first")
        keys = rows.groupby("method").key.transform("first")
        bpsp = bits_per_subpixel(8 * rows.num_bytes, rows.height, rows.width)
        problems += [
            (rows[~rows.lossless.astype(bool)], "is marked as not lossless"),
            (rows[rows.pixel_sha256 != pixels], "other pixels than another method saw"),
            (rows[rows.key != keys], "another method has the same label"),
            (rows[(rows.bpsp / bpsp - 1).abs() > 1e-9], "bpsp does not fit num_bytes and size"),
        ]
    if kind is TimingRow:
        run = [name for name in kind.KEY if name not in ("phase", "scale")]
        phases = rows[rows.phase != TOTAL].groupby(run, as_index=False).seconds.sum()
        totals = rows.loc[rows.phase == TOTAL, [*run, "seconds"]]
        both = phases.merge(totals, on=run, how="left", suffixes=("", "_total"))
        longer = both[both.seconds > both.seconds_total + SLACK_S]
        problems.append((both[both.seconds_total.isna()], "phases without a total"))
        problems.append((longer, "phases exceed the total"))
    for bad, why in problems:
        if len(bad):
            first = bad.iloc[0]
            named = ", ".join(f"{name} {first[name]}" for name in kind.KEY if name in bad)
            raise RowError(f"{named}: {why}")


def failure_texts(table: pd.DataFrame) -> dict[tuple[str, str], str]:
    """Data set and key of each method that has no result of an image -> of which, and why.

    Args:
        table: rows of images, failures among them.
    """
    texts = {}
    for (dataset, key), rows in table.groupby(["dataset", "key"], sort=False):
        lost = failed(rows)
        named = listed([*(lost.image + ": " + lost.reason)], " in rows.csv", "; ")
        if len(lost):
            of = f"failed on {len(lost)} of {counted(len(rows), 'image')}"
            texts[str(dataset), str(key)] = f"{of}: {named}"
        elif len(rows) and not rows.image.iloc[0]:
            texts[str(dataset), str(key)] = f"not measured: {rows.reason.iloc[0]}"
    return texts
