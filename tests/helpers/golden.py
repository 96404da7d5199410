"""Golden files: what stays as it is.

    L3C_WRITE_GOLDEN=1 python -m pytest tests/fileformat/test_container.py

writes files of bytes that are missing: those there are, every later version must read. Texts it
writes anew, after a change that was meant; git shows what it was.
"""

import os
from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
_WRITES = bool(os.environ.get("L3C_WRITE_GOLDEN"))


def writes(path: Path) -> bool:
    """Whether a test shall write this file of bytes."""
    return _WRITES and not path.exists()


def stems(pattern: str) -> set[str]:
    """Names of the files there are, without their suffixes."""
    return {path.stem for path in GOLDEN.glob(pattern)}


def check_text(name: str, text: str) -> None:
    """Compares a text with the golden file of this name."""
    path = GOLDEN / name
    if _WRITES:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
