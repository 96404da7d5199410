"""Where photographs come from: folders, packages that are installed anyway, and downloads.

The embedded photographs are split by scene, so that no test pixel was trained on: both pictures of
the stereo pair train. Licences are as the packages state them: scikit-learn in the README.txt
beside its images, scikit-image in the docstrings of `skimage.data`.

The image sets of the field that can be downloaded are listed in config/datasets.tsv, one row each.
Its columns are the attributes of an `ImageSet`; URLs and checksums are separated by spaces.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.resources
import os
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, ValidationError, field_validator, model_validator

from l3c.data import DatasetError
from l3c.data.images import RGBImage, read_rgb
from l3c.files import find_files
from l3c.images.reading import IMAGE_SUFFIXES, READABLE_SUFFIXES
from l3c.messages import PACKAGES
from l3c.settings import FrozenSettings, problems

EMBEDDED = "embedded"  # source of the photographs inside packages
_LONGEST_NAME = 80  # of a file name's 255 bytes; leaves room for the marks of copies and suffixes


@dataclass(frozen=True)
class Photo:
    """The file of a photograph before preparation; nothing is read until asked.

    Attributes:
        name: unique in its data set, of the characters A-Z a-z 0-9 _ and -.
        path: of the file.
        source: the path inside the folder or package, as text. Seeds derive from it.
        licence: one line; empty where it is not known (a user's folder).
    """

    name: str
    path: Path
    source: str
    licence: str = ""

    def read(self) -> RGBImage:
        """The pixels, uint8 (H, W, 3); raises PictureError."""
        return read_rgb(self.path)


def folder_photos(folder: Path, licence: str = "") -> list[Photo]:
    """All image files below a folder, sorted by their path inside it, under one licence.

    Links are followed, each folder is visited once. Hidden files and folders, and files without the
    suffix of an image, are left out; one line on stderr counts them.

    Raises:
        DatasetError: if the folder is missing, cannot be listed, or holds no image file.
    """
    if not os.path.isdir(folder):
        raise DatasetError(f"{folder}: no such folder; name an existing folder of images")
    found = find_files(folder, IMAGE_SUFFIXES)
    for path, reason in found.locked.items():
        raise DatasetError(f"{path}: cannot list this folder: {reason}")
    kinds = Counter(sorted(found.left.values()))
    shown = [f"{count} {kind}" for kind, count in kinds.most_common()]
    left_out = f"left out: {', '.join(shown) or 'nothing'}"
    if not found.files:
        known = " ".join(sorted(READABLE_SUFFIXES))
        raise DatasetError(f"{folder}: no image file, {left_out}; images end in {known}")
    if kinds:
        print(f"{folder}: {len(found.files)} image files; {left_out}", file=sys.stderr)
    paths = sorted(path.relative_to(folder).as_posix() for path in found.files)
    names = unique_names(paths)
    return [Photo(names[path], folder / path, path, licence) for path in paths]


def source_state(source: str) -> str:
    """A hash that changes when an image file of a folder is added, removed, renamed or written.

    It looks at names, sizes and times alone, so that it is quick. The time of the last change of
    an inode is one of them: no program can set it back. What cannot be read counts as such.

    Args:
        source: of a data set; "" is returned of the embedded photographs.
    """
    if source == EMBEDDED:
        return ""
    folder, states = Path(source).expanduser(), []
    for path in find_files(folder, IMAGE_SUFFIXES).files if os.path.isdir(folder) else [folder]:
        try:
            link, file = path.lstat(), path.stat()  # of a link also when it was set
            state = f"{file.st_size} {file.st_mtime_ns} {file.st_ctime_ns} {link.st_ctime_ns}"
        except (OSError, ValueError) as error:
            state = type(error).__name__
        states.append(f"{path} {state}")
    return hashlib.sha256("\n".join(states).encode("utf-8", "surrogateescape")).hexdigest()


def unique_names(sources: Iterable[str]) -> dict[str, str]:
    """Source path -> name that any file system, shell and table can hold.

    Letters lose their accents, other characters become single underscores. Names that meet, in the
    eyes of a file system that ignores case, all get a hash of their source; which photographs come
    first therefore does not matter. A name has no double underscore of its own.
    """
    names = {}
    for source in sources:
        stem = source.removesuffix(Path(source).suffix)
        letters = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode("ascii")
        name = re.sub(r"[^A-Za-z0-9-]+", "_", letters)[:_LONGEST_NAME].strip("_-")
        names[source] = name or "image"
    count = Counter(name.lower() for name in names.values())
    for source, name in names.items():
        if count[name.lower()] > 1:
            text = unicodedata.normalize("NFC", source).encode("utf-8", "surrogateescape")
            names[source] = f"{name}__{hashlib.sha256(text).hexdigest()[:8]}"
    return names


def embedded_photos(which: str) -> list[Photo]:
    """Some of the embedded photographs.

    Args:
        which: a subset, "train" or "test", or what a photograph shows, such as "cat".

    Raises:
        DatasetError: none shows that; the message lists the scenes. Or a package or a file of it
            is missing, with the package to install.
    """
    with Path(__file__).with_name("embedded.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    chosen = [row for row in rows if which in (row["subset"], row["scene"])]
    if not chosen:
        scenes = ", ".join(dict.fromkeys(row["scene"] for row in rows))
        raise DatasetError(f'no embedded photograph is called "{which}"; there are: {scenes}')
    photos = []
    for row in chosen:
        package, _, inside = row["file"].partition("/")
        try:
            path = Path(str(importlib.resources.files(package))) / inside
            path.stat()
        except (ModuleNotFoundError, OSError):
            raise DatasetError(
                f"embedded photograph {row['file']}: not in the installed "
                f"{PACKAGES.get(package, package)}; install it, or another version"
            ) from None
        photos.append(Photo(path.stem, path, row["file"], row["licence"]))
    return photos


FILES = "files"  # folder of the images of a set, as they were published
_CHECKSUM = "(?i)^(sha256:[0-9a-f]{64}|sha1:[0-9a-f]{40}|md5:[0-9a-f]{32})$"
Checksum = Annotated[str, StringConstraints(pattern=_CHECKSUM)]


class ImageSet(FrozenSettings):
    """A row of the catalogue.

    Attributes:
        name: by which configurations call it.
        title: with the edition.
        licence: one line.
        urls: archives, image files, or one archive with a list.
        checksums: of each URL, "sha256:...", "sha1:..." or "md5:..."; none where not known.
        images_from: column of the list, in a CSV file, that holds the URLs of the images; or "".
        published_as: name of this data set in results/published.csv, alone or with an edition,
            where results were published on these very images; or "".
    """

    name: str
    title: str = ""
    licence: str = ""
    urls: tuple[str, ...] = Field(min_length=1)
    checksums: tuple[Checksum, ...] = ()
    images_from: str = ""
    published_as: str = ""

    @field_validator("urls", "checksums", mode="before")
    @classmethod
    def _split(cls, cell: Any) -> Any:
        return cell.split() if isinstance(cell, str) else cell

    @model_validator(mode="after")
    def _a_checksum_for_each(self) -> Self:
        if self.checksums and len(self.checksums) != len(self.urls):
            raise ValueError(f"{len(self.urls)} URLs, {len(self.checksums)} checksums")
        return self

    def fetched(self) -> dict[str, Any]:
        """What decides which files are fetched, as arguments of an image set."""
        return self.model_dump(include={"name", "urls", "checksums", "images_from"}, mode="json")


def read_catalogue(path: Path) -> dict[str, ImageSet]:
    """Name -> image set.

    Raises:
        DatasetError: the file is missing, or a row of it is not as described above.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            return {row.name: row for row in map(ImageSet.model_validate, reader)}
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from None
    except ValidationError as error:
        raise DatasetError(
            f"{path}, line {reader.line_num}: {'; '.join(problems(error))}"
        ) from None
