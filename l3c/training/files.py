"""Files of a training: they appear whole or not at all."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as safetensors_bytes

from l3c.data.errors import disk_problem
from l3c.training.errors import TrainingError
from l3c.whole_files import write_whole


def write_weights(path: Path, weights: dict[str, torch.Tensor]) -> None:
    """Writes weights as safetensors, contiguous."""
    write(path, safetensors_bytes({k: v.contiguous() for k, v in weights.items()}))


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes a JSON file for people to read."""
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write(path, text.encode())


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
        raise TrainingError(
            f"{path}: {disk_problem(error, path.parent)}; the last checkpoint is kept, and the "
            "same command goes on from it"
        ) from error


def load_checkpoint(path: Path, identity: str) -> dict[str, Any] | None:
    """The state saved under `path`, or None where there is none for this recipe and data.

    Args:
        path: of the checkpoint.
        identity: hash of recipe and data; a checkpoint of another one is put aside, not used.

    Raises:
        TrainingError: the file cannot be read.
    """
    if not path.exists():
        return None
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise TrainingError(
            f"{path}: checkpoint cannot be read ({type(error).__name__}); delete it to start anew"
        ) from error
    if content.get("identity") == identity:
        return content
    aside = path.with_name(f"{path.stem}.other{path.suffix}")
    path.replace(aside)
    print(
        f"{path}: of another recipe or other images; kept as {aside.name}, training starts anew",
        file=sys.stderr,
    )
    return None
