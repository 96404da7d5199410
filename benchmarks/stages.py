"""Where a codec's time goes: python -m benchmarks.stages [--weights W] [--size 512] [--threads 2].

Full-size L3C by default (the paper's recipe, untrained: its speed does not depend on training), on
a synthetic photograph. Stages: the network's forward passes; the coder, from mixture parameters to
bytes and back; and all the rest, container and checksums included. The share of coder and rest is
of the network alone. The untrained network computes in float32, a trained one in integers.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from coder import range_coder
from l3c.codec import Codec
from l3c.coding import decode_picture, encode_picture
from l3c.config import ModelSettings
from l3c.model.network import Network
from l3c.picture import Picture
from l3c.zoo import open_codec

_CODER = ("encode", "decode", "encode_mixture", "decode_mixture")


class Clock:
    """Seconds spent in wrapped functions, by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, its time added to a stage."""

        def call(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                spent = time.perf_counter() - start
                self.seconds[stage] = self.seconds.get(stage, 0.0) + spent

        return call


@contextmanager
def clocked(codec: Codec) -> Iterator[Clock]:
    """A clock over the network's and the coder's functions."""
    clock = Clock()
    patches = [
        mock.patch.object(holder, name, clock.timed("network", getattr(holder, name)))
        for holder, name in ((codec.network, "bottlenecks"), (codec, "predict"))
    ]
    patches += [
        mock.patch.object(range_coder, name, clock.timed("coder", getattr(range_coder, name)))
        for name in _CODER
    ]
    for patch in patches:
        patch.start()
    try:
        yield clock
    finally:
        for patch in patches:
            patch.stop()


def measure(codec: Codec, picture: Picture, repeats: int) -> dict[str, dict[str, float]]:
    """Median seconds by direction and stage, after a warm-up; the round trip is checked."""
    runs: dict[str, list[dict[str, float]]] = {"encode": [], "decode": []}
    for run in range(repeats + 1):
        with clocked(codec) as clock:
            start = time.perf_counter()
            data = encode_picture(picture, codec)
            total = time.perf_counter() - start
        runs["encode"].append(_stages(clock, total))
        with clocked(codec) as clock:
            start = time.perf_counter()
            decoded = decode_picture(data, lambda identity, arithmetic: codec).picture
            total = time.perf_counter() - start
        runs["decode"].append(_stages(clock, total))
        assert np.array_equal(decoded.samples, picture.samples)
        if run == 0:
            runs = {"encode": [], "decode": []}
    return {
        way: {stage: statistics.median(row[stage] for row in rows) for stage in rows[0]}
        for way, rows in runs.items()
    }


def _stages(clock: Clock, total: float) -> dict[str, float]:
    network, coder = clock.seconds["network"], clock.seconds["coder"]
    return {"network": network, "coder": coder, "rest": total - network - coder, "total": total}


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
        codec = Codec(Network(ModelSettings()))
    picture = _picture(arguments.size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    table = measure(codec, picture, arguments.repeats)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{arguments.size}x{arguments.size}, {arguments.threads} threads, seconds (median)")
    print("| | network | coder | rest | total | beyond the network |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for way, row in table.items():
        beyond = (row["coder"] + row["rest"]) / row["network"]
        numbers = " | ".join(f"{row[key]:.3f}" for key in ("network", "coder", "rest", "total"))
        print(f"| {way} | {numbers} | {beyond:.1%} |")
    print(f"peak memory of the process {peak / 1024:.0f} MiB, {before / 1024:.0f} MiB before")


if __name__ == "__main__":
    main()
