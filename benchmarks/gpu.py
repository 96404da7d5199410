"""All that needs a GPU to be checked, in under ten minutes, as CSV files in one folder.

    python -m benchmarks.gpu --out results/gpu
    python -m benchmarks.gpu --out results/gpu --quick    the same on any machine, smaller

kernels.csv: every CDF and stream of the CUDA kernels against the CPU (benchmarks.compare_cuda).
exact.csv: files of integer networks, of the paper's size and of a released one, encoded on one
device and decoded on the other. timing.csv, batches.csv: seconds of L3C, RGB and RGB Shared of the
paper's size as in Tables 3 and A1, and 2 and A3. throughput.csv: training steps of the paper's L3C.

The networks of the paper's size are not trained: neither speed nor exactness depends on it. Without
a GPU the same runs on the CPU alone, and kernels.csv says why; the exit status is 1 if anything
differs. `pytest -m gpu` has the same kernels on small cases.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from benchmarks import compare_cuda, throughput
from l3c.bench.measure.crops import crops_of
from l3c.bench.measure.methods import LearnedMethod
from l3c.bench.measure.timing import devices, measure_batches, measure_timing
from l3c.bench.schema import write
from l3c.data.sources import embedded_photos
from l3c.models.base import write_model
from l3c.models.zoo import named_model, open_codec
from l3c.recipe import Recipe, load_recipe

RECIPES = {"L3C": "fast-l3c", "RGB": "fast-rgb", "RGB Shared": "fast-rgb-shared"}
QUICK = {"features": 16, "blocks": 1, "mixtures": 3}
FOLDER = Path(__file__).parents[1] / "config" / "recipes"
Images = list[tuple[str, np.ndarray]]


def recipe_of(name: str, quick: bool) -> Recipe:
    """A recipe of the paper's size, or with --quick a tiny one."""
    recipe = load_recipe(FOLDER / f"{name}.yaml")
    return recipe.model_copy(update={"model": recipe.model | QUICK}) if quick else recipe


def untrained(recipe: Recipe, name: str, folder: Path) -> Path:
    """The weights of an untrained network with its integers."""
    model = recipe.make_model()
    model.initialize(0)
    integers = model.to_integers([photo.read()[:128, :128] for photo in embedded_photos("train")])
    weights = folder / f"{recipe.name}.safetensors"
    write_model(weights, model, integers, {"name": name, "recipe": recipe.model_dump(mode="json")})
    return weights


def exactness(weights: Iterable[Path], images: Images) -> Iterable[Mapping[str, Any]]:
    """Streams of the devices against each other, and each decoded on the other."""
    for path in weights:
        codecs = {device: open_codec(path, device) for device in devices()}
        for name, image in images:
            made = {device: codec.encode(image) for device, codec in codecs.items()}
            for decoder, codec in codecs.items():
                for encoder, streams in made.items():
                    back = codec.decode(streams, *image.shape[:2])
                    yield {
                        "model": path.stem,
                        "image": name,
                        "encoded_on": encoder,
                        "decoded_on": decoder,
                        "bytes": sum(map(len, streams)),
                        "differs_from_cpu": int(streams != made["cpu"]),
                        "wrong_subpixels": int((back != image).sum()),
                    }


def write_rows(path: Path, rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Writes rows of equal keys; returns them."""
    rows = list(rows)
    pd.DataFrame(rows, dtype=object).to_csv(path, index=False)
    return rows


def main() -> None:
    """Runs all parts in turn and prints how long each took."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the CSV files")
    parser.add_argument("--quick", action="store_true", help="tiny networks, few crops, one run")
    given = parser.parse_args()
    out, quick, start, differs = given.out, given.quick, time.perf_counter(), False
    out.mkdir(parents=True, exist_ok=True)
    place = torch.device(devices()[-1])

    def done(name: str) -> None:
        print(f"{time.perf_counter() - start:6.1f} s: {out / name}", file=sys.stderr, flush=True)

    side, count, repeats = (64, 1, 1) if quick else (512, 3, 3)
    photos = [(photo.name, photo.read()) for photo in embedded_photos("test")]
    crops: Images = list(crops_of(lambda: photos, side, count))
    compared = [
        asdict(row) for row in compare_cuda.compare(100_000 if quick else 10**7, None, side)
    ]
    differs |= any(row["mismatches"] for row in write_rows(out / "kernels.csv", compared))
    done("kernels.csv")
    with tempfile.TemporaryDirectory() as folder:
        weights = {
            label: untrained(recipe_of(name, quick), label, Path(folder))
            for label, name in RECIPES.items()
        }
        models = [*weights.values(), named_model("interlaced-small").weights]
        for row in write_rows(out / "exact.csv", exactness(models, crops)):
            differs |= bool(row["differs_from_cpu"] or row["wrong_subpixels"])
        done("exact.csv")
        keys = {label: path.stem.replace("-", "_") for label, path in weights.items()}
        learned = [LearnedMethod(k, label, weights[label]) for label, k in keys.items()]
        how: dict[str, Any] = {"repeats": repeats, "threads": [torch.get_num_threads()]}
        timed = [measure_timing(s, "crops", lambda: crops, len(crops), **how) for s in learned]
        write(out / "timing.csv", pd.concat(timed))
        done("timing.csv")
        sizes = [1, 4] if quick else [1, 30, 60, 120, 240, 480, 960]
        small = np.stack([crop for _, crop in crops_of(lambda: photos, 32, max(sizes))])
        if place.type == "cpu":
            sizes = sizes[:2]  # a GPU's batches take a CPU hours
        sampled = [(32, size) for size in sizes] + [(320, 1)]
        batches: dict[str, Any] = {"sampled": sampled, "coded": sizes, "repeats": repeats}
        write(out / "batches.csv", measure_batches(learned[0], small, **batches))
        done("batches.csv")
    recipe = recipe_of("paper-l3c", quick)
    variants = ["float32", "bfloat16"] + ([] if quick else ["bfloat16+compile"])
    batch = recipe.train.batch if place.type == "cuda" else 2
    steps = throughput.measure(recipe, variants, place, batch, 1 if quick else 5)
    write_rows(out / "throughput.csv", steps)
    done("throughput.csv")
    sys.exit("the devices differ" if differs else 0)


if __name__ == "__main__":
    main()
