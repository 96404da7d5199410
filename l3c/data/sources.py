"""Where photographs come from: one small record each, and the photographs of a folder."""

from __future__ import annotations

import codecs
import hashlib
import os
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from l3c.data.errors import DatasetError
from l3c.data.images import IMAGE_SUFFIXES, READABLE_SUFFIXES, RGBImage, file_sha256, read_rgb
from l3c.folders import find_files

LIST_SUFFIX = ".txt"
_KINDS_SHOWN = 6
_LONGEST_NAME = 80  # of a file name's 255 bytes; leaves room for the marks of copies and suffixes


@dataclass(frozen=True)
class Photo:
    """One photograph before preparation; nothing is read until asked.

    Attributes:
        name: unique in its data set, of the characters A-Z a-z 0-9 _ and -.
        source: what it was, as text: the path inside the folder or package. Seeds derive from it.
        licence: one line; empty where it is not known (a user's folder).
        read: the pixels; raises ImageError.
        digest: a hash that changes with the pixels; raises ImageError.
    """

    name: str
    source: str
    licence: str
    read: Callable[[], RGBImage]
    digest: Callable[[], str]


def file_photo(name: str, path: Path, source: str, licence: str = "") -> Photo:
    """The photograph in a file."""
    return Photo(name, source, licence, partial(read_rgb, path), partial(file_sha256, path))


def listed_photos(path: Path, licence: str = "") -> list[Photo]:
    """The image files that a text file names, one in each line, in its order.

    Paths are relative to the folder of the text file. Empty lines are passed over.

    Raises:
        DatasetError: the list cannot be read, is empty, or names a file twice or one that is
            missing.
    """
    sources = _listed(path)
    names = unique_names(sources)
    return [file_photo(names[each], path.parent / each, each, licence) for each in sources]


def _listed(path: Path) -> list[str]:
    sources = _lines(path)
    if not sources:
        raise DatasetError(f"{path}: names no image; write the path of one in each line")
    repeated = [source for source, count in Counter(sources).items() if count > 1]
    if repeated:
        raise DatasetError(f"{path}: names {repeated[0]} more than once")
    gone = FileNotFoundError.__name__
    missing = [source for source in sources if _file_state(path.parent / source) == gone]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise DatasetError(f"{path}: no such file: {missing[0]}{more}; paths start at its folder")
    return sources


def _lines(path: Path) -> list[str]:
    """The lines of a list that are not empty, without the byte-order mark of Windows editors."""
    try:
        with path.open("rb") as file:
            utf16 = file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        encoding, errors = ("utf-16", "strict") if utf16 else ("utf-8-sig", "surrogateescape")
        with path.open(encoding=encoding, errors=errors) as text:
            lines = [line.strip() for line in text]
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeError:
        lines = ["\0"]
    if any("\0" in line for line in lines):
        raise DatasetError(f"{path}: not a list in UTF-8; save it as a text file in UTF-8")
    return [line for line in lines if line]


def folder_photos(folder: Path, licence: str = "") -> list[Photo]:
    """All image files below a folder, sorted by their path inside it, under one licence.

    Links are followed, each folder is visited once. Hidden files and folders, and files without the
    suffix of an image, are left out; one line on stderr counts them.

    Raises:
        DatasetError: if the folder is missing, cannot be listed, or holds no image file.
    """
    if not os.path.exists(folder):  # unlike Path.exists, also False where it may not be looked at
        raise DatasetError(f"{folder}: no such folder; name an existing folder of images")
    if not folder.is_dir():
        raise DatasetError(f"{folder}: not a folder; name the folder that holds the images")
    images, ignored = _image_files(folder)
    counts = _counts(ignored)
    if not images:
        found = f"it holds only {counts}" if counts else "it is empty"
        known = " ".join(sorted(READABLE_SUFFIXES))
        raise DatasetError(f"{folder}: no image file, {found}; images end in {known}")
    if ignored:
        print(
            f"{folder}: image files: {len(images)}; ignored, as no images by name: {counts}",
            file=sys.stderr,
        )
    paths = sorted(path.relative_to(folder).as_posix() for path in images)
    names = unique_names(paths)
    return [file_photo(names[path], folder / path, path, licence) for path in paths]


def files_state(source: Path) -> str:
    """A hash that changes when an image file of a source is added, removed, renamed or written.

    It looks at names, sizes and times alone, so that it is quick. The time of the last change of
    an inode is one of them: no program can set it back. What cannot be read counts as such.

    Args:
        source: a folder, a text file that lists images, or an archive.
    """
    files = {source.name: source}
    try:
        if os.path.isdir(source):
            images = sorted(_image_files(source)[0])
            files = {str(path.relative_to(source)): path for path in images}
        elif source.suffix == LIST_SUFFIX:
            files = {name: source.parent / name for name in _lines(source)}
    except DatasetError:
        pass  # making the data set says what is wrong, and makes none
    text = "\n".join(f"{name} {_file_state(path)}" for name, path in files.items())
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _file_state(path: Path) -> str:
    """Size and times of a file, of a link also when it was set; or why there are none."""
    try:
        link, file = path.lstat(), path.stat()
    except (OSError, ValueError) as error:
        return type(error).__name__
    return f"{file.st_size} {file.st_mtime_ns} {file.st_ctime_ns} {link.st_ctime_ns}"


def _image_files(folder: Path) -> tuple[list[Path], list[str]]:
    """Files below a folder that are images by their suffix, and of what kind the others are.

    Raises:
        DatasetError: a folder cannot be listed.
    """
    found = find_files(folder, IMAGE_SUFFIXES)
    if found.locked:
        first = found.locked[0]
        raise DatasetError(f"{first.path}: cannot list this folder: {first.reason}")
    ignored = [left.reason for left in found.left]
    return found.files, ignored + [path.suffix.lower() or "no suffix" for path in found.others]


def _counts(kinds: list[str]) -> str:
    """How often each kind occurs, the most frequent first, short enough for one line."""
    ranked = sorted(Counter(kinds).items(), key=lambda item: (-item[1], item[0]))
    shown = [f"{count} {kind}" for kind, count in ranked[:_KINDS_SHOWN]]
    if rest := sum(count for _, count in ranked[_KINDS_SHOWN:]):
        shown.append(f"{rest} others")
    return ", ".join(shown)


def unique_names(sources: Iterable[str]) -> dict[str, str]:
    """Source path -> name that any file system, shell and table can hold.

    Letters lose their accents, other characters become single underscores. Names that meet, in the
    eyes of a file system that ignores case, all get a hash of their source; which photographs come
    first therefore does not matter. A name has no double underscore of its own.
    """
    plain = {source: _plain_name(source) for source in sources}
    count = Counter(name.lower() for name in plain.values())
    return {
        source: name if count[name.lower()] == 1 else f"{name}__{_short_hash(source)}"
        for source, name in plain.items()
    }


def _plain_name(source: str) -> str:
    stem = source[: -len(Path(source).suffix)] if Path(source).suffix else source
    letters = unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode("ascii")
    name = re.sub(r"[^A-Za-z0-9-]+", "_", letters)[:_LONGEST_NAME].strip("_-")
    return name or "image"


def _short_hash(source: str) -> str:
    text = unicodedata.normalize("NFC", source).encode("utf-8", "surrogateescape")
    return hashlib.sha256(text).hexdigest()[:8]
