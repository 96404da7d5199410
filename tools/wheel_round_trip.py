"""Whether an installed package codes: the round trip of the API and of the command.

cibuildwheel runs it in an environment with the wheel and nothing else (pyproject.toml).
"""

import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

import l3c

assert find_spec("torch") is None, "PyTorch is installed: the wheel must do without"
rows, columns = np.mgrid[:300, :400]
noise = np.random.default_rng(0).integers(0, 9, (300, 400, 3))
image = (np.stack([rows, columns, rows + columns], axis=-1) // 4 + noise).astype(np.uint8)

data = l3c.encode(image, choice="network")
assert (l3c.decode(data) == image).all()

with tempfile.TemporaryDirectory() as folder:
    source, coded, back = (Path(folder, name) for name in ("a.png", "a.l3c", "b.png"))
    Image.fromarray(image).save(source)
    for command in (
        ["encode", source, "-o", coded, "--network"],
        ["info", coded],
        ["verify", coded],
        ["decode", coded, "-o", back],
    ):
        subprocess.run([sys.executable, "-m", "l3c", *map(str, command)], check=True)
    assert (np.asarray(Image.open(back)) == image).all()
