"""Files of a training: they appear whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as safetensors_bytes

from l3c.training.errors import TrainingError
from l3c.whole_files import whole_file, write_whole


def write_weights(path: Path, weights: dict[str, torch.Tensor]) -> None:
    """Writes weights as safetensors, contiguous."""
    write_whole(path, safetensors_bytes({k: v.contiguous() for k, v in weights.items()}))


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Writes a JSON file for people to read."""
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write_whole(path, text.encode())


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Writes a training state."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as file:
        torch.save(content, file)


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
