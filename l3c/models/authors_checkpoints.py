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

from l3c.messages import listed, one_line
from l3c.models.l3c import L3C, RGB_MEAN, L3CSettings
from l3c.models.zoo import ModelError
from l3c.settings import problems

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
_THEIRS = (  # our names -> the release's, one after the other; B blocks
    (r"extractors\.0\.head", "heads.0.head.1.head"),
    (r"extractors\.(\d+)\.head", r"heads.\1.head"),
    (r"extractors\.(\d+)\.to_z", r"nets.\1.enc.to_q.0"),
    (r"extractors\.(\d+)", r"nets.\1.enc"),
    (r"predictors\.(\d+)\.up\.conv", r"nets.\1.dec.tail.0"),
    (r"predictors\.(\d+)", r"nets.\1.dec"),
    (r"stack\.last", "body.B"),
    (r"stack\.blocks\.(\d+)\.conv1", r"body.\1.body.0"),
    (r"stack\.blocks\.(\d+)\.conv2", r"body.\1.body.2"),
    (r"classifiers\.(\d+)\.branches\.(\d)", r"prob_clfs.\1.atrous.atrous.\2"),
    (r"classifiers\.(\d+)\.out", r"prob_clfs.\1.atrous.lin"),
)
_MEAN, _FIRST = "sub_rgb_mean", "heads.0.head.0"  # the two 1x1 convolutions


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
        ModelError: it cannot be read, holds code, or is not of the release's shape.
    """
    try:
        name, content, archive = _content(path)
        loaded = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
        tensors = {str(key): value for key, value in loaded["net"].items()}
        model = _model(tensors, _settings(tensors, scales))
    except ValidationError as error:
        raise ModelError(f"{path}: {'; '.join(problems(error))}") from None
    except ValueError as error:
        raise ModelError(f"{path}: {error}") from None
    except Exception as error:  # a damaged archive or pickle raises nearly anything
        reason = one_line(error).partition(". ")[0]
        raise ModelError(f"{path}: no checkpoint that can be read ({reason})") from None
    source: dict[str, Any] = {"file": path.name, "checkpoint": name.name}
    if archive is not None:
        source["archive_sha256"] = archive
    source["checkpoint_sha256"] = hashlib.sha256(content).hexdigest()
    train: dict[str, Any] = {}
    if match := _CHECKPOINT.fullmatch(name.name):
        source["step"] = train["steps"] = int(match[1])
    for match in filter(None, map(_EXPERIMENT.fullmatch, name.parts)):
        source |= {"experiment": match[0], "id": match[1]}
        train |= _TRAIN.get(match[3], {})
    kind, title = RELEASED.get(source.get("id", ""), ("", ""))
    reduced = model.settings.model_dump(exclude_defaults=True).keys()
    if kind == model.settings.kind and reduced <= {"kind", "scales", "input_map"}:
        source["released_as"] = title
    return Checkpoint(model, source, train)


def _content(path: Path) -> tuple[PurePosixPath, bytes, str | None]:
    """Name with its folders, and bytes of the checkpoint; of an archive also its SHA-256.

    Raises:
        ValueError: there is none, or more than one experiment.
    """
    whole = PurePosixPath(path.resolve().as_posix())
    if path.is_dir():
        inside = _last(file.relative_to(path).as_posix() for file in path.rglob("ckpt_*"))
        with (path / inside).open("rb") as file:
            return whole / inside, file.read(_LARGEST), None
    with path.open("rb") as opened:
        if not tarfile.is_tarfile(opened):
            return whole, opened.read(_LARGEST), None
        opened.seek(0)
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        opened.seek(0)
        with tarfile.open(fileobj=opened) as archive:  # read in memory, nothing is unpacked
            inside = _last(archive.getnames())
            member = archive.getmember(str(inside))
            extracted = archive.extractfile(member) if member.isreg() else None
            if extracted is None:
                raise ValueError(f"{inside} is no plain file")
            return inside, extracted.read(_LARGEST), sha256


def _last(names: Iterable[str]) -> PurePosixPath:
    """The last checkpoint by name, as the release chooses it."""
    found = [path for path in map(PurePosixPath, names) if _CHECKPOINT.fullmatch(path.name)]
    folders = sorted({str(path.parent) for path in found})
    if not found:
        raise ValueError("holds no checkpoint (ckpt_<10 digits>.pt)")
    if len(folders) > 1:
        raise ValueError(f"holds several experiments: {', '.join(folders)}; name one of them")
    return max(found, key=lambda path: path.name)


def _settings(tensors: Mapping[str, Tensor], scales: int | None) -> L3CSettings:
    """The settings that keys and shapes tell.

    Raises:
        KeyError: what tells them is missing.
        ValueError: scales of a network that has its own.
    """

    def count(pattern: str) -> int:
        return len({match[0] for match in map(re.compile(pattern).match, tensors) if match})

    nets = count(r"nets\.\d+\.")
    kind = "l3c" if count(r"heads\.") else "rgb" if nets > 1 else "rgb_shared"
    if kind == "rgb_shared":
        nets, scales = scales or SHARED_SCALES, None
    if scales is not None:
        raise ValueError(f"scales: {kind} has {nets}, only RGB Shared has a choice")
    features, bottleneck, *_ = tensors["nets.0.dec.head.weight"].shape
    found: dict[str, Any] = {
        "kind": kind,
        "features": features,
        "blocks": count(r"nets\.0\.dec\.body\.\d+\.body\.0\.bias"),
        # logits, mu, log sigma, lambda of R, G, B
        "mixtures": len(tensors["prob_clfs.0.atrous.lin.weight"]) // 12,
        "scales": nets,
    }
    if kind == "l3c":
        levels = tensors["nets.0.enc.levels"].numel()
        found |= {"bottleneck": bottleneck, "levels": levels, "input_map": "stored"}
    return L3CSettings(**found)


def _model(tensors: Mapping[str, Tensor], settings: L3CSettings) -> L3C:
    """Our network with the weights of `net`.

    Raises:
        ValueError: a key, a shape, or a value that is not as in the release.
    """
    model, learned = L3C(settings), settings.kind == "l3c"
    state = model.state_dict()
    theirs = {name: _their_key(name, settings.blocks) for name in state if "input_" not in name}
    shapes = {key: state[name].shape for name, key in theirs.items()}
    for name in (_MEAN, _FIRST) if learned else (_MEAN,):
        shapes |= {f"{name}.weight": torch.Size([3, 3, 1, 1]), f"{name}.bias": torch.Size([3])}
    levels = [
        f"nets.{s}.enc.{name}"
        for s in range(settings.scales if learned else 0)
        for name in ("levels", "q.levels")
    ]
    _compare(shapes | {key: torch.Size([settings.levels]) for key in levels}, tensors)
    nominal = torch.linspace(-1, 1, settings.levels)
    for key in levels:
        if not torch.allclose(tensors[key], nominal, rtol=0, atol=1e-6):
            raise ValueError(f"{key} is not linspace(-1, 1, {settings.levels})")
    weights = {name: tensors[key].float() for name, key in theirs.items()}
    w0, b0 = tensors[f"{_MEAN}.weight"][..., 0, 0].double(), tensors[f"{_MEAN}.bias"].double()
    if learned:  # W1 W0, and W1 b0 + b1
        w1, b1 = tensors[f"{_FIRST}.weight"][..., 0, 0].double(), tensors[f"{_FIRST}.bias"].double()
        weights["input_weight"] = (w1 @ w0).float()[..., None, None]
        weights["input_bias"] = (w1 @ b0 + b1).float()
    else:  # the input is detached there, so that training leaves the mean alone
        eye, mean = torch.eye(3).double(), torch.tensor(RGB_MEAN).double()
        if not torch.allclose(w0, eye, rtol=0, atol=1e-6) or not torch.allclose(b0, -mean):
            raise ValueError(f"{_MEAN}: not the mean that the release subtracts")
    model.load_state_dict(weights)
    return model


def _their_key(name: str, blocks: int) -> str:
    """The release's key of a tensor of ours."""
    for ours, theirs in _THEIRS:
        name = re.sub(ours, theirs.replace("B", str(blocks)), name)
    return name


def _compare(expected: Mapping[str, torch.Size], tensors: Mapping[str, Tensor]) -> None:
    wrong = [f"{key} is missing" for key in expected.keys() - tensors.keys()]
    for key, value in tensors.items():
        if key not in expected:
            wrong.append(f"{key} is unknown")
        elif not isinstance(value, Tensor) or value.shape != expected[key]:
            wrong.append(f"{key} has not the shape {tuple(expected[key])}")
        elif not value.is_floating_point() or not bool(value.isfinite().all()):
            wrong.append(f"{key} has values that are no finite real numbers")
    if wrong:
        raise ValueError(f"not as in the release: {listed(sorted(wrong))}")
