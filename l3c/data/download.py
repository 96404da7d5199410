"""Files from the network: continued where they stopped, checked, there whole or not at all."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from functools import partial
from pathlib import Path

import requests
from urllib3.exceptions import HTTPError

from l3c.data.errors import DatasetError
from l3c.messages import one_line
from l3c.progress import Progress

CHUNK = 1 << 18  # bytes that are written at once; at most so many are lost when a connection drops
PAUSE_S = 1.0  # before the second try; twice as long before each further one
TRIES = 6  # in a row that bring nothing new
TIMEOUT_S = 60.0  # for a connection, and between two pieces of an answer
SHOWN = 100_000_000  # bytes of a file whose progress is shown

_IN_TROUBLE = (408, 429, 500, 502, 503, 504)  # of a server: worth another try


def fetch(url: str, target: Path, checksum: str | None = None) -> Path:
    """Downloads a file, unless it is there.

    A dropped connection and a server in trouble are tried again, with growing pauses, as long as
    bytes come in between. What came so far is in `<target>.part`. It is continued, by a later call
    too, if there is a checksum: without one, nothing would tell a mixture of two versions.

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
            _download(url, part, checksum is not None)
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


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _download(url: str, part: Path, continued: bool) -> None:
    """Receives a file in as many tries as it takes."""
    furthest, tries = -1, 0
    while True:
        try:
            return _receive(url, part, _size(part) if continued else 0)
        except (requests.ConnectionError, requests.Timeout, HTTPError) as error:
            # Only what no try reached before counts, or it might never end.
            tries = 1 if _size(part) > furthest else tries + 1
            furthest = max(_size(part), furthest)
            if tries == TRIES:
                raise
            print(f"{url}: {_cause(error)}; trying again", file=sys.stderr)
            time.sleep(PAUSE_S * 2 ** (tries - 1))


def _receive(url: str, part: Path, start: int) -> None:
    """One try: asks for the bytes from `start` on, and appends what comes."""
    headers = {"Range": f"bytes={start}-"} if start else {}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S) as response:
        status, place = response.status_code, response.headers.get("Content-Range", "")
        if status in _IN_TROUBLE:
            raise requests.ConnectionError(f"{status} {response.reason}")
        if status == 416 and place == f"bytes */{start}":
            return None  # it was complete
        continued = status == 206 and place.startswith(f"bytes {start}-")
        if start and status in (206, 416) and not continued:  # from elsewhere, or behind the end
            return _receive(url, part, 0)
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
