"""The interface of a family of models: all that training, coding and measuring know of it.

A family is one file: in this folder, or anywhere, named by its path in a recipe (`family:`). It
defines a subclass of `Model` and names it `FAMILY`. docs/add_a_model.md builds one line by line.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import pkgutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from l3c.models.tile_codec import TileCodec
from l3c.settings import FrozenSettings

IDENTITY_BYTES = 8


class FamilyError(ValueError):
    """No such family, or a file that does not define one."""


class Model(nn.Module, ABC):
    """A network of a family.

    A subclass takes its settings as the only argument, and keeps them as `settings`.

    Attributes:
        family: name of the family, part of every model's identity.
        Settings: class of the settings, each with its default.
        settings: of this network.
        parts: names of what is coded, in the order of tables: "x" is the image itself.
    """

    family: ClassVar[str]
    Settings: ClassVar[type[FrozenSettings]]
    settings: FrozenSettings
    parts: tuple[str, ...]

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

    def initialize(self, seed: int) -> None:
        """Fills all weights in place: PyTorch's default, unless a family overrides it."""
        torch.manual_seed(seed)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                module.reset_parameters()

    def param_groups(self) -> dict[str, list[nn.Parameter]]:
        """Every parameter that learns, by group; a recipe sets `train.lr_factors` for groups."""
        return {"network": list(self.parameters())}

    @abstractmethod
    def codec(self, device: str = "cpu", integers: Mapping[str, Tensor] | None = None) -> TileCodec:
        """What encodes and decodes with these weights.

        Args:
            device: "cpu" or "cuda".
            integers: of this model, as `to_integers` gave them; None codes in floating point.

        Raises:
            l3c.integer.convolution.BoundError: integers that cannot be exact.
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


def load_family(name: str) -> type[Model]:
    """The class of a family.

    Args:
        name: of a file in this folder, such as "l3c", or the path of a Python file.

    Raises:
        FamilyError: naming what there is, or what is wrong with the file.
    """
    by_path, files = name.endswith(".py"), _files()
    if by_path:
        family = getattr(_load_file(Path(name)), "FAMILY", None)
    else:
        family = _family(name) if name in files else None
    if isinstance(family, type) and issubclass(family, Model):
        return family
    if by_path:
        raise FamilyError(f"{name}: defines no FAMILY, a subclass of l3c.models.base.Model")
    names = ", ".join(each for each in files if _family(each) is not None)
    raise FamilyError(
        f"no family of models is called {name!r}; there are: {names}; or name a .py file"
    )


def _files() -> list[str]:
    return [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])]


def _family(name: str) -> object:
    return getattr(importlib.import_module(f"l3c.models.{name}"), "FAMILY", None)


def _load_file(path: Path) -> object:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FamilyError(f"{path}: cannot be read ({error.strerror})") from None
    # Named by content and place, so that two files of one name do not meet in sys.modules.
    digest = hashlib.sha256(str(path.resolve()).encode() + content).hexdigest()
    name = f"l3c_user_family_{digest[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise FamilyError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look a class's module up here
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's code raises, the file is what to look at
        del sys.modules[name]
        raise FamilyError(f"{path}: {type(error).__name__} on import: {error}") from error
    return module
