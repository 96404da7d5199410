"""Texts that stay as they are.

L3C_WRITE_GOLDEN=1 writes them anew after a change that was meant; git shows what it was.
"""

import os
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "data" / "golden"


def check_text(name: str, text: str) -> None:
    """Compares a text with the golden file of this name."""
    path = FOLDER / name
    if os.environ.get("L3C_WRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
