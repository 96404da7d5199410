"""Images of a data set: plain 8-bit RGB files <-> uint8 (H, W, 3) arrays, and their manifest.

Of files that are not plain RGB, nothing is converted: a lossless result on a converted image is not
a result on the file that the user named. The manifest says what was kept, what was dropped and
why, one CSV row each.

For training, images are also kept as raw pixels in a memory-mapped file: a crop is read without
decoding the rest. Such a store is a folder: a file of uint8 RGB rows, image after image, and an
index with the place of each image and the hash of the manifest. The index is written last; without
it there is no store. Pages of the file come from the system's cache, which all processes of a
machine share.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin
from pydantic import ValidationError

from l3c.data import DatasetError
from l3c.files import whole_file, write_whole
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


def check_rgb(image: object) -> None:
    """Returns if `image` is a uint8 array of shape (H, W, 3) with H, W >= 1.

    Raises:
        TypeError: if it is no array, or of another dtype.
        ValueError: if it has another shape.
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        got = getattr(image, "dtype", type(image).__name__)
        raise TypeError(f"expected a uint8 array, got {got}")
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(f"expected shape (H, W, 3) with H, W >= 1, got {image.shape}")


def write_png(
    path: Path, image: RGBImage, text: Mapping[str, str] | None = None, durable: bool = True
) -> None:
    """Writes `image` as a PNG that appears whole or not at all.

    Args:
        path: where to; its folder exists.
        image: uint8 (H, W, 3).
        text: ASCII key -> text, stored in the file (read_png_text returns it).
        durable: see `whole_file`.
    """
    check_rgb(image)
    info = PngImagePlugin.PngInfo()
    for key, value in (text or {}).items():
        info.add_itxt(key, value)
    with whole_file(path, durable) as file:
        Image.fromarray(image).save(file, format="PNG", pnginfo=info)


def read_png_text(path: Path) -> dict[str, str]:
    """The texts that write_png stored in a PNG; empty for any other file, broken ones included."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=("PNG",)) as picture:
                return {str(k): str(v) for k, v in picture.info.items() if isinstance(v, str)}
    except Exception:  # any error means that this file is none of ours
        return {}


def pixel_sha256(image: RGBImage) -> str:
    """SHA-256 (hex) of the size as "HxW" and a newline, then the RGB bytes row by row."""
    check_rgb(image)
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


INDEX, PIXELS = "index.json", "pixels.rgb"
VERSION = 2


class StoreError(DatasetError):
    """A store that cannot be written, is incomplete, or holds other images than expected."""


def write_store(folder: Path, images: Iterable[tuple[str, RGBImage]], data_sha256: str) -> None:
    """Writes a store; one that is there is removed first.

    Args:
        folder: of the store.
        images: name and uint8 (H, W, 3), as of `kept_images`.
        data_sha256: of the manifest that lists the images.

    Raises:
        StoreError: the disk is full, or the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / INDEX).unlink(missing_ok=True)
        entries = []
        with (folder / PIXELS).open("wb") as file:
            for name, image in images:
                entries.append((name, *image.shape[:2], file.tell()))
                file.write(np.ascontiguousarray(image).data)
            file.flush()
            os.fsync(file.fileno())
        index = {"version": VERSION, "data_sha256": data_sha256, "images": entries}
        write_whole(folder / INDEX, json.dumps(index).encode())
    except OSError as error:
        raise StoreError(
            f"{folder}: the training store cannot be written ({one_line(error)}); what was "
            "prepared is kept: make room, and run the same command again"
        ) from error


def store_of(manifest: Path, folder: Path) -> Store:
    """The store of a data set's kept images; written if it is not there, or is of other images.

    Raises:
        StoreError: it cannot be written.
    """
    data_sha256 = manifest_sha256(manifest)
    try:
        return Store(folder, data_sha256)
    except StoreError:
        write_store(folder, kept_images(manifest), data_sha256)
        return Store(folder, data_sha256)


class Store(dict[str, RGBImage]):
    """Name -> read-only uint8 (H, W, 3) of a store, mapped, not read.

    Args:
        folder: of the store.
        data_sha256: of the manifest that is to be trained on; not compared if None.

    Raises:
        StoreError: no store, an incomplete one, or one of other images.
    """

    def __init__(self, folder: Path, data_sha256: str | None = None) -> None:
        try:
            index = json.loads((folder / INDEX).read_bytes())
            self.data_sha256: str = index["data_sha256"]
            pixels = np.memmap(folder / PIXELS, np.uint8, "r")
            for name, height, width, start in index["images"]:
                self[name] = pixels[start : start + 3 * height * width].reshape(height, width, 3)
            size = sum(image.size for image in self.values())
            complete = index["version"] == VERSION and pixels.size == size
        except (OSError, ValueError, KeyError, TypeError):
            complete = False
        if not complete or data_sha256 not in (None, self.data_sha256):
            raise StoreError(
                f"{folder}: no complete training store of these images, or one of another version "
                "of this package; delete it to have it written anew"
            )
