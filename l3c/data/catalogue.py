"""The image sets of the field that can be downloaded: config/datasets.tsv, one row each.

Columns: the name that a configuration gives as `source`; a title that says which edition; the
licence in one line; the URLs, in which {0..2} stands for 0, 1, 2; their checksums where they are
known, separated by spaces like the URLs; about how many GB are downloaded, how many images that is,
and of how many megapixels each; where what is downloaded is a list, the column of it whose URLs are
the images; and, where results were published on these very images, the name of the data set in
results/published.csv, with the edition where editions had other images.
"""

from __future__ import annotations

import csv
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from l3c.data.errors import DatasetError

COLUMNS = (
    "name",
    "title",
    "licence",
    "urls",
    "checksums",
    "gb",
    "images",
    "megapixels",
    "images_from",
    "published_as",
)
FILES = "files"  # folder of the images of a set, as they were published
ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")
_CHECKSUM = re.compile(r"(?i)sha256:[0-9a-f]{64}|sha1:[0-9a-f]{40}|md5:[0-9a-f]{32}")
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


@dataclass(frozen=True)
class ImageSet:
    """A row of the catalogue.

    Attributes:
        name: by which configurations call it.
        urls: archives, image files, or one archive with a list.
        checksums: of each URL, "sha256:..." or "md5:...", or None where it is not known.
        images_from: column of the list, in a CSV file, that holds the URLs of the images; or "".
        title: with the edition.
        licence: one line.
        gb: about what is downloaded, in 10^9 bytes.
        images: about how many.
        megapixels: of an image, about, in 10^6 pixels.
        published_as: name of this data set in results/published.csv, alone or with an edition; or
            "".
    """

    name: str
    urls: tuple[str, ...]
    checksums: tuple[str | None, ...]
    images_from: str = ""
    title: str = ""
    licence: str = ""
    gb: float = 0.0
    images: int = 0
    megapixels: float = 0.0
    published_as: str = ""

    def fetched(self) -> dict[str, Any]:
        """What decides which files are fetched, as arguments of an image set."""
        decisive = ("name", "urls", "checksums", "images_from")
        return {key: value for key, value in asdict(self).items() if key in decisive}


def is_archive(name: str) -> bool:
    """Whether a file of this name is to be unpacked."""
    return name.lower().endswith(ARCHIVE_SUFFIXES)


def local_set(archive: Path) -> ImageSet:
    """The images of an archive on this machine, as an image set."""
    return ImageSet(archive.name, (str(archive),), (None,))


def read_catalogue(path: Path) -> dict[str, ImageSet]:
    """Name -> image set.

    Raises:
        DatasetError: the file is missing, or a row of it is not as described above.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                raise DatasetError(f"{path}: its first line is not {', '.join(COLUMNS)}")
            sets = [_image_set(path, number, row) for number, row in enumerate(reader, start=2)]
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from None
    return {image_set.name: image_set for image_set in sets}


def _image_set(path: Path, number: int, row: dict[str, str]) -> ImageSet:
    try:
        urls = tuple(url for pattern in row["urls"].split() for url in expand(pattern))
        checksums: tuple[str | None, ...] = tuple(row["checksums"].split()) or (None,) * len(urls)
        sizes = float(row["gb"]), int(row["images"]), float(row["megapixels"])
    except (AttributeError, ValueError):  # None stands for missing cells
        raise DatasetError(
            f"{path}, line {number}: missing cells, or a size that is no number"
        ) from None
    for checksum in checksums:
        if checksum and not _CHECKSUM.fullmatch(checksum):
            raise DatasetError(f"{path}, line {number}: {checksum} is no sha256:, sha1: or md5:")
    if not urls or len(checksums) != len(urls):
        raise DatasetError(f"{path}, line {number}: {len(urls)} URLs, {len(checksums)} checksums")
    about = row["title"], row["licence"], *sizes, row["published_as"] or ""
    return ImageSet(row["name"], urls, checksums, row["images_from"], *about)


def expand(pattern: str) -> list[str]:
    """`a{08..10}` -> `a08`, `a09`, `a10`."""
    found = _RANGE.search(pattern)
    if not found:
        return [pattern]
    first, last = found.groups()
    return [
        f"{pattern[: found.start()]}{number:0{len(first)}d}{rest}"
        for number in range(int(first), int(last) + 1)
        for rest in expand(pattern[found.end() :])
    ]
