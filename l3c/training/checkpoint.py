"""Files of a training: they appear whole or not at all."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from l3c.messages import one_line
from l3c.training.errors import TrainingError
from l3c.whole_files import write_whole


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turns an error of the disk while `path` is written into a TrainingError."""
    try:
        yield
    except OSError as error:
        raise TrainingError(
            f"{path}: cannot be written ({one_line(error)}); the last checkpoint is kept, and the "
            "same command continues from it"
        ) from error


def write(path: Path, content: bytes) -> None:
    """Writes a file whole; its folder is made if missing.

    Raises:
        TrainingError: the disk is full, or the folder cannot be written to.
    """
    with disk_errors(path):
        write_whole(path, content)


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Writes a training state."""
    buffer = io.BytesIO()  # torch.save has errors of its own for a disk that is full
    torch.save(content, buffer)
    write(path, buffer.getvalue())


def load_checkpoint(path: Path, identity: str, main: bool = True) -> dict[str, Any] | None:
    """The state saved under `path`, or None where there is none for this recipe and data.

    Args:
        path: of the checkpoint.
        identity: hash of recipe and data; a checkpoint of another one is not used.
        main: whether this process of several renames a checkpoint of another recipe.

    Raises:
        TrainingError: the file cannot be read.
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        found = str(content["identity"])
    except FileNotFoundError:
        return None
    except Exception as error:
        raise TrainingError(
            f"{path}: checkpoint cannot be read ({type(error).__name__}); delete it to start anew"
        ) from error
    if found == identity:
        return content
    if main:
        aside = path.with_name(f"{path.stem}.other-{found[:8]}{path.suffix}")
        path.replace(aside)
        print(
            f"{path}: of another recipe or other images; kept as {aside.name}, training starts "
            f"anew; to go on with it, restore its recipe and rename it {path.name}",
            file=sys.stderr,
        )
    return None


def today() -> str:
    """The date of a card in UTC; that of SOURCE_DATE_EPOCH where a build must be repeatable."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    now = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdecimal() else datetime.now(UTC)
    return now.date().isoformat()
