"""An image set -> a folder of its files and a list of them, with sizes and hashes.

Archives are unpacked and then removed. Whatever was downloaded or unpacked before an interruption
is used again.
"""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from l3c.data.catalogue import ARCHIVE_SUFFIXES, FILES, ImageSet, is_archive
from l3c.data.download import fetch
from l3c.data.errors import DatasetError
from l3c.data.images import FOREIGN_SUFFIXES, READABLE_SUFFIXES, file_sha256
from l3c.data.unpack import unpack
from l3c.progress import Progress
from l3c.whole_files import write_whole

LIST = "files.csv"  # beside it, written last
_IMAGE_SUFFIXES = READABLE_SUFFIXES | FOREIGN_SUFFIXES


def fetch_set(image_set: ImageSet, folder: Path) -> Path:
    """Downloads and unpacks an image set.

    Args:
        image_set: which.
        folder: of this set alone; made if missing.

    Returns:
        The path of the list: a CSV file with path, bytes and sha256 of each file below `files/`.

    Raises:
        DatasetError: what cannot be downloaded or unpacked, or a set without an image.
    """
    files, archives = folder / FILES, folder / "archives"
    for part in (files, archives):
        part.mkdir(parents=True, exist_ok=True)
    for url, checksum in zip(image_set.urls, image_set.checksums, strict=True):
        name = _name(url)
        if _is_image(name):
            fetch(url, files / name, checksum)
            continue
        if not is_archive(name):
            name += ".zip"  # of a URL that does not end in a file's name
        archive = fetch(url, archives / name, checksum)
        unpack(archive, (archives if image_set.images_from else files) / _stem(name))
    if image_set.images_from:
        _fetch_listed(image_set, archives, files)
    listed = sorted(path for path in files.rglob("*") if _is_image(path.name))
    if not listed:
        raise DatasetError(f"{image_set.name}: no image file in {', '.join(image_set.urls)}")
    _write_list(folder / LIST, files, listed)
    shutil.rmtree(archives)
    return folder / LIST


def _fetch_listed(image_set: ImageSet, archives: Path, files: Path) -> None:
    urls = list(_listed_urls(image_set, archives))
    with Progress(len(urls), f"fetching {image_set.name}", "file") as bar:
        for url in urls:
            fetch(url, files / _name(url), progress=False)
            bar.update()


def _listed_urls(image_set: ImageSet, archives: Path) -> Iterator[str]:
    tables = sorted(archives.rglob("*.csv"))
    for table in tables:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if image_set.images_from in (reader.fieldnames or ()):
                yield from (row[image_set.images_from] for row in reader)
                return
    found = ", ".join(table.name for table in tables) or "none"
    raise DatasetError(
        f"{image_set.name}: no CSV file with a column {image_set.images_from} in what was "
        f"downloaded (found: {found})"
    )


def _write_list(path: Path, files: Path, listed: list[Path]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["path", "bytes", "sha256"])
    with Progress(len(listed), f"hash {path.parent.name}", "file") as bar:
        for file in listed:
            relative = file.relative_to(files).as_posix()
            writer.writerow([relative, file.stat().st_size, file_sha256(file)])
            bar.update()
    write_whole(path, text.getvalue().encode("utf-8", "backslashreplace"))


def _name(url: str) -> str:
    return unquote(urlsplit(url).path).rstrip("/").rpartition("/")[2] or "download"


def _is_image(name: str) -> bool:
    return Path(name).suffix.lower() in _IMAGE_SUFFIXES and not name.startswith(".")


def _stem(name: str) -> str:
    """Of an archive, without its suffixes."""
    suffix = next(each for each in ARCHIVE_SUFFIXES if name.lower().endswith(each))
    return name[: -len(suffix)]
