"""Where photographs come from: folders, and packages that are installed anyway.

The embedded photographs are split by scene, so that no test pixel was trained on: both pictures of
the stereo pair train. Licences are as the packages state them: scikit-learn in the README.txt
beside its images, scikit-image in the docstrings of `skimage.data`.
"""

from __future__ import annotations

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
from typing import Literal, NamedTuple

from l3c.data import DatasetError
from l3c.data.images import RGBImage, read_rgb
from l3c.files import find_files
from l3c.images.reading import IMAGE_SUFFIXES, READABLE_SUFFIXES

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
    for locked in found.locked:
        raise DatasetError(f"{locked.path}: cannot list this folder: {locked.reason}")
    kinds = [left.reason for left in found.left]
    kinds += [path.suffix.lower() or "no suffix" for path in found.others]
    shown = [f"{count} {kind}" for kind, count in Counter(sorted(kinds)).most_common()]
    left_out = f"left out: {', '.join(shown) or 'nothing'}"
    if not found.files:
        known = " ".join(sorted(READABLE_SUFFIXES))
        raise DatasetError(f"{folder}: no image file, {left_out}; images end in {known}")
    if kinds:
        print(f"{folder}: {len(found.files)} image files; {left_out}", file=sys.stderr)
    paths = sorted(path.relative_to(folder).as_posix() for path in found.files)
    names = unique_names(paths)
    return [Photo(names[path], folder / path, path, licence) for path in paths]


def files_state(source: Path) -> str:
    """A hash that changes when an image file of a source is added, removed, renamed or written.

    It looks at names, sizes and times alone, so that it is quick. The time of the last change of
    an inode is one of them: no program can set it back. What cannot be read counts as such.

    Args:
        source: a folder, or a file.
    """
    paths = [source]
    if os.path.isdir(source):
        paths = find_files(source, IMAGE_SUFFIXES).files
    text = "\n".join(f"{path} {_file_state(path)}" for path in paths)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _file_state(path: Path) -> str:
    """Size and times of a file, of a link also when it was set; or why there are none."""
    try:
        link, file = path.lstat(), path.stat()
    except (OSError, ValueError) as error:
        return type(error).__name__
    return f"{file.st_size} {file.st_mtime_ns} {file.st_ctime_ns} {link.st_ctime_ns}"


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


_INSTALL = {"skimage": "scikit-image", "sklearn": "scikit-learn"}  # others are called as they are
_NASA = "public domain (NASA)"
_TEMPLE = "CC BY 2.0, danielbuechele (flickr.com/photos/danielbuechele/6061409035)"
_FLOWER = "CC BY 2.0, vultilion (flickr.com/photos/vultilion/6056698931)"
_STEREO = (
    "Middlebury 2014 stereo benchmark, Scharstein et al., GCPR 2014; "
    "no licence stated in scikit-image"
)
_NO_RIGHTS = "no known copyright restrictions (Center for Microscopy and Molecular Imaging)"
_UNSTATED = (
    "no licence stated in matplotlib; its source is commons.wikimedia.org/wiki/"
    "File:Grace_Hopper.jpg"
)


class EmbeddedPhoto(NamedTuple):
    """A photograph inside a package: what it shows, where it is, and under which licence."""

    subset: Literal["train", "test"]
    scene: str
    file: str
    licence: str


EMBEDDED = (
    EmbeddedPhoto("train", "astronaut", "skimage/data/astronaut.png", _NASA),
    EmbeddedPhoto("train", "motorcycle", "skimage/data/motorcycle_left.png", _STEREO),
    EmbeddedPhoto("train", "motorcycle", "skimage/data/motorcycle_right.png", _STEREO),
    EmbeddedPhoto("train", "retina", "skimage/data/retina.jpg", "CC0 1.0, Mikael Häggström"),
    EmbeddedPhoto("train", "tissue", "skimage/data/ihc.png", _NO_RIGHTS),
    EmbeddedPhoto("train", "stars", "skimage/data/hubble_deep_field.jpg", _NASA),
    EmbeddedPhoto("train", "temple", "sklearn/datasets/images/china.jpg", _TEMPLE),
    EmbeddedPhoto(
        "train", "officer", "matplotlib/mpl-data/sample_data/grace_hopper.jpg", _UNSTATED
    ),
    EmbeddedPhoto("test", "cat", "skimage/data/chelsea.png", "CC0, Stefan van der Walt"),
    EmbeddedPhoto("test", "coffee", "skimage/data/coffee.png", "CC0, Rachel Michetti"),
    EmbeddedPhoto("test", "rocket", "skimage/data/rocket.jpg", "public domain (SpaceX)"),
    EmbeddedPhoto("test", "flower", "sklearn/datasets/images/flower.jpg", _FLOWER),
)


def embedded_photos(subset: Literal["train", "test"]) -> list[Photo]:
    """The embedded photographs of one subset.

    Raises:
        DatasetError: if a package or a file of it is missing, with the package to install.
    """
    return [_photo(one, Path(one.file).stem) for one in EMBEDDED if one.subset == subset]


def embedded_photo(scene: str) -> Photo:
    """One of them by what it shows.

    Raises:
        DatasetError: none shows that; the message lists the scenes. Or as `embedded_photos`.
    """
    for one in EMBEDDED:
        if one.scene == scene:
            return _photo(one, scene)
    scenes = ", ".join(dict.fromkeys(one.scene for one in EMBEDDED))
    raise DatasetError(f'no embedded photograph is called "{scene}"; there are: {scenes}')


def _photo(one: EmbeddedPhoto, name: str) -> Photo:
    package, _, file = one.file.partition("/")
    try:
        path = Path(str(importlib.resources.files(package))) / file
        path.stat()
    except (ModuleNotFoundError, OSError):
        raise DatasetError(
            f"embedded photograph {one.file}: not in the installed "
            f"{_INSTALL.get(package, package)}; install it, or another version"
        ) from None
    return Photo(name, path, one.file, one.licence)
