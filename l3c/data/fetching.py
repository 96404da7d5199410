"""An image set -> a folder of its files and a list of them, with sizes and hashes.

Archives are unpacked and then removed. Whatever was downloaded or unpacked before an interruption
is used again, unless the set has come to mean other files since.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from l3c.data.catalogue import ARCHIVE_SUFFIXES, FILES, ImageSet, is_archive
from l3c.data.download import fetch, local_file
from l3c.data.errors import DatasetError
from l3c.data.images import FOREIGN_SUFFIXES, READABLE_SUFFIXES, file_sha256
from l3c.data.sources import files_state
from l3c.data.unpack import unpack
from l3c.progress import Progress
from l3c.whole_files import write_whole

LIST = "files.csv"  # beside it, written last
ORIGIN = "origin.json"  # beside it, written first: what its files are from
_IMAGE_SUFFIXES = READABLE_SUFFIXES | FOREIGN_SUFFIXES


def fetch_set(image_set: ImageSet, folder: Path) -> Path:
    """Downloads and unpacks an image set.

    Args:
        image_set: which.
        folder: of this set alone; made if missing. Files of other URLs, or of a local archive that
            was written since, are removed from it.

    Returns:
        The path of the list: a CSV file with path, bytes and sha256 of each file below `files/`.

    Raises:
        DatasetError: what cannot be downloaded or unpacked, a set without an image, or one in which
            two URLs name one file.
    """
    files, archives = folder / FILES, folder / "archives"
    _check_names(image_set, image_set.urls)
    origin = _origin(image_set)
    if (folder / ORIGIN).exists() and (folder / ORIGIN).read_bytes() != origin:
        for part in (files, archives):
            shutil.rmtree(part, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / ORIGIN, origin)
    for part in (files, archives):
        part.mkdir(parents=True, exist_ok=True)
    for url, checksum in zip(image_set.urls, image_set.checksums, strict=True):
        name = _name(url)
        if _is_image(name):
            fetch(url, files / name, checksum)
            continue
        if not is_archive(name):
            name += ".zip"  # of a URL that does not end in a file's name
        # The user's own archive is read where it is; a hard link would change its state.
        archive = local_file(url, checksum) or fetch(url, archives / name, checksum)
        unpack(archive, (archives if image_set.images_from else files) / _stem(name))
    if image_set.images_from:
        _fetch_listed(image_set, archives, files)
    listed = sorted(path for path in files.rglob("*") if _is_image(path.name))
    if not listed:
        raise DatasetError(f"{image_set.name}: no image file in {', '.join(image_set.urls)}")
    _write_list(folder / LIST, files, listed)
    shutil.rmtree(archives)
    return folder / LIST


def _origin(image_set: ImageSet) -> bytes:
    """What changes when the files of a set do."""
    local = [files_state(Path(url).expanduser()) for url in image_set.urls if "://" not in url]
    return (json.dumps(image_set.fetched() | {"local": local}, indent=2) + "\n").encode()


def _check_names(image_set: ImageSet, urls: Iterable[str]) -> None:
    count = Counter(map(_name, urls))
    if repeated := [name for name, times in count.items() if times > 1]:
        raise DatasetError(
            f"{image_set.name}: {count[repeated[0]]} URLs name a file {repeated[0]}; they would be "
            "written over each other"
        )


def _fetch_listed(image_set: ImageSet, archives: Path, files: Path) -> None:
    urls = list(dict.fromkeys(_listed_urls(image_set, archives)))
    _check_names(image_set, urls)
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
