"""Files of a training: they appear whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors.torch import save as safetensors_bytes

from l3c.training.errors import TrainingError


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Writes to a temporary name beside `path`, syncs, and renames."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def write_weights(path: Path, weights: dict[str, torch.Tensor]) -> None:
    """Writes weights as safetensors, contiguous."""
    data = safetensors_bytes({name: value.contiguous() for name, value in weights.items()})
    write_atomically(path, lambda file: file.write(data))


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes a JSON file for people to read."""
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Writes a training state."""
    write_atomically(path, lambda file: torch.save(content, file))


def load_checkpoint(path: Path, identity: str) -> dict[str, Any] | None:
    """The state saved under `path`, or None where there is none for this recipe and data.

    Args:
        path: of the checkpoint.
        identity: hash of recipe and data; a checkpoint of another one is not used.

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
    return content if content.get("identity") == identity else None
