"""Archives of images -> folders of files, continued after a killed run.

Members are written one by one, each whole or not at all, and not again where they are. Nothing is
ever written outside the folder.
"""

from __future__ import annotations

import gzip
import shutil
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

import numpy as np

from l3c.data.catalogue import ARCHIVE_SUFFIXES
from l3c.data.errors import DatasetError, disk_problem
from l3c.data.images import write_png
from l3c.progress import Progress
from l3c.whole_files import whole_file

_SIDES = {3 * side * side: side for side in (32, 64)}  # bytes of a row of a batch -> pixels
_BATCH = "data uint8 (N, 3072) or (N, 12288), and labels"
_MB = 1_000_000
_BROKEN = (  # what zipfile, tarfile and gzip raise for bytes that are not what they should be
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    struct.error,
    EOFError,
    UnicodeError,  # of a name
)


class UnpackError(DatasetError):
    """An archive that cannot be unpacked; one line with it, the reason and what to do."""


def unpack(archive: Path, folder: Path, progress: bool = True) -> int:
    """Writes the files of an archive into a folder; those that are there in full size are kept.

    Hidden files and `__MACOSX` are left out. A batch of downsampled ImageNet (Chrabaszcz et al.,
    2017) in a zip, `x.npz` of uint8 `data` (N, 3 S S) with S = 32 or 64, each row the planes R, G
    and B of an image, and `labels`, becomes `x/<row, 7 digits>.png`.

    Args:
        archive: .zip, .tar, .tar.gz or .tgz.
        folder: where to; made if missing.
        progress: show the megabytes of the archive that are done on stderr.

    Returns:
        Number of files of the archive that are in the folder now.

    Raises:
        UnpackError: a broken archive, a member that is unsafe (outside the folder, a link, a
            device), a batch of another kind, or a full disk. What is unpacked is kept.
    """
    kind = next((kind for kind in ARCHIVE_SUFFIXES if archive.name.lower().endswith(kind)), None)
    if kind is None:
        known = " ".join(ARCHIVE_SUFFIXES)
        raise UnpackError(f"{archive}: no archive by its name; name one that ends in {known}")
    if not archive.is_file():
        raise UnpackError(f"{archive}: no such file; fetch it first")
    megabytes = archive.stat().st_size // _MB
    silent = not (progress and megabytes)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            archive.open("rb") as raw,
            Progress(megabytes, f"unpacking {archive.name}", "megabyte", silent=silent) as bar,
        ):
            members = _Members(archive, folder, raw, bar)
            if kind == ".zip":
                _unpack_zip(members, progress)
            else:
                _unpack_tar(members, compressed=kind != ".tar")
            return members.count
    except _BROKEN as error:
        # Of a .tar.gz nothing but the end is checked: what came before an error may be wrong too.
        doubtful = kind in (".tar.gz", ".tgz") and not isinstance(error, EOFError)
        also = f", and {folder}, whose files may be wrong," if doubtful else ""
        raise UnpackError(
            f"{archive}: broken or cut off ({' '.join(str(error).split())}); delete it{also} "
            "so that it is fetched again"
        ) from error
    except NotImplementedError as error:  # zipfile: another compression
        raise UnpackError(f"{archive}: {error}; unpack it by hand into {folder}") from error
    except OSError as error:
        raise UnpackError(
            f"{archive}: {disk_problem(error, folder)}; what is unpacked is kept, and the same "
            "command continues"
        ) from error


class _Members:
    """Members on their way into the folder.

    Attributes:
        count: files of the archive that are there.
    """

    def __init__(self, archive: Path, folder: Path, raw: BinaryIO, bar: Progress) -> None:
        self.archive = archive
        self.folder = folder
        self.raw = raw
        self.count = 0
        self._bar = bar
        self._root = folder.resolve()
        self._made: set[Path] = set()

    def place(self, name: str, mode: int) -> Path | None:
        """Where a member goes; None for a folder or a hidden file.

        Args:
            name: path inside the archive.
            mode: kind of file as of `stat`; 0 if not known.

        Raises:
            UnpackError: for all that is neither file nor folder, or would not lie in the folder.
        """
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
            raise self.refusal(name, "a path that may lead out of the folder")
        if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise self.refusal(name, "a link" if stat.S_ISLNK(mode) else "a device")
        hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
        if hidden or stat.S_ISDIR(mode) or name.endswith("/"):
            return None
        return self.folder / path

    def make_folder(self, folder: Path, name: str) -> None:
        """Makes a folder for a member, unless a link in its path leads out."""
        if folder not in self._made:
            if not folder.resolve().is_relative_to(self._root):
                raise self.refusal(name, f"{folder} is a link that leads out of the folder")
            folder.mkdir(parents=True, exist_ok=True)
            self._made.add(folder)

    def add(self, name: str, path: Path, size: int, content: Callable[[], IO[bytes]]) -> None:
        """Writes a file unless it is there."""
        self.make_folder(path.parent, name)
        if not _is_file(path, size):
            with content() as source, whole_file(path, durable=False) as file:
                shutil.copyfileobj(source, file, _MB)
                if file.tell() != size:
                    raise EOFError(f"{name} has {file.tell()} of {size} bytes")
        self.count += 1

    def show(self) -> None:
        """Progress, by how far the archive has been read."""
        if steps := max(0, self.raw.tell() // _MB - self._bar.done):
            self._bar.update(steps)

    def refusal(self, name: str, reason: str) -> UnpackError:
        return UnpackError(
            f"{self.archive}: {name}: {reason}; unpack by hand what is wanted of the archive"
        )


def _is_file(path: Path, size: int | None = None) -> bool:
    """Whether a plain file is there, of this size if one is given, and not empty otherwise.

    An empty one may be what a power cut left of a file that was not forced to the disk.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(found.st_mode) and (
        found.st_size > 0 if size is None else found.st_size == size
    )


def _unpack_zip(members: _Members, progress: bool) -> None:
    with zipfile.ZipFile(members.raw) as archive:
        for info in archive.infolist():
            path = members.place(info.filename, info.external_attr >> 16)
            if path is None:
                continue
            if info.flag_bits & 1:
                raise members.refusal(info.filename, "encrypted")
            content = partial(archive.open, info)
            if path.suffix.lower() == ".npz":
                _unpack_batch(members, info.filename, path, content, progress)
            else:
                members.add(info.filename, path, info.file_size, content)
            members.show()


class _Header(tarfile.TarInfo):
    """A header that must be there: tarfile takes an archive cut before one for a complete one."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> _Header:
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # the zeros at the end
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"{error} after {archive.offset} bytes") from error


def _unpack_tar(members: _Members, compressed: bool) -> None:
    stream = gzip.GzipFile(fileobj=members.raw) if compressed else members.raw
    with tarfile.TarFile(fileobj=stream, tarinfo=_Header) as archive:
        while (member := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # all, about a kilobyte each
            path = members.place(member.name, _kind(member))
            if path is not None:
                content = partial(_content, archive, member)
                members.add(member.name, path, member.size, content)
            members.show()
    while stream.read(_MB):  # to the checksum of a .gz
        pass


def _kind(member: tarfile.TarInfo) -> int:
    """As of `stat`; what is neither file, folder nor link counts as a device."""
    if member.isreg():
        return stat.S_IFREG
    if member.isdir():
        return stat.S_IFDIR
    return stat.S_IFLNK if member.issym() or member.islnk() else stat.S_IFCHR


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = archive.extractfile(member)
    assert content is not None  # it is a plain file
    return content


def _unpack_batch(
    members: _Members, name: str, path: Path, content: Callable[[], IO[bytes]], progress: bool
) -> None:
    """Rows of a batch -> PNG files in a folder of its name."""
    folder = path.with_suffix("")
    members.make_folder(folder, name)
    # Into a nameless file first: only the end of a member tells whether its checksum is right.
    with tempfile.TemporaryFile(dir=members.folder) as file:
        with content() as source:
            shutil.copyfileobj(source, file, _MB)
        try:
            with zipfile.ZipFile(file) as arrays, arrays.open("data.npy") as rows:
                arrays.getinfo("labels.npy")
                count, side = _batch_shape(rows)
                label = f"unpacking {path.name}"
                with Progress(count, label, "image", silent=not progress) as bar:
                    for index in range(count):
                        row = rows.read(3 * side * side)
                        image = folder / f"{index:07}.png"
                        if not _is_file(image):
                            planes = np.frombuffer(row, np.uint8).reshape(3, side, side)
                            write_png(image, planes.transpose(1, 2, 0), durable=False)
                        bar.update()
        except (*_BROKEN, ValueError, KeyError) as error:
            raise members.refusal(
                name, f"expected a batch of {_BATCH}, got {' '.join(str(error).split())}"
            ) from error
    members.count += count


def _batch_shape(file: IO[bytes]) -> tuple[int, int]:
    """Reads the header of a .npy; number of rows and side of the images.

    Raises:
        ValueError: another array than that of a batch; its message says which.
    """
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, by_columns, dtype = np.lib.format.read_array_header_1_0(file)
    else:
        shape, by_columns, dtype = np.lib.format.read_array_header_2_0(file)
    if dtype != np.uint8 or len(shape) != 2 or shape[1] not in _SIDES or by_columns:
        raise ValueError(f"data {dtype} {shape}{' by columns' if by_columns else ''}")
    return shape[0], _SIDES[shape[1]]
