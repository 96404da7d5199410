"""Files that appear whole or not at all, and those below a folder: one walk for all who search."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO


@dataclass(frozen=True)
class FilePart:
    """Bytes of a file, in memory only while `bytes(part)` is used; slices are parts, too."""

    path: Path
    where: range

    def __len__(self) -> int:
        return len(self.where)

    def __getitem__(self, within: slice) -> FilePart:
        return FilePart(self.path, self.where[within])

    def __bytes__(self) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self.where.start)
            return file.read(len(self.where))


def whole_part(path: Path) -> FilePart:
    """All of a file as it is now."""
    return FilePart(path, range(path.stat().st_size))


def hidden_beside(path: Path) -> Path:
    """A free name in the same folder; that of the file itself may be as long as can be."""
    return path.with_name(f".{os.urandom(8).hex()}.part")


@contextmanager
def kept_aside(path: Path | None) -> Iterator[Callable[[bytes], bytes | FilePart]]:
    """A function that moves bytes out of memory, into a hidden file beside `path`, for a while.

    Without a path they stay in memory.
    """
    if path is None:
        yield bytes
        return
    aside = hidden_beside(path)
    try:
        with aside.open("xb") as file:

            def keep(content: bytes) -> FilePart:
                start = file.tell()
                file.write(content)
                file.flush()
                return FilePart(aside, range(start, file.tell()))

            yield keep
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def whole_file(path: Path, durable: bool = True, *, replace: bool = True) -> Iterator[BinaryIO]:
    """A file to write to, which takes the name `path` once it is whole.

    After an error there is no new file; a killed process leaves at most a hidden `.part`.

    Args:
        path: in a folder that exists.
        durable: wait until it is on the disk (milliseconds), so that a power cut cannot leave it
            empty. Not worth it for many small files that can be made again.
        replace: replace a file of that name, also one that appeared in the meantime.

    Raises:
        FileExistsError: there is such a file, and it is not to be replaced.
    """
    part = hidden_beside(path)
    try:
        with part.open("xb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        if replace:
            os.replace(part, path)
        else:
            _rename_to_free_name(part, path)
    finally:
        with suppress(OSError):  # mostly it has its name, or never was there
            part.unlink()


def _rename_to_free_name(part: Path, path: Path) -> None:
    """Unlike a rename, a link fails where the name was taken while the work was done."""
    try:
        os.link(part, path)
    except OSError:  # also of a file system without links
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        os.rename(part, path)


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file that appears whole or not at all; its folder is made if missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        file.write(content)


def write_text(path: Path, text: str) -> None:
    """Writes a text in UTF-8 that appears whole or not at all."""
    write_whole(path, text.encode("utf-8"))


HIDDEN = "hidden"
SEEN = "folder linked again"


@dataclass(frozen=True)
class Found:
    """What is below a folder.

    Attributes:
        files: with a suffix that is wanted, sorted.
        left: the rest, sorted, with the reason: HIDDEN, SEEN for links to folders that are searched
            anyway, or the suffix of a file ("no suffix" if it has none).
        locked: folders that cannot be listed, with the system's reason.
    """

    files: list[Path] = field(default_factory=list)
    left: dict[Path, str] = field(default_factory=dict)
    locked: dict[Path, str] = field(default_factory=dict)


def find_files(folder: Path, suffixes: Collection[str]) -> Found:
    """Searches a folder and those below it. Links are followed, each folder is searched once.

    Args:
        folder: where.
        suffixes: that are wanted, lower case, with their dots.
    """
    files, left, locked = list[Path](), dict[Path, str](), dict[Path, str]()

    def lock(error: OSError) -> None:
        locked[Path(error.filename)] = error.strerror or str(error)

    root = os.path.realpath(folder)
    visited = {root}
    for parent, folders, names in os.walk(folder, onerror=lock, followlinks=True):
        inside = []
        for name in sorted(folders):
            path = Path(parent, name)
            target = os.path.realpath(path)
            if name.startswith("."):
                left[path] = HIDDEN
            elif target in visited or _leads_back(path, target, root):
                left[path] = SEEN
            else:
                visited.add(target)
                inside.append(name)
        folders[:] = inside
        for path in (Path(parent, name) for name in names):
            suffix = path.suffix.lower()
            if path.name.startswith("."):
                left[path] = HIDDEN
            elif suffix in suffixes:
                files.append(path)
            else:
                left[path] = suffix or "no suffix"
    return Found(sorted(files), dict(sorted(left.items())), locked)


def _leads_back(path: Path, target: str, root: str) -> bool:
    """Whether a link leads to a folder inside the one that is searched, or around it."""
    return path.is_symlink() and os.path.commonpath([target, root]) in (target, root)
