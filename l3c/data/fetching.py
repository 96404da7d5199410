"""An image set -> a folder of its files and a list of them, with sizes and hashes.

Files that were downloaded or unpacked before an interruption are used again, unless the set names
other files since. Archives are unpacked whole or not at all, and nothing outside their folder.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tarfile
import zipfile
from collections import Counter
from collections.abc import Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import numpy as np
import pandas as pd
from filelock import FileLock

from l3c.data.catalogue import ARCHIVE_SUFFIXES, FILES, ImageSet
from l3c.data.download import digest, fetch
from l3c.data.errors import DatasetError
from l3c.data.images import write_png
from l3c.images.reading import IMAGE_SUFFIXES
from l3c.messages import one_line
from l3c.progress import Progress
from l3c.whole_files import write_whole

LIST = "files.csv"  # beside the files, written last
ORIGIN = "origin.json"  # beside the files, written first: where they come from
_SIDES = {3 * side * side: side for side in (32, 64)}  # bytes of a row of a batch -> pixels
_MB = 1_000_000
_ARCHIVE = re.compile(f"({'|'.join(map(re.escape, ARCHIVE_SUFFIXES))})$", re.IGNORECASE)


def fetch_set(image_set: ImageSet, folder: Path) -> Path:
    """Downloads and unpacks an image set.

    Each archive is removed once it is unpacked, those of this machine excepted.

    Args:
        image_set: which.
        folder: of this set alone; made if missing. Files of other URLs are removed from it.

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
    """Removes files of other URLs."""
    origin = (json.dumps(image_set.fetched(), indent=2) + "\n").encode()
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
    rows = [
        (file.relative_to(files).as_posix(), file.stat().st_size, digest(file, "sha256"))
        for file in images
    ]
    table = pd.DataFrame(rows, columns=["path", "bytes", "sha256"])
    write_whole(path, table.to_csv(index=False).encode("utf-8", "backslashreplace"))


def _is_image(name: str) -> bool:
    return Path(name).suffix.lower() in IMAGE_SUFFIXES and not name.startswith(".")


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks an archive into a new folder; one that is there was unpacked before, and is kept.

    A batch of downsampled ImageNet (Chrabaszcz et al., 2017), `x.npz` of uint8 `data` (N, 3 S S)
    with S = 32 or 64, each row the planes R, G and B of an image, and `labels`, becomes
    `x/<row, 7 digits>.png`.

    Args:
        archive: a zip, or a tar with or without compression.
        folder: where to; it appears once all is unpacked.

    Raises:
        DatasetError: a broken archive, a tar with a device or a path that leads out of the folder,
            a batch of another kind, or a full disk.
    """
    if folder.exists():
        return
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        _extract(archive, part)
        for batch in sorted(part.rglob("[!.]*.npz")):
            _unpack_batch(batch)
        os.replace(part, folder)
    except MemoryError:
        raise  # a fault of the machine, not of the archive
    except Exception as error:  # zipfile, tarfile and the decompressors raise nearly anything
        advice = "delete it so that it is fetched again, or unpack it by hand"
        if isinstance(error, OSError) and error.errno:
            advice = "make room below its folder, then run the same command again"
        raise DatasetError(
            f"{archive}: cannot be unpacked ({one_line(error)}); {advice}"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _extract(archive: Path, folder: Path) -> None:
    """Writes every file of an archive; of a link in a zip, a file that holds where it leads."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as zipped:
            zipped.extractall(folder)
        return
    with tarfile.open(archive) as tar:
        while (member := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined]  # all, about a kilobyte each
            tar.extract(member, folder, filter="data")  # no device, nothing outside
        # Without its end, or with a damaged header, tarfile takes it for complete. Reading on
        # also compares the checksum of a .gz.
        stream = tar.fileobj
        assert stream is not None
        whole = stream.tell() >= tar.offset + tarfile.BLOCKSIZE
        if not whole or any(map(any, iter(partial(stream.read, _MB), b""))):
            raise tarfile.ReadError(f"no end after {tar.offset} bytes")


def _unpack_batch(path: Path) -> None:
    """Rows of a batch -> PNG files in a folder of its name, in place of the batch."""
    with path.open("rb") as file, np.load(file) as arrays:
        data, _ = arrays["data"], arrays["labels"]
    if data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] not in _SIDES:
        raise ValueError(
            f"{path.name}: expected uint8 data (N, 3072) or (N, 12288), got {data.dtype} "
            f"{data.shape}"
        )
    side = _SIDES[data.shape[1]]
    folder = path.with_suffix("")
    folder.mkdir(exist_ok=True)
    for index, planes in enumerate(data.reshape(-1, 3, side, side)):
        write_png(folder / f"{index:07}.png", planes.transpose(1, 2, 0), durable=False)
    path.unlink()
