"""Archives of images -> folders of files, whole or not at all; nothing is written outside."""

from __future__ import annotations

import os
import shutil
import tarfile
import zipfile
from functools import partial
from pathlib import Path

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

    A batch of downsampled ImageNet (Chrabaszcz et al.,
    2017), `x.npz` of uint8 `data` (N, 3 S S) with S = 32 or 64, each row the planes R, G and B of
    an image, and `labels`, becomes `x/<row, 7 digits>.png`.

    Args:
        archive: a zip, or a tar with or without compression.
        folder: where to; it appears once all is unpacked.

    Raises:
        UnpackError: a broken archive, a tar with a device or a path that leads out of the folder,
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
        raise  # says something about the machine, not about the archive
    except Exception as error:  # zipfile, tarfile and the decompressors raise nearly anything
        advice = "delete it so that it is fetched again, or unpack by hand what is wanted of it"
        if isinstance(error, OSError) and error.errno:
            advice = "make room below its folder, then run the same command again"
        raise UnpackError(f"{archive}: cannot be unpacked ({one_line(error)}); {advice}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _extract(archive: Path, folder: Path) -> None:
    """Writes every file of an archive; of a link in a zip, a file that holds where it leads."""
    size = archive.stat().st_size // _MB
    with archive.open("rb") as file, Progress(size, f"unpacking {archive.name}", "megabyte") as bar:
        if zipfile.is_zipfile(file):
            with zipfile.ZipFile(file) as zipped:
                for info in zipped.infolist():
                    zipped.extract(info, folder)
                    bar.update(file.tell() // _MB - bar.done)
            return
        file.seek(0)
        with tarfile.open(fileobj=file) as tar:
            while (member := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # all, about a kilobyte each
                tar.extract(member, folder, filter="data")  # no device, nothing outside
                bar.update(file.tell() // _MB - bar.done)
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
    with Progress(len(data), f"unpacking {path.name}", "image") as bar:
        for index, planes in enumerate(data.reshape(-1, 3, side, side)):
            write_png(folder / f"{index:07}.png", planes.transpose(1, 2, 0), durable=False)
            bar.update()
    path.unlink()
