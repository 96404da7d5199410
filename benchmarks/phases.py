"""Where a codec's time goes: python -m benchmarks.phases [--weights W] [--size 512] [--threads 2].

Full-size L3C by default (the paper's recipe, untrained: its speed does not depend on training), on
a synthetic photograph. Phases by scale as `l3c.stopwatch` has them, and the rest between them. The
untrained network computes in float32, a trained one in integers. A trained model's phases on real
photographs are rows of the workflow (`timing.csv`).
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import torch

from l3c.bench.measure.machine import peak_mib
from l3c.coding import decode_picture, encode_picture
from l3c.images.picture import Picture
from l3c.models.tile_codec import TileCodec
from l3c.models.zoo import open_codec
from l3c.recipe import Recipe
from l3c.stopwatch import Stopwatch
from l3c.tile_coding import Choice

Phases = dict[tuple[str, str], float]


def measure(codec: TileCodec, picture: Picture, repeats: int) -> dict[str, Phases]:
    """Median seconds by direction, phase and scale, after a warm-up; the round trip is checked."""
    runs: dict[str, list[Phases]] = {"encode": [], "decode": []}
    samples = picture.samples.copy()  # the codec gets the picture itself
    for _ in range(repeats + 1):
        start = time.perf_counter()
        with Stopwatch() as stopwatch:
            data = encode_picture(picture, codec, choice=Choice.NETWORK)
        runs["encode"].append(_phases(stopwatch, time.perf_counter() - start))
        start = time.perf_counter()
        with Stopwatch() as stopwatch:
            decoded = decode_picture(data, lambda identity, arithmetic: codec)
        runs["decode"].append(_phases(stopwatch, time.perf_counter() - start))
        assert np.array_equal(decoded.samples, samples)
    return {
        way: {phase: statistics.median(row[phase] for row in rows[1:]) for phase in rows[0]}
        for way, rows in runs.items()
    }


def _phases(stopwatch: Stopwatch, total: float) -> Phases:
    phases: Phases = dict(stopwatch.seconds.items())
    rest = total - sum(phases.values())
    return phases | {("rest", ""): rest, ("total", ""): total}


def _picture(size: int) -> Picture:
    """A gradient with noise: what a photograph is to a coder."""
    ramp = np.linspace(0, 200, size)[:, None, None] + np.linspace(0, 40, size)[None, :, None]
    noise = np.random.default_rng(0).normal(0, 4, (size, size, 3))
    return Picture.from_array((ramp + noise).clip(0, 255).astype(np.uint8))


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, help="a trained model; full-size L3C by default")
    parser.add_argument("--size", type=int, default=512, help="side of the square image")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    if arguments.weights:
        codec = open_codec(arguments.weights, "cpu")
    else:
        codec = Recipe(name="paper").make_model().codec()
    before = peak_mib()
    table = measure(codec, _picture(arguments.size), arguments.repeats)
    print(f"{arguments.size}x{arguments.size}, {arguments.threads} threads, seconds (median)")
    print("| | phase | scale | seconds | share |")
    print("| --- | --- | --- | ---: | ---: |")
    for way, row in table.items():
        for (phase, scale), seconds in row.items():
            share = seconds / row["total", ""]
            print(f"| {way} | {phase} | {scale} | {seconds:.4f} | {share:.1%} |")
    print(f"peak memory of the process {peak_mib():.0f} MiB, {before:.0f} MiB before")


if __name__ == "__main__":
    main()
