"""What tests of the command share: how a run of it ended, and the files it left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple


class Ended(NamedTuple):
    """Exit code, stdout and stderr."""

    code: int
    out: str
    err: str

    @property
    def content(self) -> dict[str, Any]:
        """What --json printed."""
        content: dict[str, Any] = json.loads(self.out)
        return content


def files_in(folder: Path) -> list[str]:
    """Paths of all files below a folder, sorted."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
