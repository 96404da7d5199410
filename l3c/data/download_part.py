"""The part of a download that came so far: its bytes, and a note of what they are of.

Bytes go to `<target>.part`; `<target>.part.json` beside it says of which version of which file they
are (URL, ETag, Last-Modified, size), so that only that one is continued. The part takes the name of
the target once it is complete and its checksum is right.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from l3c.progress import Progress
from l3c.whole_files import write_whole

try:
    import fcntl
except ImportError:  # Windows: two downloads of one file are not told from each other
    fcntl = None  # type: ignore[assignment]

MB = 1_000_000

# What the user can do.
CONTINUE = "what came is kept, and the same command continues"
ANEW = "the same command starts anew"
AGAIN = "run the same command again later"


class FailedError(Exception):
    """The end of a download: why, and what the user can do."""

    def __init__(self, reason: str, remedy: str = AGAIN) -> None:
        super().__init__(reason)
        self.remedy = remedy


@dataclass(frozen=True)
class Version:
    """What bytes are of. A local file has its time of writing (ns) as ETag.

    Attributes:
        size: bytes of the whole file, if known.
    """

    url: str
    etag: str | None
    last_modified: str | None
    size: int | None

    @property
    def guard(self) -> str | None:
        """For If-Range, which takes no weak ETag: those may be equal for unequal bytes."""
        weak = self.etag is None or self.etag.startswith("W/")
        return self.last_modified if weak else self.etag

    def fits(self, other: Version) -> bool:
        """Whether both may be one version: nothing that both say differs."""
        mine, theirs = asdict(self), asdict(other)
        return all(None in (mine[key], theirs[key]) or mine[key] == theirs[key] for key in mine)


def part_paths(target: Path) -> tuple[Path, Path]:
    """The part and its note."""
    return target.with_name(f"{target.name}.part"), target.with_name(f"{target.name}.part.json")


class Part:
    """The bytes that came so far, open for more, and the note of what they are of.

    Attributes:
        size: bytes that came.
        version: what they are of; None if they cannot be continued.
    """

    def __init__(self, target: Path, url: str) -> None:
        self.path, self._note = part_paths(target)
        self._file = self.path.open("ab")
        try:
            self._lock()
        except BaseException:
            self._file.close()
            raise
        self.size = self.path.stat().st_size
        self.version = self._read_note()
        if self.version is not None:
            whole = self.version.size
            if self.version.url != url or (whole is not None and self.size > whole):
                self.version = None

    def _lock(self) -> None:
        """Two processes that append to one file would spoil it; the lock goes with the process."""
        busy = FailedError("another process is fetching it", "wait for that")
        if fcntl is not None:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Opened just before the other one finished: this is the target now, not a part.
                if not os.path.samestat(os.fstat(self._file.fileno()), self.path.stat()):
                    raise busy
            except (BlockingIOError, FileNotFoundError):
                raise busy from None
            except OSError:  # a network disk without locks
                pass

    def _read_note(self) -> Version | None:
        try:
            return Version(**json.loads(self._note.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    @property
    def is_complete(self) -> bool:
        """Whether as many bytes came as were announced."""
        return self.version is not None and self.version.size == self.size

    def start(self, version: Version | None) -> None:
        """Drops all bytes; the next ones are of `version`."""
        self._file.truncate(0)
        self.size = 0
        self.version = version
        if version is not None:
            write_whole(self._note, json.dumps(asdict(version)).encode())

    def append(self, data: bytes) -> None:
        """Adds bytes."""
        self._file.write(data)
        self.size += len(data)

    def finish(self, target: Path, checksum: str | None) -> None:
        """Gives the part the name of the target if its checksum is right, else removes it."""
        self._file.flush()
        os.fsync(self._file.fileno())
        if checksum is not None and (got := digest(self.path, checksum)) != checksum:
            self.remove()
            raise FailedError(f"another file came: expected {checksum}, got {got}", ANEW)
        os.replace(self.path, target)
        self.remove()

    def remove(self) -> None:
        """Removes bytes and note."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def __enter__(self) -> Part:
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()


def digest(path: Path, like: str) -> str:
    """The checksum of a file, of the same kind as another one."""
    name = like.partition(":")[0]
    with path.open("rb") as file:
        new = partial(hashlib.new, name, usedforsecurity=False)
        return f"{name}:{hashlib.file_digest(file, new).hexdigest()}"


def check_room(part: Part, folder: Path) -> None:
    """Refuses to start what cannot end well, if the size is known."""
    if part.version is None or part.version.size is None:
        return
    needed = part.version.size - part.size
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise FailedError(
            f"{needed / 1e9:.2f} GB more are needed, the disk of {folder} has {free / 1e9:.2f} GB "
            "free; make room",
            CONTINUE,
        )


def receive(chunks: Iterable[bytes], part: Part, label: str, progress: bool) -> None:
    """Appends bytes as they come, and shows how many megabytes did."""
    before = part.size
    size = part.version.size if part.version is not None else None
    total = 0 if size is None else (size - before) // MB
    with Progress(total, f"fetching {label}", "megabyte", silent=not (progress and total)) as bar:
        for chunk in chunks:
            part.append(chunk)
            if steps := (part.size - before) // MB - bar.done:
                bar.update(steps)
