"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: Path, durable: bool = True) -> Iterator[BinaryIO]:
    """A file to write to, which takes the name `path`, and replaces a file there, once it is whole.

    After an error there is no new file; a killed process leaves at most a hidden `.part`.

    Args:
        path: in a folder that exists.
        durable: wait until it is on the disk (milliseconds), so that a power cut cannot leave it
            empty. Not worth it for many small files that can be made again.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file that appears whole or not at all; its folder is made if missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        file.write(content)


def write_text(path: Path, text: str) -> None:
    """Writes a text in UTF-8 that appears whole or not at all."""
    write_whole(path, text.encode("utf-8"))
