"""Whether the colour planes of photographs were upsampled by two, and what that is worth in bits.

    python -m benchmarks.colour_planes FOLDER

R - G and B - G of a camera's or scanner's full-colour pixels cost as much at one phase of a 2x2
grid as at another. Where they were interpolated from every fourth pixel (4:2:0 JPEG, Photo CD), the
other three quarters are nearly the mean of their neighbours at one phase, and only there.

For each of the four phases, the script predicts both differences at the three other quarters by the
mean of their two or four neighbours at that phase, rounded, and prints the entropy of what remains,
in bits per value: at the phase where it is least, and the mean over the other three.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def entropy(values: NDArray[np.int64]) -> float:
    """Empirical entropy in bits per value."""
    counts = np.unique(values, return_counts=True)[1]
    shares = counts / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


def residual_bits(plane: NDArray[np.int64], row: int, column: int) -> float:
    """Bits per value of an (H, W) plane around the interpolation of its pixels at one phase."""
    known = plane[row::2, column::2]
    height, width = known.shape[0] - 1, known.shape[1] - 1
    a, b, c, d = known[:-1, :-1], known[:-1, 1:], known[1:, :-1], known[1:, 1:]
    part = plane[row:, column:]
    right = part[:-1:2, 1::2][:height, :width] - ((a + b + 1) >> 1)
    below = part[1::2, :-1:2][:height, :width] - ((a + c + 1) >> 1)
    both = part[1::2, 1::2][:height, :width] - ((a + b + c + d + 2) >> 2)
    return entropy(np.concatenate([each.ravel() for each in (right, below, both)]))


def phases(rgb: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Mean bits per value of R - G and B - G by phase (row, column), float64 (2, 2)."""
    red, green, blue = (rgb[..., c].astype(np.int64) for c in range(3))
    return np.array(
        [
            [np.mean([residual_bits(p, y, x) for p in (red - green, blue - green)]) for x in (0, 1)]
            for y in (0, 1)
        ]
    )


def main() -> None:
    """Prints a line for each photograph, and the means."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, help="photographs and nothing else")
    found = []
    print(f"{'photograph':32} {'phase':>6} {'least':>7} {'others':>7}")
    for path in sorted(parser.parse_args().folder.iterdir()):
        with Image.open(path) as image:
            bits = phases(np.asarray(image.convert("RGB")))
        row, column = np.unravel_index(bits.argmin(), bits.shape)
        others = (bits.sum() - bits.min()) / 3
        found.append((bits.min(), others))
        print(f"{path.name:32} {f'{row},{column}':>6} {bits.min():7.3f} {others:7.3f}")
    least, others = np.mean(found, axis=0)
    print(f"{'mean':32} {'':>6} {least:7.3f} {others:7.3f}")


if __name__ == "__main__":
    main()
