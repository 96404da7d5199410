"""How fast training is, and which share of the machine's peak it reaches.

    python -m benchmarks.throughput [--recipe config/recipes/paper-l3c.yaml] [--batch 30]
        [--variants float32,bfloat16,...] [--append results/reference/throughput.csv]

Whole steps of the recipe's training on random crops: forward, backward, optimiser. The variants
take turns, and their medians are compared with the first. A variant is a precision, "+nchw" for
PyTorch's default layout instead of channels-last, and "+compile" for torch.compile. On one thread
of a CPU seconds are those that the processor spends on it, whatever else runs. The peak is that of
a large matrix product in the same precision, measured in the same run; operations are those of the
convolutions, as PyTorch counts them. Weights and crops do not matter for speed: none are shown.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch.utils.flop_counter import FlopCounterMode

from l3c.bench.measure.machine import hardware
from l3c.recipe import Recipe, load_recipe
from l3c.training.loop import loss_function
from l3c.training.state import State

COLUMNS = (
    "recipe", "kind", "device", "threads", "torch", "variant", "crop", "batch",
    "images_per_s", "ratio", "tflop_per_s", "peak_share",
)  # fmt: skip
PEAK_SIDES = {"cpu": 1024, "cuda": 4096}  # large enough that a larger one is no faster


def step_of(recipe: Recipe, variant: str, device: torch.device, batch: int) -> Callable[[], None]:
    """One training step as the loop does it, without reading crops."""
    precision, *options = variant.split("+")
    settings = recipe.train
    network = recipe.make_model()
    network.initialize(0)
    network = network.to(device)
    layout = torch.contiguous_format if "nchw" in options else torch.channels_last
    network = network.to(memory_format=layout)  # type: ignore[call-overload]
    state = State(recipe, network, "")
    loss_of: Any = loss_function(network)
    if "compile" in options:
        loss_of = torch.compile(loss_of)
    shape = (batch, 3, settings.crop, settings.crop)
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8).to(device)

    def step() -> None:
        with torch.autocast(device.type, torch.bfloat16, precision == "bfloat16"):
            loss = loss_of(images)
        state.update(loss)

    return step


def seconds(work: Callable[[], Any], device: torch.device) -> float:
    """Of one call, its end waited for."""
    alone = device.type == "cpu" and torch.get_num_threads() == 1
    clock = time.process_time if alone else time.perf_counter
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    start = clock()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return clock() - start


def peak_flops(precision: str, device: torch.device) -> float:
    """Operations a second of a large matrix product."""
    side = PEAK_SIDES[device.type]
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
    runs = [seconds(lambda: a @ b, device) for _ in range(4)]
    return 2 * side**3 / min(runs[1:])


def device_name(device: torch.device) -> str:
    """Of a GPU, or of the processor and how many of its threads are used."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{hardware()}, {threads} thread{'s' if threads > 1 else ''}"


def measure(
    recipe: Recipe, variants: list[str], device: torch.device, batch: int, runs: int
) -> list[dict[str, Any]]:
    """One row for each variant."""
    steps = [step_of(recipe, variant, device, batch) for variant in variants]
    with FlopCounterMode(display=False) as counter:
        steps[0]()
    flops = counter.get_total_flops()
    for step in steps:
        seconds(step, device)  # compiles, allocates
    samples = [[seconds(step, device) for step in steps] for _ in range(runs)]
    medians = [statistics.median(run[i] for run in samples) for i in range(len(steps))]
    precisions = [variant.split("+")[0] for variant in variants]
    peaks = {precision: peak_flops(precision, device) for precision in dict.fromkeys(precisions)}
    rows = []
    for variant, precision, median in zip(variants, precisions, medians, strict=True):
        values = (
            recipe.name,
            device.type,
            device_name(device),
            torch.get_num_threads(),
            torch.__version__,
            variant,
            recipe.train.crop,
            batch,
            f"{batch / median:.4g}",
            f"{medians[0] / median:.3f}",
            f"{flops / median / 1e12:.4g}",
            f"{flops / median / peaks[precision]:.3f}",
        )
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    return rows


def main() -> None:
    """Prints the rows, and appends them to a file."""
    parser = argparse.ArgumentParser(description="Throughput of training.")
    parser.add_argument("--recipe", type=Path, default=Path("config/recipes/paper-l3c.yaml"))
    parser.add_argument("--batch", type=int, help="images of a step; the recipe's by default")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--variants", default="float32,float32+nchw,bfloat16")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--append", type=Path, help="CSV file that `snakemake -n` reads")
    arguments = parser.parse_args()
    recipe = load_recipe(arguments.recipe)
    rows = measure(
        recipe,
        arguments.variants.split(","),
        torch.device(arguments.device),
        arguments.batch or recipe.train.batch,
        arguments.runs,
    )
    for row in rows:
        print(", ".join(f"{key} {value}" for key, value in row.items()))
    if arguments.append:
        header = not arguments.append.exists()
        pd.DataFrame(rows).to_csv(arguments.append, mode="a", header=header, index=False)


if __name__ == "__main__":
    main()
