"""Archives of images -> folders of files, whole or not at all; nothing is written outside."""

from __future__ import annotations

import os
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

import numpy as np

from l3c.data.errors import DatasetError
from l3c.data.images import write_png
from l3c.messages import one_line
from l3c.progress import Progress

_SIDES = {3 * side * side: side for side in (32, 64)}  # bytes of a row of a batch -> pixels
_MB = 1_000_000


class UnpackError(DatasetError):
    """An archive that cannot be unpacked; one line with it, the reason and what to do."""


def unpack(archive: Path, folder: Path) -> None:
    """Unpacks an archive into a new folder; one that is there was unpacked before, and is kept.

    Hidden files and `__MACOSX` are left out. A batch of downsampled ImageNet (Chrabaszcz et al.,
    2017), `x.npz` of uint8 `data` (N, 3 S S) with S = 32 or 64, each row the planes R, G and B of
    an image, and `labels`, becomes `x/<row, 7 digits>.png`.

    Args:
        archive: a zip, or a tar with or without compression.
        folder: where to; it appears once all is unpacked.

    Raises:
        UnpackError: a broken archive, a member that is unsafe (outside the folder, a link, a
            device), a batch of another kind, or a full disk.
    """
    if folder.exists():
        return
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        _extract(archive, part)
        for batch in sorted(part.rglob("*.npz")):
            _unpack_batch(batch)
        os.replace(part, folder)
    except MemoryError:
        raise  # says something about the machine, not about the archive
    except Exception as error:  # zipfile, tarfile and the decompressors raise nearly anything
        advice = "delete it so that it is fetched again, or unpack by hand what is wanted of it"
        if isinstance(error, OSError) and error.errno:
            advice = "make room below its folder, then run the same command again"
        raise UnpackError(f"{archive}: cannot be unpacked ({one_line(error)}); {advice}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _extract(archive: Path, folder: Path) -> None:
    """Writes every file of an archive that is not hidden."""
    megabytes = archive.stat().st_size // _MB
    with (
        archive.open("rb") as file,
        Progress(megabytes, f"unpacking {archive.name}", "megabyte") as bar,
    ):
        members = _zip_files(file) if file.read(2) == b"PK" else _tar_files(file)
        file.seek(0)
        for name, content in members:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name:
                raise ValueError(f"{name} may lead out of the folder")
            if not any(part.startswith(".") or part == "__MACOSX" for part in path.parts):
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                with content, (folder / path).open("wb") as target:
                    shutil.copyfileobj(content, target, _MB)
            if steps := file.tell() // _MB - bar.done:
                bar.update(steps)


def _zip_files(file: BinaryIO) -> Iterator[tuple[str, IO[bytes]]]:
    """Name and content of each file; of a link the content is where it leads."""
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if not info.is_dir():
                yield info.filename, archive.open(info)


def _tar_files(file: BinaryIO) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(fileobj=file) as archive:
        while (member := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # all, about a kilobyte each
            if not (member.isreg() or member.isdir()):
                raise ValueError(f"{member.name} is a link or a device")
            if content := archive.extractfile(member):
                yield member.name, content
        # Without its end, or with a damaged header, tarfile takes it for complete. Reading on also
        # compares the checksum of a .gz.
        stream = archive.fileobj
        assert stream is not None
        whole = stream.tell() >= archive.offset + tarfile.BLOCKSIZE
        if not whole or any(map(any, iter(partial(stream.read, _MB), b""))):
            raise tarfile.ReadError(f"no end after {archive.offset} bytes")


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
    with Progress(len(data), f"unpacking {path.name}", "image") as bar:
        for index, planes in enumerate(data.reshape(-1, 3, side, side)):
            write_png(folder / f"{index:07}.png", planes.transpose(1, 2, 0), durable=False)
            bar.update()
    path.unlink()
