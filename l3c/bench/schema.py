"""Every kind of row: its columns, types, units and key; read as DataFrames, and written.

A file of rows is CSV with the columns of its kind. Where a method failed on an image, its row has a
`reason` and leaves the columns of results empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

import pandas as pd
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from l3c.whole_files import write_text

TOTAL = "total"
_REMEDY = "copy it again from its run, or delete it there and start the run again"
_LATER = {"reason", "other_load"}  # columns that older files lack
_RENAMED = {"bits_theory": "cross_entropy_bits", "stage": "phase"}  # in older files
_LAST = ("settings", "version", "hardware", "environment", "reason")  # long texts

_Empty = BeforeValidator(lambda cell: None if cell == "" else cell)
_Dataset = Annotated[
    str, Field(min_length=1, description="key of the data set in the configuration")
]
_Method = Annotated[str, Field(min_length=1, description="label of the method")]
_Key = Annotated[str, Field(pattern=r"^[a-z0-9_]+$", description="key of the method")]
_Model = Annotated[str, Field(min_length=1, description="key of the model")]
_Image = Annotated[
    str, Field(min_length=1, description="name of the image in its manifest, or of the crop")
]
_Pixels = Annotated[int, Field(ge=1, description="pixels, unpadded")]
_Threads = Annotated[int, Field(ge=1, description="threads the method was given")]
_Device = Annotated[Literal["cpu", "cuda"], Field(description="device of the network: cpu or cuda")]
_DeviceName = Annotated[str, Field(description="name that the device reports")]
_Hardware = Annotated[str, Field(description="processor, cores, memory")]
_Environment = Annotated[str, Field(description="versions of Python and the numerical libraries")]
_Load = Annotated[
    float | None,
    Field(ge=0, le=1, description="share of the cores that other programs kept busy meanwhile"),
    _Empty,
]
_Run = Annotated[int, Field(ge=0, description="number of the run, from 0 after the warm-up")]
_InProcess = Annotated[
    bool, Field(description="false: an external program; times include file I/O")
]
_NumBytes = Annotated[int, Field(ge=1, description="bytes of the whole file, header included")]
_NoReason = Annotated[
    Literal[""], Field(description="why the method failed; rows with a reason have no results")
]


class RowError(ValueError):
    """A file of rows is missing, malformed, or contradicts itself."""


class Row(BaseModel):
    """One row.

    Attributes:
        KEY: columns that no two rows have in common.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    KEY: ClassVar[tuple[str, ...]] = ()


AnyRow = TypeVar("AnyRow", bound=Row)


class _Attempt(Row):
    """A method and the image or crop that it was given."""

    dataset: _Dataset
    method: _Method
    key: _Key
    image: _Image
    height: _Pixels
    width: _Pixels
    threads: _Threads
    settings: str = Field(description="settings of the method")
    version: str = Field(description="library and version")
    hardware: _Hardware
    environment: _Environment


class FailedRow(_Attempt):
    """A method that failed on an image or a crop: it raised an error, or is not lossless.

    It is a row without the columns of results, and is in no mean.
    """

    reason: str = Field(min_length=1, description="why it failed, in one line")


class ResultRow(_Attempt):
    """What one method did with one image.

    Sizes are of the whole file as written; seconds are measured in the process after a warm-up.
    """

    KEY = ("dataset", "key", "image")

    num_bytes: _NumBytes
    bpsp: float = Field(
        gt=0, description="bits per sub-pixel, 8 * num_bytes / (3 * height * width)"
    )
    cross_entropy_bits: Annotated[float | None, _Empty] = Field(
        None, gt=0, description="bits: cross-entropy under the method's model; empty for classical"
    )
    encode_s: float = Field(ge=0, description="seconds, image in memory to bytes in memory")
    decode_s: float = Field(ge=0, description="seconds, bytes in memory to image in memory")
    lossless: bool = Field(description="the decoded pixels equal the original's")
    in_process: _InProcess
    stream: str = Field(min_length=1, description="the file, relative to the run's folder")
    pixel_sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="hash of the image's pixels")
    other_load: _Load = None
    reason: _NoReason = ""

    @model_validator(mode="after")
    def _bpsp_fits(self) -> ResultRow:
        expected = bits_per_subpixel(8 * self.num_bytes, self.height, self.width)
        if abs(self.bpsp - expected) > 1e-9 * expected:
            raise ValueError(
                f"bpsp is {self.bpsp}, but num_bytes, height and width give {expected}"
            )
        return self


class TimingRow(_Attempt):
    """How long one method took for one crop once, in all or in one phase.

    Phases are there for learned methods, see `l3c.stopwatch`. "coder" is the range coder with the
    CDFs that it evaluates; "range_coder" is that of the coarsest scale, whose CDF is given.
    """

    KEY = ("dataset", "key", "device", "threads", "image", "direction", "run", "phase", "scale")

    device: _Device
    device_name: _DeviceName
    direction: Literal["encode", "decode"]
    phase: Literal["total", "network", "coder", "range_coder", "container"]
    scale: str = Field(pattern=r"^(x|z[1-9])?$", description="of the phase; empty for all together")
    run: _Run
    seconds: float = Field(ge=0, description="from memory to memory")
    num_bytes: _NumBytes
    in_process: _InProcess
    peak_mib: Annotated[float | None, _Empty] = Field(
        None, gt=0, description="MiB: peak memory of the process, or of the tensors on the GPU"
    )
    other_load: _Load = None
    reason: _NoReason = ""


class BatchRow(Row):
    """How long a model took for one batch once.

    Images are sampled all together. Each is encoded into a file of its own; a network in integers
    predicts them together, see `TileCodec.encode_batch`.
    """

    KEY = ("key", "device", "threads", "side", "batch", "operation", "run")

    key: _Key
    method: _Method
    device: _Device
    device_name: _DeviceName
    threads: _Threads
    side: int = Field(ge=1, description="pixels: height and width of each image")
    batch: int = Field(ge=1, description="images")
    operation: Literal["sample", "encode", "decode"]
    run: _Run
    seconds: float = Field(gt=0, description="of the whole batch")
    other_load: _Load = None
    hardware: _Hardware
    environment: _Environment


class _OfModel(Row):
    """A model and an image."""

    dataset: _Dataset
    model: _Model
    image: _Image
    height: _Pixels
    width: _Pixels


class ChannelBits(_OfModel):
    """Cost of one channel of one scale in the middle of one image."""

    KEY = ("dataset", "model", "image", "scale", "channel")

    scale: str = Field(min_length=1, description="or another part, as its family names it")
    channel: str = Field(
        pattern=r"^([RGB]|[1-9][0-9]*)$", description="a number for those of a learned bottleneck"
    )
    bits: float = Field(
        ge=0, description="cross-entropy of its symbols; of the coarsest scale's, equally likely"
    )


class SampleRow(_OfModel):
    """One image of which some scales were sampled (L3C section 5.4)."""

    KEY = ("dataset", "model", "image", "sampled")

    sampled: str = Field(description='"x" or "x z1", ...; empty for the photograph itself')
    stored: str = Field(description='scales that they were sampled given, as "z1 z2 z3"')
    bpsp: float = Field(gt=0, description="bits per sub-pixel: cross-entropy of what is stored")
    uniform_bpsp: float = Field(
        gt=0, description="of z^(S) alone: C log2(L) / (3 * 4^S) where 2^S divides H and W"
    )
    file: str = Field(min_length=1, description="the PNG, in the folder of the samples")


class AsPublished(_OfModel):
    """The rate of an image under a model by the rules of the authors' release."""

    KEY = ("dataset", "model", "image")

    crops: int = Field(ge=1, description="parts that the image was cut into")
    bits: float = Field(ge=0, description="cross-entropy of all parts with their padding")
    bpsp: float = Field(ge=0, description="bits over the sub-pixels of the image")


class IntegerCost(Row):
    """Bytes and seconds of both networks of a model, sums over images, of one scale."""

    KEY = ("dataset", "model", "scale")

    dataset: _Dataset
    model: _Model
    scale: str = Field(pattern=r"^(x|z[1-9]|total)$", description="scale of the coded symbols")
    images: int = Field(ge=1, description="how many")
    float_bytes: int = Field(ge=0, description="of the streams of that scale, float network")
    integer_bytes: int = Field(ge=0, description="the same, integer network")
    float_s: float = Field(
        ge=0, description="seconds to predict its parameters, medians over runs that take turns"
    )
    integer_s: float = Field(ge=0, description="the same, integer network")
    hardware: _Hardware
    environment: _Environment


class MethodRecord(BaseModel):
    """Whether and how a method was measured on a data set; a JSON file beside its rows."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: str
    key: str
    method: str
    measured: bool
    reason: str = Field(description="why it was not measured, empty otherwise")
    settings: str
    version: str


def bits_per_subpixel(bits: float, height: int, width: int) -> float:
    """Bits over the 3 * height * width sub-pixels of an RGB image."""
    return bits / (3 * height * width)


def columns(kind: type[Row]) -> list[str]:
    """Columns of the CSV of a kind, long texts last."""
    return sorted(kind.model_fields, key=lambda name: _LAST.index(name) if name in _LAST else -1)


def frame(rows: Iterable[Row], kind: type[Row]) -> pd.DataFrame:
    """Rows and failures of a kind as a table.

    Returns:
        The columns of the kind; integers and booleans are nullable where failures are among them.
    """
    table = pd.DataFrame([row.model_dump() for row in rows], columns=columns(kind))
    return table.astype(
        {name: _dtype(field.annotation, table[name]) for name, field in kind.model_fields.items()}
    )


def _dtype(annotation: Any, column: pd.Series) -> str:
    if annotation is bool:
        return "boolean" if column.isna().any() else "bool"
    if annotation is int:
        return "Int64" if column.isna().any() else "int64"
    return "float64" if annotation in (float, float | None) else "object"


def read(path: Path, kind: type[Row]) -> pd.DataFrame:
    """Reads rows and checks each against its schema; failures are among them.

    Raises:
        RowError: naming file, line, column and what is wrong.
    """
    return read_all([path], kind)


def read_all(paths: Iterable[Path], kind: type[Row]) -> pd.DataFrame:
    """The rows of several files, as `read`; an empty table of none."""
    return frame((row for path in paths for row in _validated(path, kind)), kind)


def read_rows(path: Path, kind: type[AnyRow]) -> list[AnyRow]:
    """The rows that have results, as objects.

    Raises:
        RowError: naming file, line, column and what is wrong.
    """
    return [row for row in _validated(path, kind) if isinstance(row, kind)]


def _validated(path: Path, kind: type[AnyRow]) -> Iterator[AnyRow | FailedRow]:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False).rename(columns=_RENAMED)
    except OSError as error:
        raise RowError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:  # empty, not UTF-8, or lines of different lengths
        raise RowError(f"{path}: not a CSV file ({error}); {_REMEDY}") from None
    expected = columns(kind)
    names: list[str] = [*table]
    if set(names) - set(expected) or set(expected) - set(names) - _LATER:
        found = ",".join(names)
        raise RowError(f"{path}: the columns are {found}, expected {','.join(expected)}; {_REMEDY}")
    for number, cells in enumerate(table.to_dict("records"), start=2):
        failure = {str(name): cells[name] for name in FailedRow.model_fields if name in cells}
        try:
            if failure.get("reason"):
                yield FailedRow.model_validate(failure)
            else:
                yield kind.model_validate(cells)
        except ValidationError as error:
            first = error.errors()[0]
            column = ".".join(map(str, first["loc"])) or "row"
            where = f"{path}, line {number}, {column}"
            raise RowError(f"{where}: {first['msg']}; {_REMEDY}") from None


def measured(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that have results."""
    if "reason" not in table:
        return table
    rows = table[table.reason == ""]
    kinds = {"Int64": "int64", "boolean": "bool"}
    return rows.astype({n: kinds[str(d)] for n, d in rows.dtypes.items() if str(d) in kinds})


def failed(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of failures."""
    return table[table.reason != ""]


def rows_of(table: pd.DataFrame) -> Iterator[Any]:
    """The rows of a table, with a field for each column."""
    yield from table.itertuples()


def write(path: Path, table: pd.DataFrame) -> None:
    """Writes a table as CSV, whole or not at all; floats keep every digit."""
    write_text(path, table.to_csv(index=False, lineterminator="\n"))


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
