"""Crops a second: the training store against decoding a PNG for every crop, in turns.

    python -m benchmarks.store [--photos 40] [--side 768] [--crop 128] [--batch 30] [--runs 5]

Photographs are made of the embedded ones, enlarged to the size of Open Images. Both draw the same
crops, flipped and turned, into batches on one thread; the medians of the runs are compared.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import imagecodecs
import numpy as np
import numpy.typing as npt
from PIL import Image

from l3c.data.datasets import DatasetSpec, build_dataset
from l3c.data.images import read_rgb, store_of
from l3c.data.sources import embedded_photos
from l3c.recipe import TrainSettings
from l3c.training.crops import Crops

RGB = npt.NDArray[np.uint8]


class Pngs(Mapping[str, RGB]):
    """Name -> image, decoded whenever it is asked for."""

    def __init__(self, folder: Path) -> None:
        self._paths = {path.stem: path for path in sorted(folder.glob("*.png"))}

    def __getitem__(self, name: str) -> RGB:
        return read_rgb(self._paths[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def photographs(count: int, side: int) -> Iterator[tuple[str, RGB]]:
    """Parts of the embedded photographs, enlarged so that the longer side is `side`."""
    photos = [photo.read() for photo in embedded_photos("train")]
    for i in range(count):
        photo = photos[i % len(photos)]
        height, width = (size * 3 // 4 for size in photo.shape[:2])
        rng = np.random.default_rng(i)
        top, left = (rng.integers(size // 4 + 1) for size in photo.shape[:2])
        part = Image.fromarray(photo[top : top + height, left : left + width])
        scale = side / max(part.size)
        size = (round(part.width * scale), round(part.height * scale))
        yield f"{i:04d}", np.asarray(part.resize(size, Image.Resampling.BICUBIC))


def crops_per_second(images: Mapping[str, RGB], settings: TrainSettings, steps: int) -> float:
    """Of one run."""
    crops = Crops(images, settings)
    start = time.perf_counter()
    for step in range(steps):
        crops.batch(step)
    return steps * settings.batch / (time.perf_counter() - start)


def main() -> None:
    """Prints the comparison."""
    parser = argparse.ArgumentParser(description="The training store against PNG files.")
    parser.add_argument("--photos", type=int, default=40)
    parser.add_argument("--side", type=int, default=768, help="longer side of a photograph")
    parser.add_argument("--crop", type=int, default=128)
    parser.add_argument("--batch", type=int, default=30)
    parser.add_argument("--runs", type=int, default=5)
    arguments = parser.parse_args()
    settings = TrainSettings(crop=arguments.crop, batch=arguments.batch, rotate=True)
    with tempfile.TemporaryDirectory(prefix="l3c-store-") as name:
        folder, data = Path(name, "photographs"), Path(name, "data")
        folder.mkdir()
        photos = dict(photographs(arguments.photos, arguments.side))
        for file, photo in photos.items():
            (folder / f"{file}.png").write_bytes(imagecodecs.png_encode(photo))
        manifest = build_dataset(DatasetSpec(source=str(folder)), data)
        store, pngs = store_of(manifest, data / "store"), Pngs(folder)
        assert all(np.array_equal(store[file], pngs[file]) for file in photos)
        runs = [
            (crops_per_second(store, settings, 100), crops_per_second(pngs, settings, 2))
            for _ in range(arguments.runs)
        ]
    fast, slow = (statistics.median(run[i] for run in runs) for i in range(2))
    print(
        f"{arguments.photos} photographs of {arguments.side}, crops of {arguments.crop}, 1 thread"
    )
    print(f"store {fast:,.0f} crops/s, PNG {slow:,.0f} crops/s: {fast / slow:,.0f} times")


if __name__ == "__main__":
    main()
