"""Checkpoints of the authors' release of L3C, RGB and RGB Shared -> our networks, exactly.

Their files are pickles: they are read with `weights_only`, which runs no code. Every key and shape
is checked. What a file does not say (its experiment, its step) is in the names of the folder and
of the file, so that an archive or a folder tells more than a lone `.pt`.

The release trained the first two 1x1 convolutions of L3C, W1 (W0 x + b0) + b1, by accident; they
were meant to subtract the mean and to divide by 128. Our network keeps them as one map
(`input_map: stored`); with the nominal one every symbol would be another's, without an error.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from l3c.models.l3c import L3C, RGB_MEAN, L3CSettings
from l3c.models.zoo import ModelError

LICENCE = "unstated by the authors"
RELEASED = {  # log date of the experiment -> kind of network, and what the authors call it
    "0306_0001": ("l3c", "L3C, Open Images"),
    "0306_0002": ("rgb_shared", "RGB Shared, Open Images"),
    "0306_0003": ("rgb", "RGB, Open Images"),
    "0524_0004": ("l3c", "L3C, ImageNet32"),
    "0524_0005": ("l3c", "L3C, ImageNet64"),
}
SHARED_SCALES = 4  # how often the release applies RGB Shared

_CHECKPOINT = re.compile(r"ckpt_(\d{10})\.pt(\.tmp)?")
_EXPERIMENT = re.compile(r"(\d{4}_\d{4}) (\S+) (\S+)( .*)?")
_TRAIN = {  # data configuration -> settings that the recipe's defaults do not have
    "in32": {"crop": 32, "decay_steps": 42_705},
    "in64": {"crop": 64, "decay_steps": 42_705},
}
_LARGEST = 1 << 30  # bytes of a checkpoint; the authors' have up to 40 MB
_BRANCHES = 3  # with dilations 1, 2, 4, which the release fixes in its code
_NOMINAL_MEAN = "sub_rgb_mean"
_FIRST = "heads.0.head.0"
_DECODER_HEAD = "nets.0.dec.head.weight"
_LAST = "prob_clfs.0.atrous.lin.weight"


class CheckpointError(ModelError):
    """A file that is no checkpoint of the release; one line with the file and the reason."""


@dataclass(frozen=True)
class Checkpoint:
    """A network of the release in our form.

    Attributes:
        model: with its weights, float32, on the CPU.
        source: for the card: file, experiment, checkpoint, id, step, hashes; `released_as` if it
            is one of the five models that the authors released, by id, kind and size.
        train: settings of the recipe's section `train` that are known.
    """

    model: L3C
    source: dict[str, Any]
    train: dict[str, Any]


def read_checkpoint(path: Path, scales: int | None = None) -> Checkpoint:
    """Reads a checkpoint of the release; of several in one experiment the last by name.

    Args:
        path: an archive (.tar, .tar.gz), a folder, or a checkpoint (.pt).
        scales: of RGB Shared, how often its predictor is applied; as in the release by default.

    Raises:
        CheckpointError: it cannot be read, holds code, or is not of the release's shape.
    """
    try:
        name, content, archive = _content(path)
    except (OSError, EOFError, tarfile.TarError) as error:
        raise _problem(path, f"cannot be read ({_line(error)})") from None
    try:
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        tensors = {str(key): value for key, value in loaded["net"].items()}
    except Exception as error:  # a damaged pickle raises nearly anything
        text = _line(error).partition(". ")[0]
        raise _problem(path, f"{name.name} is no checkpoint of the release ({text})") from None
    try:
        model = _model(tensors, scales)
    except ValidationError as error:
        text = "; ".join(each["msg"] for each in error.errors())
        raise _problem(path, f"{name.name}: {text}") from None
    except ValueError as error:
        raise _problem(path, f"{name.name}: {error}") from None
    source: dict[str, Any] = {"file": path.name, "checkpoint": name.name}
    if archive is not None:
        source["archive_sha256"] = archive
    source["checkpoint_sha256"] = hashlib.sha256(content).hexdigest()
    train: dict[str, Any] = {}
    if match := _CHECKPOINT.fullmatch(name.name):
        source["step"] = train["steps"] = int(match[1])
    experiment = next((part for part in reversed(name.parts) if _EXPERIMENT.fullmatch(part)), None)
    if experiment and (match := _EXPERIMENT.fullmatch(experiment)):
        source |= {"experiment": experiment, "id": match[1]}
        kind, title = RELEASED.get(match[1], ("", ""))
        if kind == model.settings.kind and _full_size(model.settings):
            source["released_as"] = title
        train |= _TRAIN.get(match[3], {})
    return Checkpoint(model, source, train)


def _content(path: Path) -> tuple[PurePosixPath, bytes, str | None]:
    """Name with its folders, and bytes of the checkpoint; of an archive also its SHA-256."""
    if path.is_dir():
        inside = _last(path, (file.relative_to(path).as_posix() for file in path.rglob("ckpt_*")))
        file = path / inside
        if file.stat().st_size > _LARGEST:
            raise _problem(path, f"{inside} is larger than any of the release")
        return PurePosixPath(path.resolve().as_posix()) / inside, file.read_bytes(), None
    with path.open("rb") as opened:
        if not tarfile.is_tarfile(opened):
            content = opened.read(_LARGEST)
            return PurePosixPath(path.resolve().as_posix()), content, None
        opened.seek(0)
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        opened.seek(0)
        with tarfile.open(fileobj=opened) as archive:  # read in memory, nothing is unpacked
            inside = _last(path, archive.getnames())
            member = archive.getmember(str(inside))
            if not member.isreg() or member.size > _LARGEST:
                raise _problem(path, f"{inside} is no plain file, or larger than any of them")
            extracted = archive.extractfile(member)
            assert extracted is not None
            return inside, extracted.read(), sha256


def _last(path: Path, names: Iterable[str]) -> PurePosixPath:
    """The last checkpoint by name, as the release chooses it."""
    found = [PurePosixPath(name) for name in names]
    found = [name for name in found if _CHECKPOINT.fullmatch(name.name)]
    folders = sorted({str(name.parent) for name in found})
    if not found:
        raise _problem(path, "holds no checkpoint (ckpt_<10 digits>.pt)")
    if len(folders) > 1:
        raise _problem(path, f"holds several experiments: {', '.join(folders)}; name one of them")
    return max(found, key=lambda name: name.name)


def _model(tensors: Mapping[str, Tensor], scales: int | None) -> L3C:
    """Our network with the weights of `net`.

    Raises:
        ValueError: a key, a shape, or a value that is not as in the release.
    """
    settings = _settings(tensors, scales)
    model = L3C(settings)
    state = model.state_dict()
    theirs = {name: _their_key(name, settings.blocks) for name in state if "input_" not in name}
    shapes = {key: state[name].shape for name, key in theirs.items()}
    learned = settings.kind == "l3c"
    for name in [_NOMINAL_MEAN] + ([_FIRST] if learned else []):
        shapes |= {f"{name}.weight": torch.Size([3, 3, 1, 1]), f"{name}.bias": torch.Size([3])}
    levels = [
        f"nets.{s}.enc.{name}"
        for s in range(settings.scales if learned else 0)
        for name in ("levels", "q.levels")
    ]
    shapes |= {key: torch.Size([settings.levels]) for key in levels}
    _compare(shapes, tensors)
    for key in levels:
        nominal = torch.linspace(-1, 1, settings.levels)
        if not torch.allclose(tensors[key], nominal, rtol=0, atol=1e-6):
            raise ValueError(f"{key} is not linspace(-1, 1, {settings.levels})")
    weights = {name: tensors[key].float() for name, key in theirs.items()}
    if learned:
        weights |= _input_map(tensors)
    else:
        _check_nominal(tensors)
    model.load_state_dict(weights)
    return model


def _settings(tensors: Mapping[str, Tensor], scales: int | None) -> L3CSettings:
    """What the keys and shapes say of the network."""
    for key in (_DECODER_HEAD, _LAST):
        if not isinstance(tensors.get(key), Tensor) or tensors[key].ndim != 4:
            raise ValueError(f"no network of the release: {key} is missing")
    head, last = tensors[_DECODER_HEAD], tensors[_LAST]
    numbers = {int(match[1]) for key in tensors if (match := re.match(r"nets\.(\d+)\.", key))}
    blocks = [
        key for key in tensors if re.fullmatch(r"nets\.0\.dec\.body\.\d+\.body\.0\.bias", key)
    ]
    found: dict[str, Any] = {
        "features": head.shape[0],
        "blocks": len(blocks),
        "mixtures": last.shape[0] // 12,  # logits, mu, log sigma, lambda of three channels
        "scales": len(numbers),
    }
    if any(key.startswith("heads.") for key in tensors):
        levels = tensors.get("nets.0.enc.levels")
        count = levels.numel() if isinstance(levels, Tensor) else 0
        found |= {"kind": "l3c", "bottleneck": head.shape[1], "levels": count}
        found["input_map"] = "stored"
    else:
        found["kind"] = "rgb" if len(numbers) > 1 else "rgb_shared"
    if found["kind"] == "rgb_shared":
        found["scales"] = scales or SHARED_SCALES
    elif scales is not None:
        raise ValueError(
            f"scales: {found['kind']} has {len(numbers)}, only RGB Shared has a choice"
        )
    return L3CSettings.model_validate(found)


def _full_size(settings: L3CSettings) -> bool:
    paper = L3CSettings()
    sizes = ("features", "blocks", "mixtures", "bottleneck", "levels")
    return all(getattr(settings, size) == getattr(paper, size) for size in sizes)


def _their_key(name: str, blocks: int) -> str:
    """The release's key of a tensor of ours."""
    part, number, *rest = name.split(".")
    last = rest.pop()  # weight or bias
    match part, rest:
        case "extractors", ["head"]:
            key = f"heads.{number}.head" + (".1.head" if number == "0" else "")
        case "extractors", ["to_z"]:
            key = f"nets.{number}.enc.to_q.0"
        case "predictors", ["up", "conv"]:
            key = f"nets.{number}.dec.tail.0"
        case "classifiers", ["branches", branch]:
            key = f"prob_clfs.{number}.atrous.atrous.{branch}"
        case "classifiers", ["out"]:
            key = f"prob_clfs.{number}.atrous.lin"
        case _, ["stack", "last"]:
            key = f"nets.{number}.{_side(part)}.body.{blocks}"
        case _, ["stack", "blocks", block, convolution]:
            inside = {"conv1": 0, "conv2": 2}[convolution]
            key = f"nets.{number}.{_side(part)}.body.{block}.body.{inside}"
        case _, [layer]:  # head of a predictor, down of an extractor
            key = f"nets.{number}.{_side(part)}.{layer}"
        case _:
            raise AssertionError(f"{name}: no tensor of the paper's networks")
    return f"{key}.{last}"


def _side(part: str) -> str:
    return {"extractors": "enc", "predictors": "dec"}[part]


def _compare(expected: Mapping[str, torch.Size], tensors: Mapping[str, Tensor]) -> None:
    missing = [key for key in expected if not isinstance(tensors.get(key), Tensor)]
    unknown = [key for key in tensors if key not in expected]
    if missing or unknown:
        lines = [f"{key} is missing" for key in missing] + [f"{key} is unknown" for key in unknown]
        more = f", and {len(lines) - 3} more" if len(lines) > 3 else ""
        raise ValueError(f"keys are not the release's: {', '.join(lines[:3])}{more}")
    for key, shape in expected.items():
        if tensors[key].shape != shape:
            got = tuple(tensors[key].shape)
            raise ValueError(f"{key}: expected shape {tuple(shape)}, got {got}")
        if not tensors[key].is_floating_point() or not bool(tensors[key].isfinite().all()):
            raise ValueError(f"{key}: expected finite real numbers")


def _input_map(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A = W1 W0 and c = W1 b0 + b1 of W1 (W0 x + b0) + b1, summed in double precision."""
    w0, w1 = (tensors[f"{name}.weight"].double()[..., 0, 0] for name in (_NOMINAL_MEAN, _FIRST))
    b0, b1 = (tensors[f"{name}.bias"].double() for name in (_NOMINAL_MEAN, _FIRST))
    return {
        "input_weight": (w1 @ w0).float()[..., None, None],
        "input_bias": (w1 @ b0 + b1).float(),
    }


def _check_nominal(tensors: Mapping[str, Tensor]) -> None:
    """RGB and RGB Shared detach the input, so that training leaves the mean alone."""
    weight, bias = (tensors[f"{_NOMINAL_MEAN}.{name}"].float() for name in ("weight", "bias"))
    same = torch.allclose(weight[..., 0, 0], torch.eye(3), rtol=0, atol=1e-6)
    if not same or not torch.allclose(bias, -torch.tensor(RGB_MEAN), rtol=1e-5):
        raise ValueError(f"{_NOMINAL_MEAN}: not the mean that the release subtracts")


def _problem(path: Path, reason: str) -> CheckpointError:
    return CheckpointError(f"{path}: {reason}")


def _line(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error)
    return " ".join(text.split()) or type(error).__name__
