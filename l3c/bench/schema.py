"""Every kind of row: its columns, types, units and key; read as DataFrames, and written.

A file of rows is CSV with the columns of its kind. Where a method failed on an image, its row has a
`reason` and leaves the columns of results empty.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

import pandas as pd
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from l3c.whole_files import write_text

TOTAL = "total"
_REMEDY = "copy it again from its run, or delete it there and start the run again"


class RowError(ValueError):
    """A file of rows is missing, malformed, or contradicts itself."""


class Row(BaseModel):
    """One row.

    Attributes:
        KEY: columns that no two rows have in common.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    KEY: ClassVar[tuple[str, ...]] = ()


def _empty_is_none(cell: object) -> object:
    return None if cell == "" else cell


AnyRow = TypeVar("AnyRow", bound=Row)
_Key = Annotated[str, Field(pattern=r"^[a-z0-9_]+$", description="key of the method")]
_Optional = Annotated[float | None, BeforeValidator(_empty_is_none)]
_Dataset = Annotated[
    str, Field(min_length=1, description="key of the data set in the configuration")
]
_Method = Annotated[str, Field(min_length=1, description="label of the method")]
_Model = Annotated[str, Field(min_length=1, description="key of the model")]
_Pixels = Annotated[int, Field(ge=1, description="pixels, unpadded")]
_Part = Annotated[int, Field(ge=1, description="pixels of what was taken of it")]
_Threads = Annotated[int, Field(ge=1, description="threads the method was given")]
_Device = Annotated[Literal["cpu", "cuda"], Field(description="what computes")]
_DeviceName = Annotated[str, Field(description="as it names itself")]
_Settings = Annotated[str, Field(description="settings of the method")]
_Version = Annotated[str, Field(description="library and version")]
_Hardware = Annotated[str, Field(description="processor, cores, memory")]
_Environment = Annotated[str, Field(description="versions of Python and the numerical libraries")]
_Load = Annotated[
    float | None,
    Field(ge=0, le=1, description="share of the cores that other programs kept busy meanwhile"),
    BeforeValidator(_empty_is_none),
]
_Run = Annotated[int, Field(ge=0, description="counted from 0 after the warm-up")]


class ResultRow(Row):
    """What one method did with one image.

    Sizes are of the whole file as written; seconds are measured in the process after a warm-up.
    """

    KEY = ("dataset", "key", "image")

    dataset: _Dataset
    method: _Method
    key: _Key
    image: str = Field(min_length=1, description="name of the image in its manifest")
    height: _Pixels
    width: _Pixels
    num_bytes: int = Field(ge=1, description="bytes of the file, header included")
    bpsp: float = Field(
        gt=0, description="bits per sub-pixel, 8 * num_bytes / (3 * height * width)"
    )
    bits_theory: _Optional = Field(
        None, gt=0, description="bits: cross-entropy under the method's model; empty for classical"
    )
    encode_s: float = Field(ge=0, description="seconds, image in memory to bytes in memory")
    decode_s: float = Field(ge=0, description="seconds, bytes in memory to image in memory")
    lossless: bool = Field(description="the decoded pixels equal the original's")
    in_process: bool = Field(description="false: an external program; times include file I/O")
    settings: _Settings
    version: _Version
    stream: str = Field(min_length=1, description="the file, relative to the run's folder")
    pixel_sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="hash of the image's pixels")
    threads: _Threads
    hardware: _Hardware
    environment: _Environment
    other_load: _Load = None
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


class FailedRow(Row):
    """A method that failed on an image or a crop: it raised an error, or is not lossless.

    It is a row without the columns of results, and is in no mean.
    """

    dataset: _Dataset
    method: _Method
    key: _Key
    image: str = Field(min_length=1)
    height: _Pixels
    width: _Pixels
    settings: _Settings
    version: _Version
    threads: _Threads
    hardware: _Hardware
    environment: _Environment
    reason: str = Field(min_length=1, description="why it failed, in one line")


class TimingRow(Row):
    """How long one method took for one crop once, in all or in one stage.

    Stages are there for learned methods, see `l3c.stopwatch`. "coder" is the range coder with the
    CDFs that it evaluates; "range_coder" is that of the coarsest scale, whose CDF is given.
    """

    KEY = ("dataset", "key", "device", "threads", "image", "direction", "run", "stage", "scale")

    dataset: _Dataset
    method: _Method
    key: _Key
    device: _Device
    device_name: _DeviceName
    threads: _Threads
    image: str = Field(min_length=1, description="name of the crop, see l3c.bench.measure.crops")
    height: _Pixels
    width: _Pixels
    direction: Literal["encode", "decode"]
    stage: Literal["total", "network", "coder", "range_coder", "container"]
    scale: str = Field(pattern=r"^(x|z[1-9])?$", description="of the stage; empty for all together")
    run: _Run
    seconds: float = Field(ge=0, description="from memory to memory")
    num_bytes: int = Field(ge=1, description="bytes of the whole file")
    in_process: bool = Field(description="false: an external program does it")
    peak_mib: _Optional = Field(
        None, gt=0, description="MiB: peak memory of the process, or of the tensors on the GPU"
    )
    other_load: _Load = None
    settings: _Settings
    version: _Version
    hardware: _Hardware
    environment: _Environment
    reason: Literal[""] = Field(
        "", description="why the method failed on the crop; rows with a reason have no times"
    )


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


class ChannelBits(Row):
    """What one channel of one scale costs in one image."""

    KEY = ("dataset", "model", "image", "scale", "channel")

    dataset: _Dataset
    model: _Model
    image: str = Field(min_length=1, description="its name")
    height: _Part
    width: _Part
    scale: str = Field(min_length=1, description="or another part, as its family names it")
    channel: str = Field(
        pattern=r"^([RGB]|[1-9][0-9]*)$", description="a number for those of a learned bottleneck"
    )
    bits: float = Field(
        ge=0, description="cross-entropy of its symbols; of the coarsest scale's, equally likely"
    )


class SampleRow(Row):
    """One image of which some scales were sampled (L3C section 5.4)."""

    KEY = ("dataset", "model", "image", "sampled")

    dataset: _Dataset
    model: _Model
    image: str = Field(min_length=1, description="name of the photograph")
    height: _Part
    width: _Part
    sampled: str = Field(description='"x" or "x z1", ...; empty for the photograph itself')
    stored: str = Field(description='scales that they were sampled given, as "z1 z2 z3"')
    bpsp: float = Field(gt=0, description="bits per sub-pixel: cross-entropy of what is stored")
    uniform_bpsp: float = Field(
        gt=0, description="of z^(S) alone: C log2(L) / (3 * 4^S) where 2^S divides H and W"
    )
    file: str = Field(min_length=1, description="the PNG, in the folder of the samples")


class AsPublished(Row):
    """The rate of an image under a model by the rules of the authors' release."""

    KEY = ("dataset", "model", "image")

    dataset: _Dataset
    model: _Model
    image: str = Field(min_length=1, description="name of the image in its manifest")
    height: _Pixels
    width: _Pixels
    crops: int = Field(ge=1, description="parts that the image was cut into")
    bits: float = Field(ge=0, description="cross-entropy of all parts with their padding")
    bpsp: float = Field(ge=0, description="bits over the sub-pixels of the image")


class IntegerCost(Row):
    """Bytes and seconds of both networks of a model, sums over images, of one scale."""

    KEY = ("dataset", "model", "scale")

    dataset: _Dataset
    model: _Model
    scale: str = Field(pattern=r"^(x|z[1-9]|total)$", description="whose symbols are coded")
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


def frame(rows: Iterable[Row], kind: type[Row]) -> pd.DataFrame:
    """Rows and failures of a kind as a table.

    Returns:
        The columns of the kind; integers and booleans are nullable where failures are among them.
    """
    table = pd.DataFrame([row.model_dump() for row in rows], columns=[*kind.model_fields])
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
    return frame(_validated(path, kind), kind)


def read_all(paths: Iterable[Path], kind: type[Row]) -> pd.DataFrame:
    """The rows of several files, as `read`; an empty table of none."""
    return frame((row for path in paths for row in _validated(path, kind)), kind)


def read_rows(path: Path, kind: type[AnyRow]) -> list[AnyRow]:
    """The rows that have results, as objects.

    Raises:
        RowError: naming file, line, column and what is wrong.
    """
    return [row for row in _validated(path, kind) if isinstance(row, kind)]


def measured(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that have results."""
    if "reason" not in table:
        return table
    rows = table[table.reason == ""]
    kinds = {"Int64": "int64", "boolean": "bool"}
    return rows.astype({n: kinds[str(d)] for n, d in rows.dtypes.items() if str(d) in kinds})


def rows_of(table: pd.DataFrame) -> Iterator[Any]:
    """The rows of a table, with a field for each column."""
    yield from table.itertuples()


def failed(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of failures."""
    return table[table.reason != ""]


def write(path: Path, table: pd.DataFrame) -> None:
    """Writes a table as CSV, whole or not at all; floats keep every digit."""
    write_text(path, table.to_csv(index=False, lineterminator="\n"))


def _validated(path: Path, kind: type[AnyRow]) -> Iterator[AnyRow | FailedRow]:
    for number, line in _lines(path, kind):
        if line.get("reason"):
            yield _row(path, number, FailedRow, {name: line[name] for name in _FAILED})
        else:
            yield _row(path, number, kind, line)


_FAILED = tuple(FailedRow.model_fields)
_LATER = {"reason", "other_load"}  # columns that older files lack


def _lines(path: Path, kind: type[Row]) -> list[tuple[int, dict[str, str]]]:
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


def _row(path: Path, number: int, kind: type[AnyRow], line: Mapping[str, object]) -> AnyRow:
    try:
        return kind.model_validate(line)
    except ValidationError as error:
        first = error.errors()[0]
        column = ".".join(map(str, first["loc"])) or "row"
        where = f"{path}, line {number}, {column}"
        raise RowError(f"{where}: {first['msg']}; {_REMEDY}") from None


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
