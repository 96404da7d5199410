"""The integer path against the float network at full size: seconds, and the proved bounds.

    python -m benchmarks.integer [--recipe config/recipes/paper-l3c.yaml] [--size 512] [--runs 5]

The networks are not trained: neither speed nor the existence of exact grids depends on it, but bits
do, which is why none are shown. Both paths predict the same scales of the same embedded photograph
in turns; the medians are compared.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from l3c.data.sources import embedded_photos
from l3c.models.pyramid_codec import PyramidCodec, as_pyramid_codec
from l3c.recipe import Recipe, load_recipe


def codecs(
    recipe: Recipe, photos: list[npt.NDArray[np.uint8]]
) -> tuple[PyramidCodec, PyramidCodec]:
    """Both codecs of an untrained network."""
    models = [recipe.make_model(), recipe.make_model()]
    for model in models:
        model.initialize(0)
    integers = models[0].to_integers(photos)
    assert integers is not None
    largest = max(models[0].integer_facts(integers)["largest_partial_sum"].values())
    print(f"largest partial sum 2^{math.log2(largest):.2f}, limit 2^24")
    floating, exact = models[0].codec(), models[1].codec("cpu", integers)
    return as_pyramid_codec(floating), as_pyramid_codec(exact)


def seconds(codec: PyramidCodec, image: npt.NDArray[np.uint8]) -> float:
    """Of predicting all scales."""
    planes = codec.symbols(image)
    start = time.perf_counter()
    for _ in codec.predictions(planes):
        pass
    return time.perf_counter() - start


def main() -> None:
    """Prints the comparison."""
    parser = argparse.ArgumentParser(description="Integers against float32 at full size.")
    parser.add_argument("--recipe", type=Path, default=Path("config/recipes/paper-l3c.yaml"))
    parser.add_argument("--size", type=int, default=512, help="side of the image in pixels")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    crops = [photo.read()[:128, :128] for photo in embedded_photos("train")]
    both = codecs(load_recipe(arguments.recipe), crops)
    photos = [photo.read() for photo in embedded_photos("test")]
    largest = max(photos, key=lambda photo: min(photo.shape[:2]))
    image = largest[: arguments.size, : arguments.size].copy()
    with torch.inference_mode():
        runs = [[seconds(codec, image) for codec in both] for _ in range(arguments.runs + 1)][1:]
    medians = [statistics.median(run[i] for run in runs) for i in range(2)]
    print(f"{image.shape[1]}x{image.shape[0]}, {arguments.threads} threads")
    print(f"seconds: {medians[0]:.3f} float32, {medians[1]:.3f} integer:")
    print(f"         {medians[1] / medians[0]:.3f} times")


if __name__ == "__main__":
    main()
