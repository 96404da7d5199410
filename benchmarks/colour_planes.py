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
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
KINDS = ("photocd", "jpeg", "ordinary")  # of simulated photographs


def read(path: Path) -> Pixels:
    """A photograph, uint8 (H, W, 3)."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


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


def phases(rgb: Pixels) -> NDArray[np.float64]:
    """Mean bits per value of R - G and B - G by phase (row, column), float64 (2, 2)."""
    red, green, blue = (rgb[..., c].astype(np.int64) for c in range(3))
    return np.array(
        [
            [np.mean([residual_bits(p, y, x) for p in (red - green, blue - green)]) for x in (0, 1)]
            for y in (0, 1)
        ]
    )


def photo_cd(rgb: Pixels, rng: np.random.Generator) -> Pixels:
    """Colour differences filtered, in steps like Photo CD's at even positions, interpolated."""
    height, width = ((length - 1) // 2 * 2 + 1 for length in rgb.shape[:2])
    x = rgb[:height, :width].astype(np.float64)
    y, differences = x @ [0.299, 0.587, 0.114], []
    for c, step in ((2, 2.2179), (0, 1.8215)):
        p = np.pad(x[..., c] - y, 1, mode="edge")
        p = (p[:-2] + 2 * p[1:-1] + p[2:]) / 4
        p = (p[:, :-2] + 2 * p[:, 1:-1] + p[:, 2:]) / 4
        step *= rng.uniform(0.7, 1.6)
        p[::2, ::2] = np.rint(p[::2, ::2] / step)
        p[::2, 1::2] = (p[::2, :-1:2] + p[::2, 2::2]) / 2
        p[1::2] = (p[:-1:2] + p[2::2]) / 2
        differences.append(np.rint(p) * step)
    b, r = differences
    found = np.stack([y + r, y - 0.194 * b - 0.509 * r, y + b], -1)
    return np.clip(np.rint(found), 0, 255).astype(np.uint8)


def simulated(folder: Path, kind: str, least: int) -> list[Pixels]:
    """Photographs downscaled, which removes traces of 4:2:0, turned and flipped, then of a kind.

    Args:
        folder: photographs and nothing else.
        kind: one of KINDS. "photocd": see `photo_cd`; "jpeg": encoded as 4:2:0 and decoded;
            "ordinary": nothing more.
        least: pixels of the shorter side.
    """
    made = []
    for i, path in enumerate(sorted(folder.iterdir())):
        rng = np.random.default_rng([0, i])
        with Image.open(path) as image:
            factor = max(rng.uniform(0.25, 0.5), least / min(image.size))
            size = round(factor * image.width), round(factor * image.height)
            image.draft("RGB", size)
            rgb = np.asarray(image.convert("RGB").resize(size, Image.Resampling.LANCZOS))
        rgb = np.rot90(rgb, int(rng.integers(4)))[:, :: int(rng.choice((-1, 1)))].copy()
        if kind == "photocd":
            rgb = photo_cd(rgb, rng)
        elif kind == "jpeg":
            file, quality = io.BytesIO(), int(rng.integers(90, 98))
            Image.fromarray(rgb).save(file, "JPEG", quality=quality, subsampling=2)
            rgb = np.asarray(Image.open(file).convert("RGB"))
        made.append(rgb)
    return made


def centre(image: Pixels, side: int, phase: tuple[int, int] = (0, 0)) -> Pixels:
    """The crop in the middle that begins at a phase (row, column), uint8 (side, side, 3)."""
    y, x = ((n - side) // 4 * 2 + p for n, p in zip(image.shape[:2], phase, strict=True))
    return image[y : y + side, x : x + side]


def main() -> None:
    """Prints a line for each photograph, and the means."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, help="photographs and nothing else")
    found = []
    print(f"{'photograph':32} {'phase':>6} {'least':>7} {'others':>7}")
    for path in sorted(parser.parse_args().folder.iterdir()):
        bits = phases(read(path))
        row, column = divmod(int(bits.argmin()), 2)
        others = (bits.sum() - bits.min()) / 3
        found.append((bits.min(), others))
        print(f"{path.name:32} {f'{row},{column}':>6} {bits.min():7.3f} {others:7.3f}")
    least, others = np.mean(found, axis=0)
    print(f"{'mean':32} {'':>6} {least:7.3f} {others:7.3f}")


if __name__ == "__main__":
    main()
