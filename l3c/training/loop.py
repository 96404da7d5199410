"""The training loop: one flat function, deterministic, resumable at any step it has saved."""

from __future__ import annotations

import math
import platform
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from l3c.data.images import RGBImage
from l3c.models.base import Model, load_model, write_model
from l3c.models.zoo import ModelError, named_model
from l3c.progress import Progress
from l3c.recipe import Recipe
from l3c.threads import torch_threads
from l3c.training import TrainingError
from l3c.training.crops import Crops, middle, spread, validate
from l3c.training.state import State, disk_errors, today

CHECKPOINT_EVERY_S = 20.0  # of training; validation is not counted
METRICS_EVERY = 25  # steps that one row of the metrics averages, at least
VALIDATE_ROWS = 20  # rows of the metrics from one validation to the next
MOST_ROWS = 2000  # of the metrics, about; longer runs average more steps
CALIBRATION_IMAGES = 24  # of the conversion to integers
CALIBRATION_CROP = 128  # side of the middle that is taken of each, in pixels


def train(
    recipe: Recipe,
    images: Mapping[str, RGBImage],
    *,
    data_sha256: str,
    weights: Path,
    checkpoint: Path,
    validation: Tensor | None = None,
    name: str | None = None,
    device: str = "cpu",
    compiled: bool = False,
    about: Mapping[str, Any] | None = None,
) -> None:
    """Trains a model and writes `weights`, its card (.json) and its metrics (.csv) beside them.

    Families that offer integers get them, calibrated on some of the images. The metrics are also
    written with every checkpoint, so that they can be read meanwhile.

    The loss is that of the family over the sub-pixels of the crops (L3C Eq. 10), in bits. A run
    that was killed goes on from the last checkpoint and ends with the same weights on the same
    machine.

    Args:
        recipe: what to train and how.
        images: name -> uint8 (H, W, 3), all at least as large as the crops.
        data_sha256: identity of the images, kept in the card.
        weights: path of the safetensors file to write.
        checkpoint: path of the training state, kept up to date while training, removed at the end.
        validation: crops whose bpsp is written to metrics and card, uint8 (N, 3, H, W).
        name: of the model in tables; the recipe's by default.
        device: "cpu" or "cuda".
        compiled: with torch.compile: a slow start, faster steps, weights that differ in rounding.
        about: further entries of the card, such as the licence.

    Raises:
        TrainingError: images that do not fit the recipe, a loss that is not finite, a full disk, or
            no GPU.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise TrainingError(
            "device: cuda, but PyTorch finds no GPU here; set device: cpu, or install a PyTorch "
            "with CUDA"
        )
    settings, label = recipe.train, name or recipe.name
    with torch_threads(settings.threads):
        crops = Crops(images, settings)
        network = _make_model(recipe).to(device)
        for weight in network.parameters():
            if settings.channels_last and weight.ndim == 4:
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)
        state = State(recipe, network, data_sha256)
        state.load(checkpoint)
        loss_of = loss_function(network)
        if compiled:
            loss_of = torch.compile(loss_of)
        every = max(METRICS_EVERY, settings.steps // MOST_ROWS)
        with (
            ThreadPoolExecutor(1) as reader,  # of the next crops, while this step is computed
            Progress(settings.steps, f"train {label}", done=state.step) as progress,
        ):
            coming = reader.submit(crops.batch, state.step)
            window: list[float] = []
            start, saved_s = time.perf_counter(), -math.inf
            for step in range(state.step, settings.steps):
                batch, names = coming.result()
                last = step + 1 == settings.steps
                if not last:
                    coming = reader.submit(crops.batch, step + 1)
                half = settings.precision == "bfloat16"
                with torch.autocast(device, torch.bfloat16, half):
                    loss = loss_of(batch.to(device))
                value = float(loss.detach())
                if not math.isfinite(value):
                    stopped = checkpoint.with_name(f"{checkpoint.stem}.stopped{checkpoint.suffix}")
                    state.save(stopped)
                    raise TrainingError(
                        f"{label}: loss is {value} at step {step}, on crops of "
                        f"{', '.join(dict.fromkeys(names))}; the state is kept in {stopped}, "
                        "earlier files stay as they are; a lower learning_rate or clip_norm is the "
                        "usual remedy"
                    )
                state.update(loss)
                window.append(value)
                elapsed = time.perf_counter() - start
                speed = len(window) * settings.batch / elapsed
                progress.update(1, **{"loss" if network.lossy else "bpsp": value, "img/s": speed})
                if not last and state.step % every:
                    continue
                state.seconds += elapsed
                row: dict[str, float | None] = {
                    "step": state.step,
                    "train_bpsp": float(np.mean(window)),
                    "seconds": round(state.seconds, 3),
                    "validation_bpsp": None,
                }
                validates = last or state.step % (VALIDATE_ROWS * every) == 0
                if validation is not None and validates:
                    row |= validate(state.result, validation)
                state.metrics.append(row)
                if last or state.seconds - saved_s > CHECKPOINT_EVERY_S:
                    state.save(checkpoint, weights.with_suffix(".csv"))
                    saved_s = state.seconds
                window, start = [], time.perf_counter()
        card = {
            "name": label,
            "compiled": compiled,
            **(about or {}),
            "steps": settings.steps,
            "train_s": round(state.seconds, 1),
            "threads": torch.get_num_threads(),
            "device": device,
            "final_train_bpsp": state.metrics[-1]["train_bpsp"],
            **{k: v for k, v in state.metrics[-1].items() if k.startswith("validation")},
            "images": len(images),
            "data_sha256": data_sha256,
            "recipe": recipe.model_dump(mode="json"),
            "deviations": recipe.deviations(),
            "versions": {"torch": torch.__version__, "python": platform.python_version()},
            "date": today(),
        }
        convert_and_write(weights, state.result.cpu(), images, card)
        checkpoint.unlink(missing_ok=True)


def loss_function(model: Model) -> Callable[[Tensor], Tensor]:
    """Images uint8 (N, 3, H, W) -> the loss of the family over their sub-pixels, in bits."""

    def loss_of(images: Tensor) -> Tensor:
        return torch.stack([*model.loss(images).values()]).sum() / images.numel()

    return loss_of


def convert_and_write(
    weights: Path,
    model: Model,
    images: Mapping[str, RGBImage],
    card: Mapping[str, Any],
) -> None:
    """Writes a trained model, with integers if its family offers them.

    Args:
        weights: path of the `.safetensors` file; the card lies beside it.
        model: trained, on the CPU.
        images: name -> uint8 (H, W, 3), of which some are calibrated on.
        card: of the model.

    Raises:
        TrainingError: the model cannot be converted, or the disk is full.
    """
    chosen = spread(sorted(images), CALIBRATION_IMAGES)
    crops = [middle(images[name], CALIBRATION_CROP) for name in chosen]
    try:
        integers = model.eval().to_integers(crops)
        known = {"integer": {"calibrated_on": chosen}} if integers else {}
        with disk_errors(weights):
            write_model(weights, model, integers, {**card, **known})
    except ValueError as error:
        raise TrainingError(f"{weights}: cannot be converted to integers: {error}") from error


def _make_model(recipe: Recipe) -> Model:
    """The model that training starts from."""
    model = recipe.make_model()
    model.initialize(recipe.train.seed)
    if recipe.init_from is None:
        return model
    try:
        known = load_model(named_model(recipe.init_from))[0].state_dict()
    except ModelError as error:
        raise TrainingError(f"init_from: {error}") from error
    ours = model.state_dict()
    taken = {k: v for k, v in known.items() if k in ours and ours[k].shape == v.shape}
    if not taken:
        raise TrainingError(
            f"init_from: {recipe.init_from} has no weights of this network's shapes"
        )
    model.load_state_dict(ours | taken)
    print(
        f"{len(taken)} of {len(ours)} tensors start from {recipe.init_from}, the others anew",
        file=sys.stderr,
    )
    return model
