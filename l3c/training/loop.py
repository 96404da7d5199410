"""The training loop: one flat function, deterministic, resumable at any step it has saved."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
import platform
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from l3c.models.base import Model, load_model, write_model
from l3c.models.zoo import ModelError, named_model
from l3c.progress import Progress
from l3c.recipe import Recipe, RecipeError
from l3c.threads import torch_threads
from l3c.training import files, optimizers
from l3c.training.batches import Crops
from l3c.training.board import Board
from l3c.training.errors import TrainingError
from l3c.training.parallel import Workers, join, lost_contact
from l3c.training.validation import validation_bpsp

CHECKPOINT_EVERY_S = 20.0
METRICS_EVERY = 25  # steps that one row of the metrics averages, at least
VALIDATE_ROWS = 20  # rows of the metrics from one validation to the next
MOST_ROWS = 2000  # of the metrics, about; longer runs average more steps
CALIBRATION_IMAGES = 24  # of the conversion to integers, and
CALIBRATION_CROP = 128  # the side of the middle that is taken of each


def train(
    recipe: Recipe,
    images: Mapping[str, npt.NDArray[np.uint8]],
    *,
    data_sha256: str,
    weights: Path,
    checkpoint: Path,
    validation: Tensor | None = None,
    board: Path | None = None,
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
        validation: crops whose bpsp the metrics and the card shall give, uint8 (N, 3, H, W).
        board: folder of TensorBoard's event files: the metrics, and at every validation pictures of
            its first crop, see `Board`. None writes none.
        name: of the model in tables; the recipe's by default.
        device: "cpu" or "cuda". Under torchrun its processes share each batch.
        compiled: with torch.compile: a slow start, faster steps, weights that differ in rounding.
        about: further entries of the card, such as the licence.

    Raises:
        TrainingError: images that do not fit the recipe, a loss that is not finite, a full disk, or
            another process of the training that ended.
    """
    with join(device) as workers, torch_threads(recipe.train.threads):
        about = {"name": name or recipe.name, "compiled": compiled} | dict(about or {})
        try:
            _train(
                workers, recipe, images, data_sha256, weights, checkpoint, validation, board, about
            )
            if workers.main:
                checkpoint.unlink(missing_ok=True)
            workers.wait()
        except RuntimeError as error:
            if not lost_contact(error):
                raise
            raise TrainingError(
                f"{checkpoint}: another process of the training ended, see what it said; the same "
                "command goes on from this checkpoint"
            ) from error


def _train(
    workers: Workers,
    recipe: Recipe,
    images: Mapping[str, npt.NDArray[np.uint8]],
    data_sha256: str,
    weights: Path,
    checkpoint: Path,
    validation: Tensor | None,
    board: Path | None,
    about: Mapping[str, Any],
) -> None:
    settings, label = recipe.train, about["name"]
    crops, share = Crops(images, settings), workers.share(settings.batch)
    network = _make_model(recipe).to(workers.device)
    if settings.channels_last:
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optims = optimizers.make_optimizers(network, settings)
    optimizers.set_rate(optims, 1.0)
    identity = _identity(recipe, network, data_sha256)
    done, seconds = 0, 0.0
    metrics: list[dict[str, float | None]] = []
    saved = files.load_checkpoint(checkpoint, identity, workers.main)
    if saved is not None:
        network.load_state_dict(saved["network"])
        optimizers.load_state(optims, saved["optimizers"])
        done, seconds, metrics = saved["step"], saved["seconds"], saved["metrics"]

    def save(path: Path, step: int, spent: float) -> None:
        content = {"identity": identity, "step": step, "seconds": spent, "metrics": metrics}
        content |= {"network": network.state_dict(), "optimizers": optimizers.state(optims)}
        if workers.main:
            files.save_checkpoint(path, content)

    start = time.perf_counter() - seconds
    last_save = -math.inf if saved is None else time.perf_counter()
    window: list[float] = []
    every = max(METRICS_EVERY, settings.steps // MOST_ROWS)
    loss_of: Any = workers.loss_of(network)
    if about["compiled"]:
        loss_of = torch.compile(loss_of)
    with (
        ThreadPoolExecutor(1) as reader,  # of the next crops, while this step is computed
        Board(board if workers.main else None, done) as shown,
        Progress(settings.steps, f"train {label}", silent=not workers.main, done=done) as progress,
    ):
        coming = reader.submit(crops.batch, done, share)
        window_start = time.perf_counter()
        for step in range(done, settings.steps):
            batch, _ = coming.result()
            last = step + 1 == settings.steps
            if not last:
                coming = reader.submit(crops.batch, step + 1, share)
            factor = optimizers.rate_factor(step, settings)
            optimizers.set_rate(optims, factor)
            half = settings.precision == "bfloat16"
            with torch.autocast(workers.device.type, torch.bfloat16, half):
                loss = loss_of(batch.to(workers.device))
            value = workers.mean(loss.detach())
            if not math.isfinite(value):
                stopped = files.stopped_path(checkpoint)
                save(stopped, step, time.perf_counter() - start)
                names = ", ".join(dict.fromkeys(crops.batch(step)[1]))
                raise TrainingError(
                    f"{label}: loss is {value} at step {step}, on crops of {names}; the state is "
                    f"kept in {stopped}, earlier files stay as they are; a lower learning_rate or "
                    "clip_norm is the usual remedy"
                )
            network.zero_grad(set_to_none=True)
            loss.backward()
            if settings.clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(network.parameters(), settings.clip_norm)
            for optimizer in optims:
                optimizer.step()
            window.append(value)
            now = time.perf_counter()
            speed = len(window) * settings.batch / (now - window_start)
            progress.update(1, **{"bpsp": value, "img/s": speed})
            if (step + 1) % every == 0 or last:
                row: dict[str, float | None]
                row = {"step": step + 1, "train_bpsp": float(np.mean(window))}
                row |= {"seconds": round(now - start, 3), "validation_bpsp": None}
                if (
                    validation is not None
                    and workers.main
                    and (last or (step + 1) % (VALIDATE_ROWS * every) == 0)
                ):
                    row["validation_bpsp"] = validation_bpsp(network, validation)
                    shown.images(step + 1, network, validation[0])
                shown.scalars(
                    step + 1,
                    train_bpsp=row["train_bpsp"],
                    validation_bpsp=row["validation_bpsp"],
                    learning_rate_factor=factor,
                    images_per_s=speed,
                )
                metrics.append(row)
                if now - last_save > CHECKPOINT_EVERY_S and step + 1 < settings.steps:
                    save(checkpoint, step + 1, now - start)
                    if workers.main:
                        _write_metrics(weights.with_suffix(".csv"), metrics)
                    last_save = now
                window, window_start = [], time.perf_counter()
    seconds = time.perf_counter() - start
    save(checkpoint, settings.steps, seconds)
    if not workers.main:
        return

    _write_metrics(weights.with_suffix(".csv"), metrics)
    card = {
        **about,
        "steps": settings.steps,
        "train_s": round(seconds, 1),
        "threads": torch.get_num_threads(),
        "processes": workers.size,
        "device": workers.device.type,
        "final_train_bpsp": metrics[-1]["train_bpsp"],
        "validation_bpsp": metrics[-1]["validation_bpsp"],
        "images": len(images),
        "data_sha256": data_sha256,
        "recipe": recipe.model_dump(mode="json"),
        "deviations": recipe.deviations(),
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "date": files.today(),
    }
    convert_and_write(weights, network.cpu(), images, card)


def convert_and_write(
    weights: Path,
    model: Model,
    images: Mapping[str, npt.NDArray[np.uint8]],
    card: Mapping[str, Any],
    *,
    half: bool = False,
) -> None:
    """Writes a trained model, with integers if its family offers them.

    Args:
        weights: path of the `.safetensors` file; the card lies beside it.
        model: trained, on the CPU.
        images: name -> uint8 (H, W, 3), of which some are calibrated on.
        card: of the model.
        half: see `write_model`.

    Raises:
        TrainingError: the model cannot be converted, or the disk is full.
    """
    chosen = _spread(sorted(images), CALIBRATION_IMAGES)
    crops = [middle(images[name], CALIBRATION_CROP) for name in chosen]
    try:
        integers = model.eval().to_integers(crops)
        known = {"integer": {"calibrated_on": chosen}} if integers else {}
        write_model(weights, model, integers, {**card, **known}, half=half)
    except ValueError as error:
        raise TrainingError(f"{weights}: cannot be converted to integers: {error}") from error
    except OSError as error:
        raise files.disk_error(weights, error) from error


def _make_model(recipe: Recipe) -> Model:
    """The model that training starts from."""
    try:
        model = recipe.make_model()
        model.initialize(recipe.train.seed)
    except (RecipeError, ValueError) as error:
        raise TrainingError(str(error)) from error
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


def _spread(names: list[str], count: int) -> list[str]:
    """At most `count` of the names, evenly spread."""
    return list(dict.fromkeys(names[i * len(names) // count] for i in range(count)))


def middle(image: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """The middle square of an image, as far as it reaches: uint8 (H, W, 3)."""
    top, left = (max(0, (length - side) // 2) for length in image.shape[:2])
    return image[top : top + side, left : left + side]


def _identity(recipe: Recipe, model: Model, data_sha256: str) -> str:
    """Of all that the weights depend on; labels do not count."""
    settings = recipe.settings() | ({"start": model.identity().hex()} if recipe.init_from else {})
    text = json.dumps(settings, sort_keys=True, default=str) + data_sha256
    return hashlib.sha256(text.encode()).hexdigest()


def _write_metrics(path: Path, metrics: list[dict[str, float | None]]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(metrics[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(metrics)
    files.write(path, text.getvalue().encode())
