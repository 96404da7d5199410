"""A data set as named in the configuration -> a folder of PNG files and their manifest."""

from __future__ import annotations

import hashlib
import json
import sys
import warnings
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from l3c.data import DatasetError
from l3c.data.images import (
    IMAGES,
    MANIFEST,
    ManifestRow,
    RGBImage,
    file_sha256,
    pixel_sha256,
    read_png_text,
    read_rgb,
    write_manifest,
    write_png,
)
from l3c.data.prepare import Dropped, Preparation, choose_factor, prepare_image
from l3c.data.sources import Photo, embedded_photos, files_state, folder_photos
from l3c.images.picture import PictureError
from l3c.messages import one_line
from l3c.progress import Progress
from l3c.settings import FrozenSettings
from l3c.threads import in_threads, thread_count

EMBEDDED = "embedded"
_KEY, _ROW = "l3c-key", "l3c-row"  # texts inside each PNG: what it was made from, and its row
_VERSION = 1  # to be raised when the same source and preparation give other pixels
_LISTED = 20  # dropped images that are listed one by one


class DatasetSpec(FrozenSettings):
    """Which images a data set has.

    Attributes:
        source: "embedded" (photographs inside installed packages), or a folder, searched with the
            folders below it, links followed; in the workflow also the name of an image set in
            config/datasets.tsv, which is downloaded first.
        subset: train or test, of the embedded photographs only.
        prepare: how the photographs are scaled and filtered; null takes the images as they are.
        limit: stop after this many photographs were kept, in the order of their paths; null: all.
        licence: one line for the manifest; image sets that are downloaded have their own.
    """

    source: str = Field(min_length=1)
    subset: Literal["train", "test"] | None = None
    prepare: Preparation | None = None
    limit: int | None = Field(default=None, ge=1)
    licence: str = ""

    @model_validator(mode="after")
    def _subset_fits(self) -> Self:
        if (self.source == EMBEDDED) != (self.subset is not None):
            raise ValueError(f'subset is "train" or "test" of source "{EMBEDDED}", and of no other')
        return self


def source_state(spec: DatasetSpec) -> str:
    """What changes when the photographs of a user's folder do; else empty."""
    return "" if spec.source == EMBEDDED else files_state(Path(spec.source).expanduser())


def build_dataset(spec: DatasetSpec, out_dir: Path) -> Path:
    """Writes a data set: out_dir/images/<name>.png for what is kept, out_dir/manifest.csv last.

    Images of an earlier, interrupted build are used again where they were made from the same source
    in the same way and still have the same pixels; other images of earlier builds are removed.

    Args:
        spec: which images.
        out_dir: folder of this data set alone; made if missing.

    Returns:
        Path of the manifest.

    Raises:
        DatasetError: one line that names a missing or empty source, or why nothing was kept.
    """
    photos = _photos(spec, out_dir)
    (out_dir / MANIFEST).unlink(missing_ok=True)  # it is written again, last
    return _finish(spec, out_dir, _make_all(photos, spec, out_dir))


def _photos(spec: DatasetSpec, out_dir: Path) -> list[Photo]:
    if spec.subset is not None:
        return embedded_photos(spec.subset)
    folder = Path(spec.source).expanduser()
    photos = folder_photos(folder, spec.licence)
    inside, outside = folder.resolve(), out_dir.resolve()
    if outside.is_relative_to(inside) or inside.is_relative_to(outside):
        # The images written there would be found as sources, or be written over them.
        raise DatasetError(
            f"{folder}: overlaps with the output folder {out_dir}; "
            "keep the images in a folder of their own"
        )
    return photos


def _make_all(photos: list[Photo], spec: DatasetSpec, out_dir: Path) -> list[ManifestRow]:
    """The rows of photographs up to the limit, their images written."""
    images = out_dir / IMAGES
    images.mkdir(parents=True, exist_ok=True)
    rows: list[ManifestRow] = []
    kept = 0
    threads = thread_count() if spec.limit is None else 1  # with a limit none is read ahead
    with (
        warnings.catch_warnings(),  # around those of the threads, which would undo each other
        Progress(len(photos), out_dir.name, "photograph") as bar,
    ):
        warnings.simplefilter("ignore")
        every = in_threads(lambda photo: _make(photo, spec.prepare, images), photos, threads)
        for index, made in enumerate(every, 1):
            rows += made
            bar.update()
            kept += any(row.status == "kept" for row in made)
            if kept == spec.limit:
                left = len(photos) - index
                print(f"{spec.source}: {left} beyond the limit of {kept} not read", file=sys.stderr)
                break
    return rows


def _finish(spec: DatasetSpec, out_dir: Path, rows: list[ManifestRow]) -> Path:
    """Removes other images, prints which photographs were dropped, and writes the manifest."""
    kept = {f"{row.image}.png" for row in rows if row.status == "kept"}
    for path in (out_dir / IMAGES).iterdir():
        unfinished = path.name.startswith(".") and path.name.endswith(".part")
        # Of other files only those that carry the mark of an earlier build.
        if unfinished or (path.name not in kept and _KEY in read_png_text(path)):
            path.unlink()
    dropped = [f"{row.source}: {row.reason}" for row in rows if row.status == "dropped"]
    name = spec.source + (f" ({spec.subset})" if spec.subset else "")
    if not kept:
        raise DatasetError(f"{name}: none of {len(rows)} images kept; the first is {dropped[0]}")
    print(f"{name}: {len(kept)} images kept, {len(dropped)} dropped", file=sys.stderr)
    for reason in dropped[:_LISTED]:
        print(f"  dropped {reason}", file=sys.stderr)
    if len(dropped) > _LISTED:
        print(f"  and {len(dropped) - _LISTED} more, all in the manifest", file=sys.stderr)
    write_manifest(out_dir / MANIFEST, rows)
    return out_dir / MANIFEST


def _make(photo: Photo, prepare: Preparation | None, images: Path) -> list[ManifestRow]:
    """The rows of one photograph, its images written: one for each copy, or one if none can be."""
    copies = prepare.copies if prepare else 1
    # As text that can be written as UTF-8, whatever bytes the file system holds.
    source = photo.source.encode("utf-8", "backslashreplace").decode("utf-8")
    about: dict[str, Any] = {"source": source, "licence": photo.licence}
    pixels: RGBImage | None = None
    rows = []
    try:
        about["source_sha256"] = file_sha256(photo.path)
        for copy in range(copies):
            name = photo.name if copies == 1 else f"{photo.name}__{copy}"
            key = _key(photo.name, about, copy, prepare)
            row = _stored_row(images / f"{name}.png", key)
            if row is None:
                if pixels is None:
                    pixels = photo.read()
                    about |= {"source_height": pixels.shape[0], "source_width": pixels.shape[1]}
                height, width = pixels.shape[:2]
                factor = choose_factor(height, width, photo.source, copy, prepare) if prepare else 1
                about_copy = about | {"image": name, "factor": float(factor)}
                try:
                    made = prepare_image(pixels, factor, name, prepare) if prepare else pixels
                    row = _write(images / f"{name}.png", made, key, about_copy)
                except Dropped as error:
                    row = ManifestRow(status="dropped", reason=error.reason, **about_copy)
            rows.append(row)
    except PictureError as error:  # unreadable, or too small, which is true of all copies
        return [ManifestRow(image=photo.name, status="dropped", reason=error.reason, **about)]
    return rows


def _write(path: Path, image: RGBImage, key: str, about: dict[str, Any]) -> ManifestRow:
    """The row of a kept image, which is written with it."""
    size = {"height": image.shape[0], "width": image.shape[1]}
    row = ManifestRow(status="kept", pixel_sha256=pixel_sha256(image), **size, **about)
    try:
        write_png(path, image, {_KEY: key, _ROW: row.model_dump_json()})
    except OSError as error:
        raise DatasetError(
            f"{path}: cannot be written ({one_line(error)}); what was prepared is kept, and the "
            "same command continues"
        ) from error
    return row


def _key(name: str, about: dict[str, Any], copy: int, prepare: Preparation | None) -> str:
    """A hash of everything that an image and its row are made from."""
    how = prepare.model_dump(exclude={"copies"}) if prepare else {}
    for newer in ("full_size", "square", "shorter_side"):
        if not how.get(newer):
            how.pop(newer, None)  # so that images of builds before it keep their keys
    source = [about[key] for key in ("source", "licence", "source_sha256")]
    parts = [_VERSION, name, *source, copy, how or None]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode("ascii")).hexdigest()


def _stored_row(path: Path, key: str) -> ManifestRow | None:
    """The row inside an image of an earlier build, if it is the image that would be made now."""
    text = read_png_text(path)
    if text.get(_KEY) != key:
        return None
    try:
        row = ManifestRow.model_validate_json(text.get(_ROW, ""))
        return row if pixel_sha256(read_rgb(path)) == row.pixel_sha256 else None
    except (ValidationError, PictureError):
        return None
