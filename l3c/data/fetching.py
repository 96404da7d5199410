"""An image set -> a folder of its files and a list of them, with sizes and hashes.

Whatever was downloaded or unpacked before an interruption is used again, unless the set has come
to mean other files since.
"""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import pandas as pd
from filelock import FileLock

from l3c.data.catalogue import ARCHIVE_SUFFIXES, FILES, ImageSet
from l3c.data.download import digest, fetch
from l3c.data.errors import DatasetError
from l3c.data.sources import files_state
from l3c.data.unpack import unpack
from l3c.images.reading import IMAGE_SUFFIXES
from l3c.progress import Progress
from l3c.whole_files import write_whole

LIST = "files.csv"  # beside the files, written last
ORIGIN = "origin.json"  # beside the files, written first: where they come from
_ARCHIVE = re.compile(f"({'|'.join(map(re.escape, ARCHIVE_SUFFIXES))})$", re.IGNORECASE)


def fetch_set(image_set: ImageSet, folder: Path) -> Path:
    """Downloads and unpacks an image set.

    Each archive is removed once it is unpacked, those of this machine excepted.

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
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "fetch.lock"):  # of two runs that share a folder, one waits
        files, downloads = folder / FILES, folder / "archives"
        _forget_others(image_set, folder)
        into = downloads / "lists" if image_set.images_from else files
        _fetch_all(image_set, image_set.urls, image_set.checksums, downloads, into)
        if image_set.images_from:
            _fetch_all(image_set, _listed_urls(image_set, into), (), downloads, files)
        found = files.rglob("*")
        images = sorted(path for path in found if _is_image(path.name) and path.is_file())
        if not images:
            raise DatasetError(f"{image_set.name}: no image file in {', '.join(image_set.urls)}")
        _write_list(folder / LIST, files, images)
        shutil.rmtree(downloads, ignore_errors=True)
    return folder / LIST


def _forget_others(image_set: ImageSet, folder: Path) -> None:
    """Removes what was fetched for another meaning of the set."""
    local = [files_state(Path(url).expanduser()) for url in image_set.urls if "://" not in url]
    origin = (json.dumps(image_set.fetched() | {"local": local}, indent=2) + "\n").encode()
    path = folder / ORIGIN
    if path.exists() and path.read_bytes() != origin:
        for old in (folder / FILES, folder / "archives"):
            shutil.rmtree(old, ignore_errors=True)
    write_whole(path, origin)


def _fetch_all(
    image_set: ImageSet, urls: Sequence[str], checksums: Sequence[str], downloads: Path, into: Path
) -> None:
    """Images and unpacked archives of some URLs, into a folder."""
    names = [PurePosixPath(unquote(urlsplit(url).path)).name or "download" for url in urls]
    if len(set(names)) < len(names):
        repeated, times = Counter(names).most_common(1)[0]
        raise DatasetError(f"{image_set.name}: {times} URLs name one file, {repeated}")
    with Progress(len(urls), f"fetching {image_set.name}", "file") as bar:
        for url, name, checksum in zip_longest(urls, names, checksums):
            stem = next(
                (name[: -len(s)] for s in ARCHIVE_SUFFIXES if name.lower().endswith(s)), name
            )
            if _is_image(name):
                path = fetch(url, into / name, checksum)
                if path != into / name:
                    into.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, into / name)
            elif not (stem := into / _ARCHIVE.sub("", name)).exists():
                unpack(fetch(url, downloads / name, checksum), stem)
                (downloads / name).unlink(missing_ok=True)
            bar.update()


def _listed_urls(image_set: ImageSet, lists: Path) -> list[str]:
    """The URLs in the column that the set names, each once."""
    tables = sorted(lists.rglob("*.csv"))
    for table in tables:
        rows = pd.read_csv(table, dtype=str, encoding="utf-8-sig")
        if image_set.images_from in rows:
            return list(rows[image_set.images_from].dropna().unique())
    found = ", ".join(table.name for table in tables) or "none"
    raise DatasetError(
        f"{image_set.name}: no CSV file with a column {image_set.images_from} in what was "
        f"downloaded (found: {found})"
    )


def _write_list(path: Path, files: Path, images: list[Path]) -> None:
    rows = []
    with Progress(len(images), f"hash {path.parent.name}", "file") as bar:
        for file in images:
            relative = file.relative_to(files).as_posix()
            rows.append((relative, file.stat().st_size, digest(file, "sha256")))
            bar.update()
    table = pd.DataFrame(rows, columns=["path", "bytes", "sha256"])
    write_whole(path, table.to_csv(index=False).encode("utf-8", "backslashreplace"))


def _is_image(name: str) -> bool:
    return Path(name).suffix.lower() in IMAGE_SUFFIXES and not name.startswith(".")
