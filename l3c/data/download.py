"""Files from the network: continued where they stopped, checked, there whole or not at all.

What came is a `Part` until it is complete (`l3c.data.download_part`).
"""

from __future__ import annotations

import re
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from l3c.data.download_part import (
    AGAIN,
    CONTINUE,
    FailedError,
    Part,
    Version,
    check_room,
    digest,
    part_paths,
    receive,
)
from l3c.data.errors import DatasetError, disk_problem

if TYPE_CHECKING:
    import requests

CHUNK = 1 << 18  # bytes read at once; at most so many are lost when a connection drops
PAUSES_S = (1.0, 5.0, 20.0, 60.0)  # between tries that bring nothing new; one try more than pauses
TIMEOUT_S = 60.0  # for a connection, and between two pieces of an answer

_HEX_DIGITS = {"sha256": 64, "sha1": 40, "md5": 32}
_WORTH_A_RETRY = {408, 429}  # and 5xx: a server in trouble, not a wrong request


class DownloadError(DatasetError):
    """A file that could not be fetched; one line with its URL, what was tried and what to do."""


def fetch(url: str, target: Path, checksum: str | None = None, progress: bool = True) -> Path:
    """Fetches a file, unless it is there; one that stopped half-way is continued.

    A dropped connection and a server in trouble are tried again, with growing pauses, as long as
    bytes come in between. A local file is copied.

    Args:
        url: http://, https:// or file://, or the path of a local file.
        target: where to; its folder is made if missing. An existing file is replaced only if it
            has another checksum.
        checksum: "sha256:", "sha1:" or "md5:" and hex digits; not compared if None.
        progress: show the megabytes that came, and failed tries, on stderr.

    Returns:
        `target`.

    Raises:
        DownloadError: it cannot be fetched, has another checksum, or does not fit on the disk. What
            came is kept, and the next call continues; after a wrong checksum it starts anew.
    """
    known = f" ({checksum})" if checksum else ""
    by_hand = f"or put the file at {target} by hand{known}"
    try:
        _fetch(url, target, checksum, progress)
    except FailedError as error:
        raise DownloadError(f"{url}: {error}; {error.remedy}, {by_hand}") from error
    except OSError as error:
        problem = disk_problem(error, target.parent)
        raise DownloadError(f"{url}: {problem}; {CONTINUE}, {by_hand}") from error
    return target


def local_file(url: str, checksum: str | None = None) -> Path | None:
    """The file that a URL or path names on this machine; None for http(s).

    Raises:
        DownloadError: there is none, or it has another checksum.
    """
    try:
        source = _local(url)
        if source is not None:
            _check_source(source, None if checksum is None else _parsed(checksum))
    except FailedError as error:
        raise DownloadError(f"{url}: {error}; {error.remedy}") from error
    return source


class _DroppedError(Exception):
    """The end of one try, after which another one may succeed; why, in words."""


def _fetch(url: str, target: Path, checksum: str | None, progress: bool) -> None:
    if checksum is not None:
        checksum = _parsed(checksum)
    if target.is_dir():
        raise FailedError(f"{target} is a folder, not a file", "move it away")
    if target.exists():
        if checksum is None or digest(target, checksum) == checksum:
            for leftover in part_paths(target):  # the user put the target there by hand
                leftover.unlink(missing_ok=True)
            return
        if progress:
            print(f"{target}: not the file of {checksum}; fetching it again", file=sys.stderr)
    source = _local(url)
    if source is not None:
        _check_source(source, checksum)
    target.parent.mkdir(parents=True, exist_ok=True)
    with Part(target, url) as part:
        if source is not None:
            _copy(url, source, part, target, progress)
        else:
            _download(url, part, target, checksum is not None, progress)
        part.finish(target, checksum)


def _parsed(checksum: str) -> str:
    name, _, digits = checksum.strip().lower().partition(":")
    if name not in _HEX_DIGITS or not re.fullmatch(f"[0-9a-f]{{{_HEX_DIGITS[name]}}}", digits):
        kinds = ", ".join(f"{name}:<{count} hex digits>" for name, count in _HEX_DIGITS.items())
        raise FailedError(f"expected a checksum {kinds}, got {checksum}", "correct it")
    return f"{name}:{digits}"


# Local files


def _local(url: str) -> Path | None:
    """The file that a URL or path names on this machine; None for http(s)."""
    if "://" not in url:
        return Path(url).expanduser()
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path))
    if parts.scheme not in ("http", "https"):
        raise FailedError("neither http(s):// nor file:///, nor a path", "correct it")
    return None


def _check_source(source: Path, checksum: str | None) -> None:
    if not source.is_file():
        raise FailedError("no such file on this machine", "name an existing one")
    if checksum is not None and (got := digest(source, checksum)) != checksum:
        raise FailedError(f"another file: expected {checksum}, got {got}", "name the right one")


def _copy(url: str, source: Path, part: Part, target: Path, progress: bool) -> None:
    stat = source.stat()
    version = Version(url, str(stat.st_mtime_ns), None, stat.st_size)
    if part.version != version:
        part.start(version)
    check_room(part, target.parent)
    with source.open("rb") as file:
        file.seek(part.size)
        receive(iter(partial(file.read, CHUNK), b""), part, target.name, progress)
    if not part.is_complete:
        raise FailedError("it changed while it was copied", AGAIN)


# http


def _download(url: str, part: Part, target: Path, checked: bool, progress: bool) -> None:
    """All tries.

    Args:
        url: of http or https.
        part: to complete.
        target: names the disk and the line of progress.
        checked: a checksum will tell a mixture of two versions.
        progress: show it.
    """
    tries = 0
    furthest = 0
    while True:
        try:
            _download_rest(url, part, target, checked, progress)
            return
        except _DroppedError as error:
            if part.size > furthest:  # only what no try reached before, or it might never end
                furthest, tries = part.size, 0
            tries += 1
            if tries > len(PAUSES_S):
                kept = CONTINUE if part.size else AGAIN
                raise FailedError(f"gave up after {tries} tries, the last: {error}", kept) from None
            pause = PAUSES_S[tries - 1]
            if progress:
                print(f"{url}: {error}; trying again in {pause:.0f} s", file=sys.stderr)
        time.sleep(pause)


def _download_rest(url: str, part: Part, target: Path, checked: bool, progress: bool) -> None:
    """One try."""
    headers = {"Accept-Encoding": "identity"}  # the file's own bytes, which the size counts
    if part.version is None or not (part.version.guard or checked):
        part.start(None)
    elif part.is_complete:  # killed before it was checked
        return
    elif part.size:
        headers["Range"] = f"bytes={part.size}-"
        if part.version.guard:
            headers["If-Range"] = part.version.guard
    with _get(url, headers) as response:
        if _begin(url, response, part, target):
            return
        check_room(part, target.parent)
        _receive_body(response, part, target.name, progress)


def _get(url: str, headers: dict[str, str]) -> requests.Response:
    try:
        import requests
    except ModuleNotFoundError:
        install = "install it with pip install 'l3c-bench[workflow]'"
        raise FailedError("the package requests, which fetches it, is missing", install) from None
    try:
        return requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_S)
    except (requests.ConnectionError, requests.Timeout) as error:
        raise _DroppedError(f"no connection ({_words(error)})") from error
    except requests.RequestException as error:
        raise FailedError(f"cannot be asked for ({_words(error)})") from error


def _begin(url: str, response: requests.Response, part: Part, target: Path) -> bool:
    """Makes the part ready for the body that follows; True if nothing is missing."""
    status = f"{response.status_code} {response.reason}".strip()
    code = response.status_code
    if code in _WORTH_A_RETRY or code >= 500:
        raise _DroppedError(f"the server answers {status}")
    if code not in (200, 206, 416):
        raise FailedError(f"the server answers {status}")
    first, size = _content_range(response) if code != 200 else (0, _content_length(response))
    if code == 416:
        whole = part.version is not None and part.version.size is None and part.size == size
        if not whole:
            came = part.size
            part.start(None)
            raise _DroppedError(f"the server has nothing after {came} bytes ({status})")
        return True
    if _is_page(response) and target.suffix.lower() not in (".html", ".htm"):
        raise FailedError("a web page came, not the file; it may want a login or another URL")
    version = Version(
        url, response.headers.get("ETag"), response.headers.get("Last-Modified"), size
    )
    if code == 200:
        part.start(version)  # also where the server ignores ranges, or has another version now
    elif first != part.size or (part.version is not None and not version.fits(part.version)):
        part.start(None)
        raise _DroppedError("the server continues another version of the file, or elsewhere")
    elif part.size == 0:
        part.start(version)
    return False


def _receive_body(response: requests.Response, part: Part, label: str, progress: bool) -> None:
    import urllib3

    assert part.version is not None
    size = part.version.size
    reason = ""
    try:
        # Not decoded: a server that calls a .gz "Content-Encoding: gzip" means the file itself.
        body = response.raw.stream(CHUNK, decode_content=False)
        receive(body, part, label, progress)
    except urllib3.exceptions.HTTPError as error:
        reason = f" ({_words(error)})"
    if part.is_complete or (size is None and not reason):
        return
    came = f"{part.size}" if size is None else f"{part.size} of {size}"
    if size is not None and part.size > size:
        part.start(None)
    raise _DroppedError(f"the connection dropped after {came} bytes{reason}")


def _content_length(response: requests.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    chunked = "Transfer-Encoding" in response.headers
    return int(length) if length.isdecimal() and not chunked else None


def _content_range(response: requests.Response) -> tuple[int | None, int | None]:
    """First byte and whole size, each if it is told."""
    told = response.headers.get("Content-Range", "")
    found = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(?:(\d+)|\*)", told.strip())
    first, size = found.groups() if found else (None, None)
    return (None if first is None else int(first)), (None if size is None else int(size))


def _is_page(response: requests.Response) -> bool:
    return response.headers.get("Content-Type", "").lower().startswith("text/html")


def _words(error: BaseException) -> str:
    """What the system said: the innermost cause, without the packing of requests and urllib3."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()) or type(error).__name__
