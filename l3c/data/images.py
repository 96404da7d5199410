"""Images of a data set: plain 8-bit RGB files <-> uint8 (H, W, 3) arrays, and their manifest.

Of files that are not plain RGB, nothing is converted: a lossless result on a converted image is not
a result on the file that the user named. The manifest says what was kept, what was dropped and
why, one CSV row each.

For training, images are also kept as raw pixels in a memory-mapped file: a crop is read without
decoding the rest. Such a store is a folder: a file of uint8 RGB rows, image after image, and a copy
of the manifest, whose kept images they are. The copy is written last; without it there is no store.
Pages of the file come from the system's cache, which all processes of a machine share.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import ValidationError

from l3c.data import DatasetError
from l3c.files import whole_file, write_text, write_whole
from l3c.images.picture import Mode, PictureError, Section
from l3c.images.reading import file_problem, read_picture
from l3c.messages import one_line
from l3c.settings import FrozenSettings, problems

RGBImage = NDArray[np.uint8]


def read_rgb(path: Path) -> RGBImage:
    """Pixels of a plain 8-bit RGB image file (BMP, JPEG, PNG, TIFF or WebP).

    See `l3c.images.reading.read_picture`: the pixels count as stored.

    Returns:
        uint8 (H, W, 3), C-contiguous, writable.

    Raises:
        PictureError: for everything else, with the reason; a warning of Pillow is never passed on.
    """
    picture = read_picture(path)
    if picture.mode != Mode.RGB:
        raise PictureError(f"{picture.mode.text}, not 8-bit RGB", str(path))
    if Section.TRANSPARENCY in picture.sections:
        raise PictureError("a transparent color, not plain RGB", str(path))
    samples: RGBImage = picture.samples
    return samples


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes; raises PictureError where it cannot be an image."""
    if problem := file_problem(path):
        raise PictureError(problem, str(path))
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PictureError(one_line(error), str(path)) from None


def write_png(path: Path, image: RGBImage, durable: bool = True) -> None:
    """Writes uint8 (H, W, 3) as a PNG that appears whole or not at all; see `whole_file`."""
    with whole_file(path, durable) as file:
        Image.fromarray(image).save(file, format="PNG")


def pixel_sha256(image: RGBImage) -> str:
    """SHA-256 (hex) of the size as "HxW" and a newline, then the RGB bytes row by row."""
    digest = hashlib.sha256(f"{image.shape[0]}x{image.shape[1]}\n".encode("ascii"))
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


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
        source_sha256: of the source's file; None if unreadable.
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


def write_manifest(path: Path, rows: Iterable[ManifestRow]) -> None:
    """Writes the rows as CSV; the file appears whole or not at all."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(ManifestRow.model_fields), lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.model_dump() for row in rows)
    write_text(path, text.getvalue())


def read_manifest(path: Path) -> list[ManifestRow]:
    """All rows, kept and dropped, in the order of the file.

    Raises:
        DatasetError: if the file is missing or is no manifest.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            filled = ({k: v for k, v in row.items() if v} for row in csv.DictReader(file))
            return [ManifestRow.model_validate(cells) for cells in filled]
    except (OSError, csv.Error, ValueError) as error:  # ValueError: also of bytes not in UTF-8
        found = problems(error) if isinstance(error, ValidationError) else [one_line(error)]
        reason = "; ".join(found)
        raise DatasetError(f"{path}: no manifest: {reason}; build the data set again") from None


def kept_rows(path: Path) -> list[ManifestRow]:
    """As `read_manifest`, of the kept images alone."""
    return [row for row in read_manifest(path) if row.status == "kept"]


def read_kept(images: Path, row: ManifestRow) -> RGBImage:
    """Pixels, uint8 (H, W, 3), of a kept image in the folder `images` of its data set.

    Raises:
        DatasetError: if the image is missing or is not the one that its row describes.
    """
    file = images / f"{row.image}.png"
    try:
        image = read_rgb(file)
    except PictureError as error:
        raise DatasetError(f"{error}; build the data set again") from None
    if pixel_sha256(image) != row.pixel_sha256:
        raise DatasetError(f"{file}: not the pixels of its manifest; build the data set again")
    return image


def kept_images(path: Path, names: Collection[str] | None = None) -> Iterator[tuple[str, RGBImage]]:
    """Name and pixels, uint8 (H, W, 3), of each kept image, one at a time, in the manifest's order.

    Args:
        path: of the manifest.
        names: of the images to read, if not all.

    Raises:
        DatasetError: as `read_manifest` and `read_kept`.
    """
    for row in kept_rows(path):
        if names is None or row.image in names:
            yield row.image, read_kept(path.parent / IMAGES, row)


def kept_licences(path: Path) -> list[str]:
    """Licences of the kept images, each once; where none is stated, that is said."""
    return sorted({row.licence or "not stated" for row in kept_rows(path)})


def manifest_sha256(path: Path) -> str:
    """SHA-256 (hex) over the kept images' pixels, whatever their names, paths and order."""
    hashes = sorted(row.pixel_sha256 or "" for row in kept_rows(path))
    return hashlib.sha256("\n".join(hashes).encode("ascii")).hexdigest()


PIXELS = "pixels.rgb"


def store_of(manifest: Path, folder: Path) -> Store:
    """The store of a data set's kept images; written if it is not there, or is of other images.

    Raises:
        DatasetError: an image is missing, the disk is full, or the folder cannot be written to.
    """
    with suppress(DatasetError):
        return Store(folder, manifest)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        with (folder / PIXELS).open("wb") as file:
            for _, image in kept_images(manifest):
                file.write(image.data)
            file.flush()
            os.fsync(file.fileno())
        write_whole(folder / MANIFEST, manifest.read_bytes())
    except OSError as error:
        raise DatasetError(
            f"{folder}: the training store cannot be written ({one_line(error)}); what was "
            "prepared is kept: make room, and run the same command again"
        ) from error
    return Store(folder)


class Store(dict[str, RGBImage]):
    """Name -> read-only uint8 (H, W, 3) of a store, mapped, not read.

    Args:
        folder: of the store.
        manifest: of the images that are to be trained on; None: whatever the store holds.

    Attributes:
        manifest: path of its own.
        data_sha256: `manifest_sha256` of it.

    Raises:
        DatasetError: no store, an incomplete one, or one of other images.
    """

    def __init__(self, folder: Path, manifest: Path | None = None) -> None:
        self.manifest, end = folder / MANIFEST, 0
        try:
            pixels = np.memmap(folder / PIXELS, np.uint8, "r")
            for row in kept_rows(self.manifest):
                shape = (row.height or 0, row.width or 0, 3)
                start, end = end, end + math.prod(shape)
                self[row.image] = pixels[start:end].reshape(shape)
            self.data_sha256 = manifest_sha256(self.manifest)
            complete = end == pixels.size
        except (OSError, ValueError):
            complete = False
        if not complete or (manifest and manifest_sha256(manifest) != self.data_sha256):
            raise DatasetError(
                f"{folder}: no complete training store of these images, or one of another version "
                "of this package; delete it to have it written anew"
            )
