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
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from PIL import Image
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from l3c.data import DatasetError
from l3c.data.images import (
    IMAGES,
    MANIFEST,
    ManifestRow,
    RGBImage,
    file_sha256,
    pixel_sha256,
    read_kept,
    write_manifest,
    write_png,
)
from l3c.data.sources import EMBEDDED, Photo, embedded_photos, folder_photos
from l3c.images.picture import PictureError
from l3c.messages import listed, one_line
from l3c.progress import Progress
from l3c.settings import FrozenSettings
from l3c.threads import in_threads, thread_count


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


_AS_THEY_ARE = Preparation(full_size=True, max_saturation=1, max_value=1)


def deviations(preparation: Preparation | None) -> list[str]:
    """How the preparation of images (None: taken as they are) differs from the paper's, by line."""
    if preparation is None:
        return ["prepare: none, the images as they are"]
    paper, ours = Preparation().model_dump(), preparation.model_dump()
    return [f"prepare.{k}: {v} instead of {paper[k]}" for k, v in ours.items() if v != paper[k]]


def choose_factor(height: int, width: int, name: str, copy: int, preparation: Preparation) -> float:
    """The scaling factor of one copy, drawn from seed, name and copy; the same on every machine.

    Raises:
        PictureError: if the image is too small.
    """
    if (wanted := preparation.longer_side) is not None:
        longer = max(height, width)
        if longer < wanted:
            raise PictureError(f"too small: longer side {longer} px < {wanted} px", name)
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
        raise PictureError(f"too small: {reason}", name)
    smallest = least / shorter
    return smallest + _drawn(preparation.seed, copy, name) * (largest - smallest)


def _drawn(*known: int | str) -> float:
    """A number in 0..1 that depends on what is known alone."""
    # NFC: the same name may be stored composed or decomposed, depending on the file system.
    text = unicodedata.normalize("NFC", "\n".join(map(str, known)))
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
        PictureError: if the image is too saturated or too bright, with the figures.
    """
    height, width = image.shape[:2]
    size = max(1, round(width * factor)), max(1, round(height * factor))
    resampling = Image.Resampling.LANCZOS
    if preparation.square is not None:
        size, resampling = (preparation.square, preparation.square), Image.Resampling.BOX
        side = round(preparation.square / factor)
        top = int(_drawn(preparation.seed, name, "top") * (height - side + 1))
        left = int(_drawn(preparation.seed, name, "left") * (width - side + 1))
        image = image[top : top + side, left : left + side]
    scaled = np.array(Image.fromarray(image).resize(size, resampling), order="C")
    largest = scaled.max(axis=2).astype(np.float64)
    saturation = (largest - scaled.min(axis=2)) / np.maximum(largest, 1)  # black: 0
    for word, kind, mean, limit in (
        ("saturated", "saturation", saturation.mean(), preparation.max_saturation),
        ("bright", "value", largest.mean() / 255, preparation.max_value),
    ):
        if mean > limit:
            raise PictureError(f"too {word}: mean HSV {kind} {mean:.3f} > {limit:g}", name)
    return scaled


JOURNAL = "made.jsonl"  # a line for each photograph, as it is made: a hash of what from, its rows
_ENTRY: TypeAdapter[tuple[str, list[ManifestRow]]] = TypeAdapter(tuple[str, list[ManifestRow]])
_VERSION = 2  # to be raised when the same source and preparation give other pixels
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
        DatasetError: one line that names a missing or empty source, why nothing was kept, or what
            cannot be written.
    """
    photos, manifest, images = _photos(spec, out_dir), out_dir / MANIFEST, out_dir / IMAGES
    earlier = _read_journal(out_dir / JOURNAL)
    try:
        manifest.unlink(missing_ok=True)  # it is written again, last
        images.mkdir(parents=True, exist_ok=True)
        rows = _make_all(photos, spec, out_dir, earlier)
        kept = _kept(rows)
        ours = {name for made in earlier.values() for name in _kept(made)}
        for path in images.iterdir():
            unfinished = path.name.startswith(".") and path.suffix == ".part"
            if unfinished or (path.suffix == ".png" and path.stem in ours - kept):
                path.unlink()
        dropped = [f"dropped {row.source}: {row.reason}" for row in rows if row.status != "kept"]
        name = f"{spec.source} ({spec.subset})" if spec.subset else spec.source
        if not kept:
            raise DatasetError(f"{name}: none of {len(rows)} images kept, the first {dropped[0]}")
        found = [f"{name}: {len(kept)} images kept, {len(dropped)} dropped", *dropped]
        print(listed(found, ", all in the manifest", "\n  ", most=_LISTED + 1), file=sys.stderr)
        write_manifest(manifest, rows)
    except OSError as error:
        raise DatasetError(
            f"{out_dir}: cannot be written ({one_line(error)}); what was prepared is kept, and the "
            "same command continues"
        ) from error
    return manifest


def _kept(rows: list[ManifestRow]) -> set[str]:
    return {row.image for row in rows if row.status == "kept"}


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


def _read_journal(path: Path) -> dict[str, list[ManifestRow]]:
    """Key -> rows of the photographs that earlier builds made."""
    made = {}
    for line in path.read_bytes().splitlines() if path.exists() else ():
        with suppress(ValidationError):  # of a line that was cut off
            key, rows = _ENTRY.validate_json(line)
            made[key] = rows
    return made


def _make_all(
    photos: list[Photo], spec: DatasetSpec, out_dir: Path, earlier: Mapping[str, list[ManifestRow]]
) -> list[ManifestRow]:
    """The rows of photographs up to the limit, their images written."""
    rows: list[ManifestRow] = []
    kept = 0
    prepare, images = spec.prepare or _AS_THEY_ARE, out_dir / IMAGES
    threads = thread_count() if spec.limit is None else 1  # with a limit none is read ahead
    with (
        warnings.catch_warnings(),  # around those of the threads, which would undo each other
        Progress(len(photos), out_dir.name, "photograph") as bar,
        (out_dir / JOURNAL).open("ab") as journal,
    ):
        warnings.simplefilter("ignore")
        every = in_threads(lambda photo: _make(photo, prepare, images, earlier), photos, threads)
        for index, (key, made) in enumerate(every, 1):
            if key and made != earlier.get(key):
                journal.write(b"\n" + _ENTRY.dump_json((key, made)))  # a cut off line ends here
                journal.flush()
            rows += made
            bar.update()
            kept += bool(_kept(made))
            if kept == spec.limit:
                left = len(photos) - index
                print(f"{spec.source}: {left} beyond the limit of {kept} not read", file=sys.stderr)
                break
    return rows


def _make(
    photo: Photo,
    prepare: Preparation,
    images: Path,
    earlier: Mapping[str, list[ManifestRow]],
) -> tuple[str, list[ManifestRow]]:
    """Key and rows of a photograph, its images written: a row for each copy, or one for all."""
    # As text that can be written as UTF-8, whatever bytes the file system holds.
    source, key = photo.source.encode("utf-8", "backslashreplace").decode("utf-8"), ""
    about: dict[str, Any] = {"source": source, "licence": photo.licence}
    try:
        about["source_sha256"] = file_sha256(photo.path)
        parts = json.dumps([_VERSION, photo.name, about, prepare.model_dump()], sort_keys=True)
        key = hashlib.sha256(parts.encode("ascii")).hexdigest()
        with suppress(DatasetError, KeyError):
            for row in earlier[key]:
                if row.status == "kept":
                    read_kept(images, row)
            return key, earlier[key]
        pixels = photo.read()
        height, width = pixels.shape[:2]
        about |= {"source_height": height, "source_width": width}
        copies = range(prepare.copies)
        factors = [choose_factor(height, width, photo.source, i, prepare) for i in copies]
    except PictureError as error:  # unreadable, or too small, which is true of all copies
        # Without a key: what cannot be read today is tried again by the next build.
        return "", [ManifestRow(image=photo.name, status="dropped", reason=error.reason, **about)]
    rows = []
    for copy, factor in enumerate(factors):
        name = photo.name if len(factors) == 1 else f"{photo.name}__{copy}"
        about |= {"image": name, "factor": factor}
        try:
            made = prepare_image(pixels, factor, name, prepare)
        except PictureError as error:
            rows.append(ManifestRow(status="dropped", reason=error.reason, **about))
            continue
        size = {"height": made.shape[0], "width": made.shape[1]}
        rows.append(ManifestRow(status="kept", pixel_sha256=pixel_sha256(made), **about, **size))
        write_png(images / f"{name}.png", made)
    return key, rows
