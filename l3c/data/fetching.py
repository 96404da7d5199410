"""An image set -> a folder of its files and a list of them, with sizes and hashes.

Downloads are continued where they stopped, checked, and there whole or not at all; archives are
unpacked whole or not at all, and nothing outside their folder. What was there before an
interruption is used again, unless the set names other files since.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import tarfile
import time
import zipfile
from collections import Counter
from collections.abc import Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import numpy as np
import pandas as pd
import requests
from filelock import FileLock
from urllib3.exceptions import HTTPError

from l3c.data import DatasetError
from l3c.data.images import write_png
from l3c.data.sources import FILES, ImageSet
from l3c.files import write_text, write_whole
from l3c.images.reading import IMAGE_SUFFIXES
from l3c.messages import one_line
from l3c.progress import Progress

LIST = "files.csv"  # beside the files, written last
ORIGIN = "origin.json"  # beside the files, written first: where they come from
_SIDES = {(3 * side * side,): side for side in (32, 64)}  # shape of a row of a batch -> pixels
_ARCHIVE = re.compile(r"\.(zip|tar|tar\.gz|tgz)$", re.IGNORECASE)
CHUNK = 1 << 18  # bytes that are written at once; at most so many are lost when a connection drops
PAUSE_S = 1.0  # before the second try; twice as long before each further one
TRIES = 6  # in a row that bring nothing new
TIMEOUT_S = 60.0  # for a connection, and between two pieces of an answer
SHOWN = 100_000_000  # bytes of a file whose progress is shown


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
        files, downloads, origin = folder / FILES, folder / "archives", folder / ORIGIN
        known = json.dumps(image_set.fetched(), indent=2) + "\n"
        if origin.exists() and origin.read_text("utf-8") != known:
            shutil.rmtree(files, ignore_errors=True)
            shutil.rmtree(downloads, ignore_errors=True)
        write_text(origin, known)
        into = downloads / "lists" if image_set.images_from else files
        _fetch_all(image_set, image_set.urls, image_set.checksums, downloads, into)
        if image_set.images_from:
            _fetch_all(image_set, _listed_urls(image_set, into), (), downloads, files)
        rows = [
            (path.relative_to(files).as_posix(), path.stat().st_size, digest(path, "sha256"))
            for path in sorted(files.rglob("*"))
            if _is_image(path.name) and path.is_file()
        ]
        if not rows:
            raise DatasetError(f"{image_set.name}: no image file in {', '.join(image_set.urls)}")
        table = pd.DataFrame(rows, columns=["path", "bytes", "sha256"]).to_csv(index=False)
        write_whole(folder / LIST, table.encode("utf-8", "backslashreplace"))
        shutil.rmtree(downloads, ignore_errors=True)
    return folder / LIST


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
    for path in sorted(lists.rglob("*.csv")):
        rows = pd.read_csv(path, dtype=str, encoding="utf-8-sig")
        if image_set.images_from in rows:
            return list(rows[image_set.images_from].dropna().unique())
    raise DatasetError(
        f"{image_set.name}: no CSV file with URLs in a column {image_set.images_from} in "
        f"{', '.join(image_set.urls)}"
    )


def _is_image(name: str) -> bool:
    return Path(name).suffix.lower() in IMAGE_SUFFIXES and not name.startswith(".")


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks an archive into a new folder.

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
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as zipped:
                zipped.extractall(part)  # of a link, a file that holds where it leads
        else:
            with tarfile.open(archive) as tar:
                tar.extractall(part, filter="data")  # no device, nothing outside
                # A damaged header is taken for the end: reading on finds more than zeros, and
                # compares the checksum of a .gz.
                stream = tar.fileobj
                assert stream is not None
                if any(map(any, iter(partial(stream.read, CHUNK), b""))):
                    raise tarfile.ReadError(f"a damaged header at {tar.offset} bytes")
        for batch in sorted(part.rglob("[!.]*.npz")):
            _unpack_batch(batch)
        os.replace(part, folder)
    except MemoryError:
        raise  # a fault of the machine, not of the archive
    except Exception as error:  # zipfile, tarfile and the decompressors raise nearly anything
        raise DatasetError(
            f"{archive}: cannot be unpacked ({one_line(error)}); make room below its folder, or "
            "delete it so that it is fetched again, or unpack it by hand"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _unpack_batch(path: Path) -> None:
    """Rows of a batch -> PNG files in a folder of its name, in place of the batch."""
    with path.open("rb") as file, np.load(file) as arrays:
        data, _ = arrays["data"], arrays["labels"]
    if data.dtype != np.uint8 or data.shape[1:] not in _SIDES:
        expected = "uint8 data (N, 3072) or (N, 12288)"
        raise ValueError(f"{path.name}: expected {expected}, got {data.dtype} {data.shape}")
    side = _SIDES[data.shape[1:]]
    folder = path.with_suffix("")
    folder.mkdir(exist_ok=True)
    for index, planes in enumerate(data.reshape(-1, 3, side, side)):
        write_png(folder / f"{index:07}.png", planes.transpose(1, 2, 0), durable=False)
    path.unlink()


def fetch(url: str, target: Path, checksum: str | None = None) -> Path:
    """Downloads a file, unless it is there.

    A dropped connection and a server in trouble are tried again, with growing pauses, as long as
    bytes come in between. What came so far is in `<target>.part`. A later call continues it if
    there is a checksum: without one, nothing would tell a mixture of two versions.

    Args:
        url: http:// or https://, or the path of a file of this machine.
        target: where to; its folder is made if missing. An existing file is replaced only if it
            has another checksum.
        checksum: "sha256:", "sha1:" or "md5:" and hex digits; not compared if None.

    Returns:
        `target`; a file of this machine stays where it is: its own path.

    Raises:
        DatasetError: it cannot be fetched, has another checksum, or does not fit on the disk. What
            came is kept, but for a wrong checksum, after which the next call starts anew.
    """
    if "://" not in url:
        local = Path(url).expanduser()
        wrong = _mismatch(local, checksum) if local.is_file() else "no such file on this machine"
        if wrong:
            raise DatasetError(f"{url}: {wrong}; name the right one")
        return local
    part = target.with_name(f"{target.name}.part")
    try:
        if not target.is_file() or _mismatch(target, checksum):
            target.parent.mkdir(parents=True, exist_ok=True)
            if checksum is None:
                part.unlink(missing_ok=True)
            _download(url, part)
            if wrong := _mismatch(part, checksum):
                part.unlink()
                raise DatasetError(wrong)
            os.replace(part, target)
        part.unlink(missing_ok=True)  # where the user has put the target there by hand
        return target
    except (OSError, HTTPError, DatasetError) as error:  # OSError: also those of requests
        known = f" ({checksum})" if checksum else ""
        raise DatasetError(
            f"{url}: {_cause(error)}; run the same command again later, or put the file at "
            f"{target} by hand{known}"
        ) from error


def digest(path: Path, name: str) -> str:
    """A hash (hex) of the bytes of a file, by the name that hashlib gives it."""
    with path.open("rb") as file:
        new = partial(hashlib.new, name, usedforsecurity=False)
        return hashlib.file_digest(file, new).hexdigest()


def _mismatch(path: Path, checksum: str | None) -> str:
    """How a file differs from that of a checksum; "" if it does not, or there is none."""
    name, _, wanted = (checksum or "").lower().partition(":")
    got = digest(path, name) if name else wanted
    return "" if got == wanted else f"another file: expected {checksum}, got {name}:{got}"


def _download(url: str, part: Path) -> None:
    """Receives a file, or the rest of it, in as many tries as it takes."""
    furthest, tries = -1, 0
    while True:
        try:
            return _receive(url, part)
        except (requests.ConnectionError, requests.Timeout, HTTPError) as error:
            # Only what no try reached before counts, or it might never end.
            size = part.stat().st_size if part.exists() else 0
            tries = 1 if size > furthest else tries + 1
            furthest = max(size, furthest)
            if tries == TRIES:
                raise
            print(f"{url}: {_cause(error)}; trying again", file=sys.stderr)
            time.sleep(PAUSE_S * 2 ** (tries - 1))


def _receive(url: str, part: Path) -> None:
    """One try: asks for the bytes that `part` lacks, and appends what comes."""
    start = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={start}-"} if start else {}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
        status, place = response.status_code, response.headers.get("Content-Range", "")
        if status in (408, 429) or status >= 500:  # in trouble: worth another try
            raise requests.ConnectionError(f"{status} {response.reason}")
        if status == 416 and place == f"bytes */{start}":
            return None  # it was complete
        continued = status == 206 and place.startswith(f"bytes {start}-")
        if start and status in (206, 416) and not continued:  # from elsewhere, or behind the end
            part.unlink()
            return _receive(url, part)
        response.raise_for_status()
        size, label = response.raw.length_remaining or 0, f"fetching {part.stem}"
        with (
            part.open("ab" if continued else "wb") as file,
            Progress(size, label, "byte", silent=size < SHOWN) as bar,
        ):
            # Not decoded: a server that calls a .gz "Content-Encoding: gzip" means the file itself.
            for chunk in response.raw.stream(CHUNK, decode_content=False):
                bar.update(file.write(chunk))
            file.flush()
            os.fsync(file.fileno())


def _cause(error: BaseException) -> str:
    """What the system said: the innermost cause, without the packing of requests and urllib3."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return one_line(error)
