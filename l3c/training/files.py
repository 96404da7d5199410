"""Files of a training: they appear whole or not at all."""

from __future__ import annotations

import io
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from l3c.data.errors import disk_problem
from l3c.training.errors import TrainingError
from l3c.whole_files import write_whole


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Writes a training state."""
    buffer = io.BytesIO()  # torch.save has errors of its own for a disk that is full
    torch.save(content, buffer)
    write(path, buffer.getvalue())


def write(path: Path, content: bytes) -> None:
    """Writes a file whole; its folder is made if missing.

    Raises:
        TrainingError: the disk is full, or the folder cannot be written to.
    """
    try:
        write_whole(path, content)
    except OSError as error:
        raise disk_error(path, error) from error


def disk_error(path: Path, error: OSError) -> TrainingError:
    """What to raise where a file cannot be written."""
    return TrainingError(
        f"{path}: {disk_problem(error, path.parent)}; the last checkpoint is kept, and the same "
        "command goes on from it"
    )


def load_checkpoint(path: Path, identity: str, main: bool = True) -> dict[str, Any] | None:
    """The state saved under `path`, or None where there is none for this recipe and data.

    Args:
        path: of the checkpoint.
        identity: hash of recipe and data; a checkpoint of another one is not used.
        main: whether this process of several puts that one aside, under a name of its own.

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


def stopped_path(checkpoint: Path) -> Path:
    """Where the state goes that a training stopped with, beside its last good checkpoint."""
    return checkpoint.with_name(f"{checkpoint.stem}.stopped{checkpoint.suffix}")


def today() -> str:
    """The date of a card, as of UTC; that of SOURCE_DATE_EPOCH where a build must be repeatable."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    seconds = int(epoch) if epoch.isdecimal() else None
    now = datetime.now(UTC) if seconds is None else datetime.fromtimestamp(seconds, UTC)
    return now.date().isoformat()
