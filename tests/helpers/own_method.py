"""A user's method in a file, good but for the lines that a test puts in."""

from pathlib import Path

_TEXT = """
import sys, os
import numpy as np
from baselines.base import Method

class Own(Method):
    name, key, suffix, settings, calls = "Own", "own", ".own", "none", 0

    def version(self):
        return "own 1"

    def why_unavailable(self):
        return {missing!r}

    def encode(self, image):
        {before}
        return np.array(image.shape[:2], "<u4").tobytes() + image.tobytes()

    def decode(self, data):
        self.calls += 1
        height, width = np.frombuffer(data[:8], "<u4")
        image = np.frombuffer(data[8:], np.uint8).reshape(height, width, 3).copy()
        {after}
        return image
"""


def own_method(
    folder: Path, before: str = "pass", after: str = "pass", missing: str = "", text: str = _TEXT
) -> str:
    """Path of the file, or of one with another text."""
    path = folder / "own.py"
    path.write_text(text.format(before=before, after=after, missing=missing))
    return str(path)
