"""The interface of a family of models: all that training, coding and measuring know of it.

A family is one file (`l3c.models.zoo`); docs/add_a_model.md builds one line by line. Model
files are opened by `l3c.models.zoo`; what needs PyTorch for it is here.
"""

from __future__ import annotations

import copy
import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from l3c.files import write_whole
from l3c.integer.convolution import BoundError
from l3c.messages import one_line
from l3c.models.tile_codec import KINDS, RGB, Arithmetic, Kind, TileCodec, UnsupportedError
from l3c.models.zoo import INTEGER_PREFIX, ModelError, ModelFile, NoArithmeticError
from l3c.recipe import RecipeError, parse_recipe
from l3c.settings import FrozenSettings
from l3c.torch_state import InexactError, fixed_state

IDENTITY_BYTES = 8

AnyModel = TypeVar("AnyModel", bound="Model")


class Model(nn.Module, ABC):
    """A network of a family.

    A subclass takes its settings as the only argument, and keeps them as `settings`.

    Attributes:
        family: name of the family, part of every model's identity.
        Settings: class of the settings, each with its default.
        arithmetics: what its codecs may compute with.
        paper: settings of `train` in the family's own paper, if it has one.
        varied: settings that the paper has at several values.
        lossy: whether its codecs are `LossyCodec`, which need the weights besides the integers.
        settings: of this network.
        parts: names of what is coded, in the order of tables: "x" is the image itself.
    """

    family: ClassVar[str]
    Settings: ClassVar[type[FrozenSettings]]
    arithmetics: ClassVar[tuple[Kind, ...]] = KINDS
    paper: ClassVar[Mapping[str, Any]] = {}
    varied: ClassVar[tuple[str, ...]] = ("model.kind",)
    lossy: ClassVar[bool] = False
    settings: FrozenSettings
    parts: tuple[str, ...] = ("x",)

    @abstractmethod
    def loss(self, images: Tensor) -> dict[str, Tensor]:
        """Bits of each part that is learned, summed over the batch: training minimises their sum.

        Args:
            images: uint8 (N, 3, H, W), crops of the recipe's size.

        Returns:
            Part -> float32 (); carries gradients.
        """

    def bits(self, images: Tensor) -> dict[str, Tensor]:
        """Cross-entropy of every part, summed over the batch, in bits; see `loss`."""
        return self.loss(images)

    def quality(self, images: Tensor) -> dict[str, Tensor]:
        """Of lossy models: "ms_ssim" and "psnr" (dB) of each image's reconstruction, (N,) each."""
        return {}

    def initialize(self, seed: int) -> None:
        """Fills all weights in place: PyTorch's default, unless a family overrides it."""
        torch.manual_seed(seed)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.reset_parameters()

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """Every parameter that learns, by group; a recipe sets `train.lr_factors` for groups."""
        return {"network": list(self.parameters())}

    def muon_params(self) -> list[nn.Parameter]:
        """The weights whose updates `optimizer: muon` orthogonalises; Adam moves the others."""
        return [p for p in self.parameters() if p.ndim == 4 and p.shape[-1] > 1]

    @abstractmethod
    def codec(self, device: str = "cpu", integers: Mapping[str, Tensor] | None = None) -> TileCodec:
        """What encodes and decodes with these weights.

        Args:
            device: "cpu" or "cuda".
            integers: of this model, as `to_integers` gave them; None codes in floating point.

        Raises:
            l3c.integer.convolution.BoundError: integers that cannot be exact.
            UnsupportedError: the family does not code in this arithmetic, or on this device.
            RuntimeError: integers of another model.
        """

    def to_integers(self, images: Sequence[npt.NDArray[np.uint8]]) -> dict[str, Tensor] | None:
        """Integer tensors with which files decode exactly on every machine; None: not offered.

        Args:
            images: photographs to calibrate on, uint8 (H, W, 3).
        """
        return None

    def integer_facts(self, integers: Mapping[str, Tensor]) -> dict[str, Any]:
        """Facts about the integers for the card, such as proved bounds."""
        return {}

    def identity(self) -> bytes:
        """8 bytes of a SHA-256 over family, settings and the weights in float32.

        Settings at their defaults do not count: a family that gains one keeps its models' files.
        """
        settings = self.settings.model_dump_json(exclude_defaults=True)
        digest = hashlib.sha256(f"{self.family} {settings}".encode())
        for name, value in sorted(self.state_dict().items()):
            digest.update(f"{name} {tuple(value.shape)}".encode())
            digest.update(value.float().cpu().contiguous().numpy().tobytes())
        return digest.digest()[:IDENTITY_BYTES]


class TorchTileCodec(TileCodec, Generic[AnyModel]):
    """A codec that computes with PyTorch.

    The methods that subclasses define run in inference mode and in PyTorch's state of a fresh
    process, whatever the calling program has set (`l3c.torch_state`).

    Args:
        model: with its weights.
        device: "cpu" or "cuda".

    Attributes:
        model: on the device, without gradients.
        device: that it computes on.
    """

    def __init__(self, model: AnyModel, device: str = "cpu") -> None:
        self.arithmetic = Arithmetic.FLOAT_CUDA if device == "cuda" else Arithmetic.FLOAT_CPU
        self.identity = model.identity()
        self.device = torch.device(device)
        self.model = model.eval().requires_grad_(False).to(self.device)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        guarded = ("encode", "decode", "encode_batch", "decode_batch", "symbol_bits")
        for name in (*guarded, "cross_entropy_bits", "sample_images", "sample_parts"):
            if name in vars(cls):
                setattr(cls, name, fixed_state()(vars(cls)[name]))

    def images(self, tile: RGB) -> Tensor:
        """A batch of one, as models take it: (H, W, 3) -> uint8 (1, 3, H, W)."""
        return torch.from_numpy(tile.transpose(2, 0, 1)[None].copy()).to(self.device)


@fixed_state(inference=False)
def load_model(file: ModelFile) -> tuple[Model, dict[str, Tensor] | None]:
    """The model of a file, float32, and its integers if the file has any.

    Raises:
        ModelError: weights and card do not fit each other, or the weights are not safetensors.
    """
    from safetensors.torch import load_file

    file.family  # noqa: B018 - raises where the card has no recipe
    try:
        model = parse_recipe(file.card["recipe"], str(file.card_path)).make_model()
    except RecipeError as error:
        raise ModelError(f"{file.card_path}: not a model card with a recipe ({error})") from None
    with _fitting(file):
        tensors = load_file(file.weights)
        weights = {k: v for k, v in tensors.items() if not k.startswith(INTEGER_PREFIX)}
        if tensors and not weights:
            raise ModelError(f"{file.weights}: holds only integers, which code but do not train")
        model.load_state_dict(weights)
    integers = {k.removeprefix(INTEGER_PREFIX): v for k, v in tensors.items() if k not in weights}
    return model, integers or None


def write_model(
    target: Path,
    model: Model,
    integers: Mapping[str, Tensor] | None,
    card: Mapping[str, Any],
    *,
    half: bool = False,
) -> ModelFile:
    """Writes a model as a file of weights and its card, each whole or not at all.

    Args:
        target: path of the `.safetensors` file.
        model: trained; with `half` its weights are rounded to float16.
        integers: from `Model.to_integers`.
        card: with the recipe; identities, parts and hash are set here.
        half: whether weights are stored in half precision, and not at all if the family codes in
            integers only.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    from safetensors.torch import save

    weights, precision = model.state_dict(), "float32"
    if half and "float" not in model.arithmetics and not model.lossy:
        weights, precision = {}, "integers"
    elif half:
        real = {name: value.half() for name, value in weights.items() if value.is_floating_point()}
        weights, precision = weights | real, "float16"
        model.load_state_dict(weights)
    stored = weights | {INTEGER_PREFIX + k: v for k, v in (integers or {}).items()}
    content = save({name: value.contiguous() for name, value in stored.items()})
    write_whole(target, content)
    facts: dict[str, Any] = {
        "family": model.family,
        "parameters": sum(p.numel() for p in model.parameters()),
        "precision": precision,
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    if "float" in model.arithmetics:
        facts["identity"] = model.identity().hex()
    codec = copy.deepcopy(model).codec("cpu", integers)
    facts["streams"] = list(codec.stream_parts)
    if model.lossy:
        facts["lossy"] = True
    if integers:
        facts["integer_identity"] = codec.identity.hex()
        facts["integer"] = dict(card.get("integer", {})) | model.integer_facts(integers)
    whole = {**card, **facts}
    text = json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
    write_whole(target.with_suffix(".json"), text.encode())
    return ModelFile(target.stem, target, whole)


def open_torch_codec(file: ModelFile, device: str, arithmetic: Kind) -> TileCodec:
    """The codec of a model whose family computes with PyTorch; see `l3c.models.zoo.open_codec`."""
    device = choose_device(device)
    model, integers = load_model(file)
    if arithmetic == "integer" and integers is None:
        raise NoArithmeticError(
            f"{file.weights}: has no integers; it codes in floating point (--arithmetic float)"
        )
    with _fitting(file), fixed_state(inference=False):
        return model.codec(device, integers if arithmetic == "integer" else None)


@contextmanager
def _fitting(file: ModelFile) -> Iterator[None]:
    """Raises what is wrong with the weights of a file as `ModelError`."""
    from safetensors import SafetensorError

    try:
        yield
    except InexactError:  # nothing is wrong with them
        raise
    except UnsupportedError as error:
        raise NoArithmeticError(f"{file.weights}: {error}") from None
    except OSError as error:
        raise ModelError(f"{file.weights}: cannot be read ({one_line(error)})") from None
    except (SafetensorError, RuntimeError, BoundError) as error:
        raise ModelError(f"{file.weights}: weights do not fit their card ({error})") from None


def choose_device(device: str) -> str:
    """The device, cpu or cuda, that a user's word means here.

    Raises:
        ValueError: cuda, where it cannot be used.
    """
    from coder import cuda

    if device == "auto":
        return "cuda" if torch.cuda.is_available() and cuda.available() else "cpu"
    if device == "cuda" and (reason := cuda.why_unavailable()):
        raise ValueError(f"device cuda cannot be used: {reason}")
    return device
