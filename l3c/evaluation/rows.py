"""Result rows, one per data set, method and image: columns, types, units; reading, writing."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from l3c.whole_files import write_whole

Row = TypeVar("Row", bound=BaseModel)
MaybeFloat = Annotated[float | None, BeforeValidator(lambda cell: None if cell == "" else cell)]
"""None is an empty cell."""

_REMEDY = "copy it again from its run, or delete it there and start the run again"


class RowError(ValueError):
    """A file of rows is missing, malformed, or contradicts itself."""


class ResultRow(BaseModel):
    """What one method did with one image.

    Sizes are of the whole file as written; seconds are measured in the process after a warm-up.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str = Field(min_length=1, description="key of the data set in the configuration")
    method: str = Field(min_length=1, description="label of the method")
    key: str = Field(pattern=r"^[a-z0-9_]+$", description="key of the method")
    image: str = Field(min_length=1, description="name of the image in its manifest")
    height: int = Field(ge=1, description="pixels, unpadded")
    width: int = Field(ge=1, description="pixels, unpadded")
    num_bytes: int = Field(ge=1, description="bytes of the file, header included")
    bpsp: float = Field(
        gt=0, description="bits per sub-pixel, 8 * num_bytes / (3 * height * width)"
    )
    bits_theory: MaybeFloat = Field(
        None, gt=0, description="bits: cross-entropy under the method's model; empty for classical"
    )
    encode_s: float = Field(ge=0, description="seconds, image in memory to bytes in memory")
    decode_s: float = Field(ge=0, description="seconds, bytes in memory to image in memory")
    lossless: bool = Field(description="the decoded pixels equal the original's")
    in_process: bool = Field(
        description="false: an external program does it, times include the way to it"
    )
    settings: str = Field(description="settings of the method")
    version: str = Field(description="library and version")
    stream: str = Field(min_length=1, description="the file, relative to the run's folder")
    pixel_sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="hash of the image's pixels")
    threads: int = Field(ge=1, description="threads the method was given")
    hardware: str = Field(description="processor, cores, memory")
    environment: str = Field(description="versions of Python and the numerical libraries")
    other_load: MaybeFloat = Field(
        None, ge=0, le=1, description="share of the cores that other programs kept busy meanwhile"
    )
    reason: Literal[""] = Field(
        "", description="why the method failed on the image; rows with a reason have no results"
    )

    @model_validator(mode="after")
    def _bpsp_fits(self) -> ResultRow:
        expected = bits_per_subpixel(8 * self.num_bytes, self.height, self.width)
        if abs(self.bpsp - expected) > 1e-9 * expected:
            raise ValueError(
                f"bpsp is {self.bpsp}, but num_bytes, height and width give {expected}"
            )
        return self


class FailedRow(BaseModel):
    """A method that failed on an image: it raised an error, or is not lossless.

    Stands among the rows of the others, whose remaining columns it leaves empty, and is in no mean.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str = Field(min_length=1)
    method: str = Field(min_length=1)
    key: str = Field(pattern=r"^[a-z0-9_]+$")
    image: str = Field(min_length=1)
    height: int = Field(ge=1)
    width: int = Field(ge=1)
    settings: str
    version: str
    threads: int = Field(ge=1)
    hardware: str
    environment: str
    reason: str = Field(min_length=1, description="why it failed, in one line")


COLUMNS = tuple(ResultRow.model_fields)
NAMED_FAILURES = 5  # of a method on a data set, where a text names them
_REASON = "reason"  # the last column, where failures may stand among the rows
_LATER = {_REASON, "other_load"}  # columns that older files lack


def bits_per_subpixel(bits: float, height: int, width: int) -> float:
    """Bits over the 3 * height * width sub-pixels of an RGB image."""
    return bits / (3 * height * width)


def write_rows(path: Path, rows: Iterable[ResultRow], failed: Iterable[FailedRow] = ()) -> None:
    """Writes rows as CSV, whole or not at all; floats keep every digit."""
    write_csv(path, ResultRow, rows, failed)


def read_rows(path: Path) -> list[ResultRow]:
    """Reads rows and checks each against the schema; failures are left out (`read_failed`).

    Raises:
        RowError: naming file, line, column and what is wrong.
    """
    return read_csv(path, ResultRow)


def write_csv(
    path: Path, kind: type[Row], rows: Iterable[Row], failed: Iterable[FailedRow] = ()
) -> None:
    """Writes rows of any kind as CSV, whole or not at all; floats keep every digit.

    Args:
        path: of the file.
        kind: of the rows; with failures, one that has all their columns.
        rows: come first.
        failed: come after them.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, tuple(kind.model_fields), lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.model_dump() for row in rows)
    writer.writerows(row.model_dump() for row in failed)
    write_text(path, text.getvalue())


def read_csv(path: Path, kind: type[Row]) -> list[Row]:
    """Reads rows of any kind and checks each against its schema; failures are left out.

    Raises:
        RowError: naming file, line, column and what is wrong.
    """
    lines = _read_lines(path, kind)
    return [_validated(path, n, kind, line) for n, line in lines if not line.get(_REASON)]


def read_failed(path: Path, kind: type[BaseModel] = ResultRow) -> list[FailedRow]:
    """The failures among rows of a kind.

    Raises:
        RowError: naming file, line, column and what is wrong.
    """
    return [
        _validated(path, n, FailedRow, {name: line[name] for name in FailedRow.model_fields})
        for n, line in _read_lines(path, kind)
        if line.get(_REASON)
    ]


def _read_lines(path: Path, kind: type[BaseModel]) -> list[tuple[int, dict[str, str]]]:
    """Number of each line and its cells by column."""
    columns = tuple(kind.model_fields)
    try:
        text = path.read_bytes().decode("utf-8")
    except OSError as error:
        raise RowError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise RowError(f"{path}: not a text in UTF-8; {_REMEDY}") from None
    if not text:
        raise RowError(f"{path}: empty; {_REMEDY}")
    reader = csv.DictReader(io.StringIO(text, newline=""))
    found = tuple(reader.fieldnames or ())
    if found != tuple(name for name in columns if name in found or name not in _LATER):
        raise RowError(
            f"{path}: the columns are {','.join(found)}, expected {','.join(columns)}; {_REMEDY}"
        )
    return [(reader.line_num, line) for line in reader]


def _validated(path: Path, number: int, kind: type[Row], line: Mapping[str, object]) -> Row:
    try:
        return kind.model_validate(line)
    except ValidationError as error:
        first = error.errors()[0]
        column = ".".join(map(str, first["loc"])) or "row"
        where = f"{path}, line {number}, {column}"
        raise RowError(f"{where}: {first['msg']}; {_REMEDY}") from None


def check_rows(rows: Iterable[ResultRow]) -> None:
    """Checks rows against each other.

    Raises:
        RowError: for a repeated row, a lossy row, methods that did not see the same pixels, or
            two methods with one label.
    """
    seen: set[tuple[str, str, str]] = set()
    labels: dict[str, str] = {}
    pixels: dict[tuple[str, str], ResultRow] = {}
    for row in rows:
        what = f"method {row.key}, image {row.image} of {row.dataset}"
        if (row.dataset, row.key, row.image) in seen:
            raise RowError(f"{what}: measured twice; delete the rows folder of the run")
        seen.add((row.dataset, row.key, row.image))
        if not row.lossless:
            raise RowError(f"{what}: is marked as not lossless; measure it again")
        first = pixels.setdefault((row.dataset, row.image), row)
        if row.pixel_sha256 != first.pixel_sha256:
            raise RowError(f"{what}: other pixels than method {first.key} saw; measure both again")
        if labels.setdefault(row.method, row.key) != row.key:
            raise RowError(f"{what}: method {labels[row.method]} is called {row.method} too")


def failure_text(failed: Sequence[FailedRow], measured: int, what: str = "image") -> str:
    """On which of its images a method failed, and why; "" if on none.

    Args:
        failed: of one method on one data set.
        measured: on how many others it did not fail.
        what: they are.
    """
    if not failed:
        return ""
    total = len(failed) + measured
    named = "; ".join(f"{row.image}: {row.reason}" for row in failed[:NAMED_FAILURES])
    more = len(failed) - NAMED_FAILURES
    rest = f"; and {more} more in rows.csv" if more > 0 else ""
    return f"failed on {len(failed)} of {total} {what}{'' if total == 1 else 's'}: {named}{rest}"


def failure_texts(
    failed: Sequence[FailedRow], rows: Sequence[ResultRow]
) -> dict[tuple[str, str], str]:
    """Data set and key of each method that failed -> on which images, and why."""
    texts = {}
    for of in dict.fromkeys((row.dataset, row.key) for row in failed):
        failures = [row for row in failed if (row.dataset, row.key) == of]
        texts[of] = failure_text(failures, sum((row.dataset, row.key) == of for row in rows))
    return texts


class MethodRecord(BaseModel):
    """Whether and how a method was measured on a data set; stands beside its rows, as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    key: str
    method: str
    measured: bool
    reason: str = Field(description="why it was not measured, empty otherwise")
    settings: str
    version: str


def write_record(path: Path, record: MethodRecord) -> None:
    """Writes the record, whole or not at all."""
    write_text(path, record.model_dump_json(indent=2) + "\n")


def read_record(path: Path) -> MethodRecord:
    """Reads a record.

    Raises:
        RowError: naming the file.
    """
    try:
        return MethodRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValidationError) as error:
        raise RowError(f"{path}: {error}") from None


def write_text(path: Path, text: str) -> None:
    """Writes a text that appears whole or not at all."""
    write_whole(path, text.encode("utf-8"))
