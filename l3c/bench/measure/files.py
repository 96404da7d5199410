"""Method x image -> row: encode, write, decode in a fresh process, compare, count bytes.

The image stays in this process, where no method runs: each has one process that encodes copies of
it, and one that decodes the files and never sees an image. A measurement that was killed goes on
after the last image that was whole.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from l3c.bench.measure.child import Child, ChildError
from l3c.bench.measure.machine import OtherLoad, machine
from l3c.bench.measure.methods import WHOLE, LearnedMethod, key_of, served
from l3c.bench.schema import FailedRow, ResultRow, Row, bits_per_subpixel, frame
from l3c.data.images import pixel_sha256
from l3c.files import write_whole
from l3c.progress import Progress

_JOURNAL = "rows.jsonl"


def measure(
    method: LearnedMethod | str,
    images: Iterable[tuple[str, np.ndarray]],
    count: int,
    *,
    dataset: str,
    run: Path,
    streams: Path,
    threads: int = 1,
    repeats: int = 1,
) -> pd.DataFrame:
    """Measures one method on some images. One that fails on an image goes on with the next one.

    Args:
        method: a model, or an entry that `get_method` takes.
        images: (name, uint8 (H, W, 3)) pairs, read one at a time.
        count: how many there are, for the progress report.
        dataset: key of the data set.
        run: the run's folder; rows name files relative to it.
        streams: folder of the bitstreams, below `run`; while it is made it is called *.partial, and
            holds the rows too.
        threads: what the method was given; only recorded here, the caller sets it.
        repeats: timed runs per image; the median counts.

    Returns:
        A row for each image, failures last; one without an image if the method is not available
        here or cannot be loaded.
    """
    rows: list[Row] = []
    failures: list[Row] = []
    with served(method) as encoder, served(method) as decoder:
        try:
            told = encoder.call("describe")
            decoder.call("describe")
        except ChildError as error:
            label = key_of(method) if isinstance(method, str) else method.name
            told = {"method": label, "settings": "", "version": "", "unavailable": str(error)}
        about: dict[str, Any] = {"dataset": dataset, "key": key_of(method)}
        about |= {name: told[name] for name in ("method", "settings", "version")}
        about |= machine() | {"threads": threads}
        if reason := told["unavailable"]:
            print(f"{told['method']} is not measured: {reason}", file=sys.stderr)
            streams.mkdir(parents=True, exist_ok=True)
            return frame([FailedRow(**about, image="", reason=reason)], ResultRow)
        partial = streams.with_name(f"{streams.name}.partial")
        partial.mkdir(parents=True, exist_ok=True)
        known = _known(partial, about)
        label, others = f"{told['method']} on {dataset}", OtherLoad()
        with Progress(count, label, "image") as progress:
            for name, image in images:
                sha256 = pixel_sha256(image)
                if found := known.get((name, sha256)):
                    rows.append(found)
                    progress.update(bpsp=found.bpsp)
                    continue
                row = about | {"image": name, "height": image.shape[0], "width": image.shape[1]}
                stream = partial / f"{name}{told['suffix']}"
                try:
                    made = round_trip(encoder, decoder, image, stream, repeats)[0]
                    made["cross_entropy_bits"] = encoder.call("cross_entropy_bits", image)
                except ChildError as error:
                    failures.append(FailedRow(**row, reason=str(error)))
                    print(f"{label}, image {name}: failed: {error}", file=sys.stderr)
                    progress.update()
                    continue
                row |= made | {"lossless": True, "other_load": others.share()}
                row["in_process"] = told["in_process"]
                row["stream"] = (streams / stream.name).relative_to(run).as_posix()
                rows.append(ResultRow(**row, pixel_sha256=sha256))
                with (partial / _JOURNAL).open("a", encoding="utf-8") as journal:
                    journal.write(rows[-1].model_dump_json() + "\n")
                progress.update(bpsp=row["bpsp"])
    (partial / _JOURNAL).unlink(missing_ok=True)
    shutil.rmtree(streams, ignore_errors=True)
    partial.rename(streams)
    return frame([*rows, *failures], ResultRow)


def _known(partial: Path, about: Mapping[str, Any]) -> dict[tuple[str, str], Row]:
    """Rows of a killed measurement of the same method and machine, by image and its pixels."""
    try:
        lines = (partial / _JOURNAL).read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    known = {}
    for line in lines:
        try:
            row = ResultRow.model_validate_json(line)
        except ValidationError:  # cut off by what killed it
            continue
        stream = partial / Path(row.stream).name
        whole = stream.is_file() and stream.stat().st_size == row.num_bytes
        if whole and row.model_dump(include=set(about)) == dict(about):
            known[row.image, row.pixel_sha256] = row
    return known


def round_trip(
    encoder: Child, decoder: Child, image: np.ndarray, stream: Path, repeats: int, *point: float
) -> tuple[dict[str, Any], np.ndarray, bytes]:
    """Encodes an image, uint8 (H, W, 3), in one process and decodes the file in another.

    Both serve a method (`ServedMethod`); without a point the same image must come back.

    Returns:
        Size and times, columns of a row; what was decoded; the bytes.

    Raises:
        ChildError: encoding or decoding failed, or gave another image back.
    """
    data, encoding = encoder.call("encode", image, repeats, *point)
    write_whole(stream, data)
    decoded, decoding = decoder.call("decode", stream, repeats)
    if not point and (difference := describe_difference(image, decoded)):
        raise ChildError(f"not lossless: {difference}")
    size = {"num_bytes": len(data), "bpsp": bits_per_subpixel(8 * len(data), *image.shape[:2])}
    return size | {"encode_s": encoding[WHOLE], "decode_s": decoding[WHOLE]}, decoded, data


def describe_difference(image: np.ndarray, decoded: np.ndarray) -> str:
    """Why `decoded` is not `image`, pixel by pixel; "" if it is."""
    if (decoded.shape, decoded.dtype) != (image.shape, image.dtype):
        return f"decoded to {decoded.dtype} {decoded.shape}, was {image.dtype} {image.shape}"
    wrong = np.argwhere(decoded != image)
    if not len(wrong):
        return ""
    y, x, c = (int(i) for i in wrong[0])
    return (
        f"{len(wrong)} of {image.size} sub-pixels differ, the first at row {y}, column {x}, "
        f"channel {c}: {decoded[y, x, c]} instead of {image[y, x, c]}"
    )
