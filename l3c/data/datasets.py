"""A data set as named in the configuration -> a folder of PNG files and their manifest.

Photographs are prepared as in the paper: random Lanczos downscale, then a filter on saturation and
value. Or small squares, box-downsampled, as ImageNet32 and ImageNet64 have them. Downscaling
removes JPEG artefacts, which a lossless coder would otherwise be measured on.
"""

from __future__ import annotations

import hashlib
import json
import sys
import unicodedata
import warnings
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from PIL import Image
from pydantic import Field, ValidationError, model_validator

from l3c.data import DatasetError
from l3c.data.images import (
    IMAGES,
    MANIFEST,
    ManifestRow,
    RGBImage,
    check_rgb,
    file_sha256,
    pixel_sha256,
    read_png_text,
    read_rgb,
    write_manifest,
    write_png,
)
from l3c.data.sources import Photo, embedded_photos, files_state, folder_photos
from l3c.images.picture import PictureError
from l3c.messages import one_line
from l3c.progress import Progress
from l3c.settings import FrozenSettings
from l3c.threads import in_threads, thread_count


class Dropped(PictureError):  # noqa: N818  (a verdict, not a failure)
    """A sound image that a preparation leaves out, e.g. because it is too small."""


class Preparation(FrozenSettings):
    """How photographs are prepared; the defaults are the paper's (Open Images, third edition).

    Attributes:
        min_side: least length of the shorter side after scaling, in pixels.
        max_factor: largest scaling factor; photographs that cannot be scaled by it are dropped.
        max_saturation: photographs with a larger mean HSV saturation (0..1) are dropped.
        max_value: photographs with a larger mean HSV value (0..1) are dropped.
        copies: how many random factors of each photograph are made; more than 1 deviates from the
            paper, to stretch a tiny training set.
        full_size: the first of the copies is the photograph as it is.
        seed: another seed gives other factors.
        longer_side: scale the longer side to exactly this length in pixels, instead of by a random
            factor; min_side and max_factor are not used then.
        square: a random square, of at least twice this side, box-downsampled to this side in
            pixels; min_side and max_factor are not used then.
        shorter_side: as longer_side, of the shorter side; smaller photographs are enlarged, as
            CPM's are.
    """

    min_side: int = Field(default=512, ge=1)
    max_factor: float = Field(default=0.8, gt=0, le=1)
    max_saturation: float = Field(default=0.9, ge=0, le=1)
    max_value: float = Field(default=0.8, ge=0, le=1)
    copies: int = Field(default=1, ge=1, le=1000)
    full_size: bool = False
    seed: int = 0
    longer_side: int | None = Field(default=None, ge=1)
    square: int | None = Field(default=None, ge=1)
    shorter_side: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _copies_differ(self) -> Self:
        sides = (self.longer_side, self.shorter_side)
        if self.square is not None and (any(sides) or self.full_size):
            raise ValueError("square excludes longer_side, shorter_side and full_size")
        if sides.count(None) + (self.copies == 1) < 2:
            raise ValueError("one of longer_side, shorter_side, and copies above 1, at most")
        return self


def deviations(preparation: Preparation | None) -> list[str]:
    """How the preparation of images (None: taken as they are) differs from the paper's, by line."""
    if preparation is None:
        return ["prepare: none, the images as they are"]
    paper, ours = Preparation().model_dump(), preparation.model_dump()
    return [f"prepare.{k}: {v} instead of {paper[k]}" for k, v in ours.items() if v != paper[k]]


def choose_factor(height: int, width: int, name: str, copy: int, preparation: Preparation) -> float:
    """The scaling factor of one copy, drawn from seed, name and copy; the same on every machine.

    Raises:
        Dropped: if the image is too small.
    """
    if (wanted := preparation.longer_side) is not None:
        longer = max(height, width)
        if longer < wanted:
            raise Dropped(f"too small: longer side {longer} px < {wanted} px", name)
        return wanted / longer
    if preparation.shorter_side is not None:
        return preparation.shorter_side / min(height, width)
    if preparation.full_size and copy == 0:
        return 1.0
    least, largest, shorter = preparation.min_side, preparation.max_factor, min(height, width)
    if preparation.square is not None:
        least, largest = preparation.square, 0.5
    # The tolerance keeps 640 px at 0.8 (exactly 512 px) in, whatever the last bit of the product.
    if shorter * largest < least - 1e-6:
        reason = f"shorter side {shorter} px, at most {largest:g} of it must be >= {least} px"
        raise Dropped(f"too small: {reason}", name)
    smallest = least / shorter
    # NFC: the same name may be stored composed or decomposed, depending on the file system.
    text = f"{preparation.seed}\n{copy}\n{unicodedata.normalize('NFC', name)}"
    return smallest + _drawn(text) * (largest - smallest)


def _drawn(text: str) -> float:
    """A number in 0..1 that depends on the text alone."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def prepare_image(image: RGBImage, factor: float, name: str, preparation: Preparation) -> RGBImage:
    """The photograph downscaled by Lanczos, or a square of it by a box, if it passes the filter.

    Args:
        image: uint8 (H, W, 3).
        factor: as `choose_factor` gave it.
        name: of the copy, for the error; where a square lies depends on it.
        preparation: with the thresholds.

    Returns:
        uint8 (H', W', 3).

    Raises:
        Dropped: if the image is too saturated or too bright, with the figures.
    """
    check_rgb(image)
    height, width = image.shape[:2]
    size = max(1, round(width * factor)), max(1, round(height * factor))
    resampling = Image.Resampling.LANCZOS
    if preparation.square is not None:
        size, resampling = (preparation.square, preparation.square), Image.Resampling.BOX
        side = round(preparation.square / factor)
        text = f"{preparation.seed}\n{unicodedata.normalize('NFC', name)}"
        top = int(_drawn(f"{text}\ntop") * (height - side + 1))
        left = int(_drawn(f"{text}\nleft") * (width - side + 1))
        image = image[top : top + side, left : left + side]
    scaled = np.array(Image.fromarray(image).resize(size, resampling), order="C")
    largest = scaled.max(axis=2).astype(np.float64)
    saturation = (largest - scaled.min(axis=2)) / np.maximum(largest, 1)  # black: 0
    for word, kind, mean, limit in (
        ("saturated", "saturation", saturation.mean(), preparation.max_saturation),
        ("bright", "value", largest.mean() / 255, preparation.max_value),
    ):
        if mean > limit:
            raise Dropped(f"too {word}: mean HSV {kind} {mean:.3f} > {limit:g}", name)
    return scaled


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
            path, key = images / f"{name}.png", _key(photo.name, about, copy, prepare)
            row = _stored_row(path, key)
            if row is None:
                if pixels is None:
                    pixels = photo.read()
                    about |= {"source_height": pixels.shape[0], "source_width": pixels.shape[1]}
                height, width = pixels.shape[:2]
                factor = choose_factor(height, width, photo.source, copy, prepare) if prepare else 1
                about_copy = about | {"image": name, "factor": float(factor)}
                try:
                    made = prepare_image(pixels, factor, name, prepare) if prepare else pixels
                    size = {"height": made.shape[0], "width": made.shape[1]}
                    about_copy |= size | {"pixel_sha256": pixel_sha256(made)}
                    row = ManifestRow(status="kept", **about_copy)
                    write_png(path, made, {_KEY: key, _ROW: row.model_dump_json()})
                except Dropped as error:
                    row = ManifestRow(status="dropped", reason=error.reason, **about_copy)
                except OSError as error:
                    raise DatasetError(
                        f"{path}: cannot be written ({one_line(error)}); what was prepared is "
                        "kept, and the same command continues"
                    ) from error
            rows.append(row)
    except PictureError as error:  # unreadable, or too small, which is true of all copies
        return [ManifestRow(image=photo.name, status="dropped", reason=error.reason, **about)]
    return rows


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
