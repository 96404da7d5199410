"""Compares the coder on a GPU with the CPU's: every interval of many parameter sets, and streams.

    python -m benchmarks.compare_cuda --output results.csv
    python -m benchmarks.compare_cuda --sets 100000 --real real.npz --output results.csv

A parameter set is one mixture; its intervals are those of all L symbols, and two devices agree
when all L + 1 CDF values do. Sets are plausible float32 parameters, any finite float32, and any
int32 on the grids, for several shapes; with --real, also what a network put out. Streams of
512x512 pixels are compared byte for byte and timed. Without a GPU the one row says "not compared".

`--save-real real.npz WEIGHTS IMAGE` writes a network's outputs to a file for --real, since the
machine with the GPU may have neither.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data import of_network, rgb_shape, synthetic
from coder import cuda, range_coder
from coder.shape import MixtureShape

DEVICE = "cuda"
CHUNK = 8192  # pixels on both devices at a time
SHAPES = [
    rgb_shape(10),
    MixtureShape(channels=3, levels=256, mixtures=5, coupled=True),
    MixtureShape(channels=5, levels=25, mixtures=10),
    MixtureShape(channels=2, levels=300, mixtures=64),
]


@dataclass
class Row:
    """One line of the result.

    Attributes:
        device: its name, or why there is none.
        compared: which parameters, of which shape; `encode`, `decode` for streams.
        parameter_sets: mixtures.
        intervals: L for each of them; for streams, the symbols coded.
        mismatches: intervals that differ; for streams, bytes or symbols. Empty if not compared.
        seconds: both devices together; for streams, the GPU alone, tensors and bytes in place.
    """

    device: str
    compared: str
    parameter_sets: int = 0
    intervals: int = 0
    mismatches: int | None = None
    seconds: float | None = None


def main() -> None:
    """Entry point of the script."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sets", type=int, default=10_000_000, help="at least so many in all")
    parser.add_argument("--real", type=Path, help="a network's outputs, from --save-real")
    parser.add_argument("--save-real", nargs=3, metavar=("FILE", "WEIGHTS", "IMAGE"))
    parser.add_argument("--size", type=int, default=512, help="side of the images for streams")
    parser.add_argument("--output", type=Path, help="CSV; standard output by default")
    options = parser.parse_args()
    if options.save_real:
        save_real(*map(Path, options.save_real))
        return
    rows = []
    with options.output.open("w", newline="") if options.output else sys.stdout as file:
        writer = csv.DictWriter(file, [field.name for field in fields(Row)])
        writer.writeheader()
        for row in compare(options.sets, options.real, options.size):
            writer.writerow(asdict(row))
            file.flush()
            print(row, file=sys.stderr, flush=True)
            rows.append(row)
    if any(row.mismatches for row in rows):
        sys.exit("the devices differ")


def compare(sets: int, real: Path | None, size: int) -> Iterator[Row]:
    """All comparisons, one row each."""
    missing = cuda.why_unavailable()
    if missing:
        yield Row(f"not compared: no CUDA device ({missing})", "nothing")
        return
    import torch

    device = torch.cuda.get_device_name()
    kinds: list[Callable[[MixtureShape, int, int], np.ndarray[Any, Any]]] = [
        plausible,
        any_float,
        any_int,
    ]
    each = -(-sets // (len(SHAPES) * len(kinds)))
    for shape in SHAPES:
        for kind in kinds:
            pixels = -(-each // shape.channels)
            chunks = [(kind, shape, min(CHUNK, pixels - at), at) for at in range(0, pixels, CHUNK)]
            row = Row(device, f"{kind.__name__} {describe(shape)}", mismatches=0)
            start = time.perf_counter()
            # The random numbers and the CPU's CDFs run in threads, the GPU's here.
            with ThreadPoolExecutor() as pool:
                for parameters, before in pool.map(lambda chunk: make(*chunk), chunks):
                    count(row, parameters, before, shape, pool)
            row.seconds = round(time.perf_counter() - start, 3)
            yield row
    for name, shape, parameters, symbols in samples(real, size):
        row = Row(device, f"{name} {describe(shape)}", mismatches=0)
        start = time.perf_counter()
        with ThreadPoolExecutor() as pool:
            for at in range(0, len(symbols), CHUNK):
                part = slice(at, at + CHUNK)
                count(row, parameters[part], symbols[part], shape, pool)
        row.seconds = round(time.perf_counter() - start, 3)
        yield row
        yield from streams(device, name, shape, parameters, symbols)


def describe(shape: MixtureShape) -> str:
    """A shape in short."""
    coupled = (" sigmoid" if shape.sigmoid else " coupled") if shape.coupled else ""
    return f"C={shape.channels} L={shape.levels} K={shape.mixtures}{coupled}"


def make(
    kind: Callable[[MixtureShape, int, int], np.ndarray[Any, Any]],
    shape: MixtureShape,
    pixels: int,
    seed: int,
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Parameters of some pixels, and symbols that the coupled channels are given."""
    rng = np.random.default_rng([seed, 1])
    before = rng.integers(0, shape.levels, (pixels, shape.channels))
    return kind(shape, pixels, seed), before


def plausible(shape: MixtureShape, pixels: int, seed: int) -> np.ndarray[Any, Any]:
    """As a trained network's."""
    return synthetic(1, pixels, shape, seed).parameters


def any_float(shape: MixtureShape, pixels: int, seed: int) -> np.ndarray[Any, Any]:
    """Random bits, all exponents alike; half of it scaled to where the tables are."""
    made = any_int(shape, pixels, seed).view(np.float32)
    made[~np.isfinite(made)] = 0
    rng = np.random.default_rng([seed, 2])
    near = rng.normal(0, 1, made.shape) * np.exp2(rng.integers(-8, 10, made.shape))
    return np.where(rng.integers(0, 2, made.shape) == 1, near, made).astype(np.float32)


def any_int(shape: MixtureShape, pixels: int, seed: int) -> np.ndarray[Any, Any]:
    """Random bits, shifted by random amounts so that small numbers occur."""
    rng = np.random.default_rng([seed, 3])
    bits = rng.integers(-(2**31), 2**31, (pixels, shape.parameters), dtype=np.int32)
    return bits >> rng.integers(0, 31, bits.shape, dtype=np.int32)


def count(
    row: Row,
    parameters: np.ndarray[Any, Any],
    before: np.ndarray[Any, Any],
    shape: MixtureShape,
    pool: ThreadPoolExecutor,
) -> None:
    """Adds the intervals of all channels of these pixels to `row`."""
    import torch

    place, given = torch.from_numpy(parameters).to(DEVICE), torch.from_numpy(before).to(DEVICE)

    def on_cpu(channel: int) -> np.ndarray[Any, Any]:
        return range_coder.mixture_cdf(parameters, shape, channel, before).view(np.int32)

    waiting = [pool.submit(on_cpu, channel) for channel in range(shape.channels)]
    for channel, done in enumerate(waiting):
        ours = cuda.mixture_cdf(place, shape, channel, given)
        wrong = ours != torch.from_numpy(done.result()).to(DEVICE)
        row.parameter_sets += len(parameters)
        row.intervals += len(parameters) * shape.levels
        row.mismatches = (row.mismatches or 0) + int((wrong[:, 1:] | wrong[:, :-1]).sum())


def samples(
    real: Path | None, size: int
) -> Iterator[tuple[str, MixtureShape, np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """What streams are made of: name, shape, parameters, symbols."""
    for shape in SHAPES[:3]:
        made = synthetic(size, size, shape)
        yield made.source, shape, made.parameters, made.symbols
    if real:
        with np.load(real) as stored:
            channels, levels, mixtures, coupled, sigmoid = stored["shape"].tolist()
            shape = MixtureShape(channels, levels, mixtures, bool(coupled), bool(sigmoid))
            yield str(stored["source"]), shape, stored["parameters"], stored["symbols"]


def save_real(file: Path, weights: Path, image: Path) -> None:
    """Writes a network's outputs for one image, at most 128x128 pixels, to `file`."""
    made = of_network(weights, image, 128)
    s = made.shape
    shape = np.array([s.channels, s.levels, s.mixtures, s.coupled, s.sigmoid])
    np.savez(
        file, source=made.source, shape=shape, parameters=made.parameters, symbols=made.symbols
    )


def streams(
    device: str,
    name: str,
    shape: MixtureShape,
    parameters: np.ndarray[Any, Any],
    symbols: np.ndarray[Any, Any],
) -> Iterator[Row]:
    """Streams against the CPU's, for parameters pixel by pixel and plane by plane."""
    import torch

    stream = range_coder.encode_mixture(symbols, parameters, shape)
    values = torch.from_numpy(symbols.astype(np.int32)).to(DEVICE)
    for layout in ("pixels", "planes"):
        place = torch.from_numpy(parameters).to(DEVICE)
        if layout == "planes":
            place = place.T.contiguous().T
        size = (len(parameters), symbols.size)
        what = f"{name} {describe(shape)} in {layout}"
        _, seconds = timed(cuda.intervals, place, values, shape)
        yield Row(device, f"intervals {what}", *size, None, seconds)
        data, seconds = timed(cuda.encode_mixture, values, place, shape)
        wrong = sum(a != b for a, b in zip(data, stream, strict=False))
        wrong += abs(len(data) - len(stream))
        yield Row(device, f"encode {what}", *size, wrong, seconds)
        decoded, seconds = timed(cuda.decode_mixture, stream, place, shape)
        yield Row(device, f"decode {what}", *size, int((decoded != values).sum()), seconds)


def timed(work: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """Result and median seconds of five runs after one that is dropped."""
    import torch

    result, taken = work(*arguments), []
    for _ in range(5):
        torch.cuda.synchronize()
        start = time.perf_counter()
        result = work(*arguments)
        torch.cuda.synchronize()
        taken.append(time.perf_counter() - start)
    return result, round(statistics.median(taken), 6)


if __name__ == "__main__":
    main()
