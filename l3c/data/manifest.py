"""The manifest of a data set: what was kept, what was dropped and why, one CSV row each."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from l3c.data.errors import DatasetError
from l3c.data.images import RGBImage, pixel_sha256, read_rgb
from l3c.images.picture import PictureError
from l3c.settings import FrozenSettings, problems
from l3c.whole_files import write_whole

MANIFEST = "manifest.csv"
IMAGES = "images"  # folder of the kept images, beside the manifest


class ManifestRow(FrozenSettings):
    """One image of a data set.

    Attributes:
        image: name; a kept image lies beside the manifest as images/<name>.png.
        source: path inside the folder or package that it was made from.
        status: kept or dropped.
        reason: why it was dropped; empty for a kept one.
        height, width: size in pixels, as kept.
        source_height, source_width: size in pixels of the source, where it could be read.
        source_sha256: of the source's file, or what tells its pixels apart; None if unreadable.
        factor: scaling factor from source to image; 1 for an image taken as it is.
        pixel_sha256: l3c.data.images.pixel_sha256 of the kept image.
        licence: one line, empty where it is not known.
    """

    image: str
    source: str
    status: Literal["kept", "dropped"]
    reason: str = ""
    height: int | None = None
    width: int | None = None
    source_height: int | None = None
    source_width: int | None = None
    source_sha256: str | None = None
    factor: float | None = None
    pixel_sha256: str | None = None
    licence: str = ""


_COLUMNS = list(ManifestRow.model_fields)
_TEXT = {"reason", "licence", "image", "source"}  # an empty cell is "" here, and None elsewhere


def write_manifest(path: Path, rows: Iterable[ManifestRow]) -> None:
    """Writes the rows as CSV; the file appears whole or not at all."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.model_dump() for row in rows)
    write_whole(path, text.getvalue().encode("utf-8"))


def read_manifest(path: Path) -> list[ManifestRow]:
    """All rows, kept and dropped, in the order of the file.

    Raises:
        DatasetError: if the file is missing or is no manifest.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            if reader.fieldnames != _COLUMNS:
                raise ValueError(f"its first line is not {','.join(_COLUMNS)}")
            filled = ({k: v for k, v in row.items() if v or k in _TEXT} for row in reader)
            return [ManifestRow.model_validate(cells) for cells in filled]
    except FileNotFoundError:
        raise DatasetError(f"{path}: no such manifest; build the data set first") from None
    except (csv.Error, ValueError) as error:  # ValueError: also of bytes that are not UTF-8
        reason = "; ".join(problems(error)) if isinstance(error, ValidationError) else error
        raise DatasetError(f"{path}: not a manifest: {reason}; build it again") from None


def kept_images(path: Path, names: Collection[str] | None = None) -> Iterator[tuple[str, RGBImage]]:
    """Name and pixels, uint8 (H, W, 3), of each kept image, one at a time, in the manifest's order.

    Args:
        path: of the manifest.
        names: of the images to read, if not all.

    Raises:
        DatasetError: if an image is missing or is not the one that the manifest names.
    """
    for row in read_manifest(path):
        if row.status == "kept" and (names is None or row.image in names):
            file = path.parent / IMAGES / f"{row.image}.png"
            try:
                image = read_rgb(file)
            except PictureError as error:
                raise DatasetError(f"{error}; build the data set again") from None
            if pixel_sha256(image) != row.pixel_sha256:
                raise DatasetError(f"{file}: not the pixels of {path}; build the data set again")
            yield row.image, image


def kept_licences(path: Path) -> list[str]:
    """Licences of the kept images, each once; where none is stated, that is said."""
    kept = (row for row in read_manifest(path) if row.status == "kept")
    return sorted({row.licence or "not stated" for row in kept})


def manifest_sha256(path: Path) -> str:
    """SHA-256 (hex) over the kept images' pixels, whatever their names, paths and order."""
    hashes = sorted(row.pixel_sha256 or "" for row in read_manifest(path) if row.status == "kept")
    return hashlib.sha256("\n".join(hashes).encode("ascii")).hexdigest()
