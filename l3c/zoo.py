"""The models there are: those that come with the package, and files that a user names.

A model is `<name>.safetensors` with its card `<name>.json` beside it. Nothing else is read: weights
given as pickles, which could run code, are refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l3c.arithmetic import DEFAULT as DEFAULT_ARITHMETIC
from l3c.arithmetic import KINDS, Arithmetic, Kind
from l3c.fileformat.errors import ModelMismatchError

if TYPE_CHECKING:  # cards are read without PyTorch, which takes seconds to import
    from torch import Tensor

    from l3c.codec import Codec
    from l3c.integer.path import IntegerPath
    from l3c.model.network import Network

DEFAULT = "l3c-small"
DEVICES = ("auto", "cpu", "cuda")

_PACKAGE = Path(__file__).parent
_FOLDERS = (_PACKAGE / "released", _PACKAGE.parent / "models")  # installed; in a checkout


class ModelError(ValueError):
    """Weights or card cannot be used; the message names the file and the reason."""


class NoIntegersError(ModelError):
    """A model without an integer path, where one is needed."""


@dataclass(frozen=True)
class Model:
    """A model as files: its name, the path of its weights, and its card."""

    name: str
    weights: Path
    card: dict[str, Any]

    def identity(self, arithmetic: Kind = DEFAULT_ARITHMETIC) -> bytes:
        """What files written with it in an arithmetic carry; b"" in cards that do not say."""
        key = "integer_identity" if arithmetic == "integer" else "identity"
        try:
            return bytes.fromhex(self.card.get(key, ""))
        except (TypeError, ValueError):
            return b""

    @property
    def identities(self) -> frozenset[bytes]:
        """In every arithmetic."""
        return frozenset(filter(None, map(self.identity, KINDS)))


def released() -> list[Model]:
    """The models that come with the package, by name."""
    folder = next((folder for folder in _FOLDERS if folder.is_dir()), None)
    if folder is None:
        return []
    return [read_model(path) for path in sorted(folder.glob("*.safetensors"))]


def read_model(weights: Path | str) -> Model:
    """A model file with its card; the weights are not loaded yet.

    Raises:
        ModelError: no card beside it, or one that is not JSON.
    """
    weights = Path(weights)
    if weights.suffix != ".safetensors":
        raise ModelError(f"{weights}: weights must be a .safetensors file; no other kind is read")
    card = weights.with_suffix(".json")
    try:
        content = json.loads(card.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(
            f"{card}: the model's card cannot be read ({error.strerror}); it comes with the "
            f"weights: put it beside {weights}"
        ) from None
    except ValueError as error:
        raise ModelError(f"{card}: not a model card with a recipe ({error})") from None
    if not isinstance(content, dict):
        raise ModelError(f"{card}: not a model card with a recipe (not a mapping)")
    return Model(weights.stem, weights, content)


def named_model(model: str | Path | None = None) -> Model:
    """A released model by its name, or a file by its path; the package's default for None.

    Raises:
        ModelError: neither; the message lists the names.
    """
    name = str(model or DEFAULT)
    for candidate in released():
        if candidate.name == name:
            return candidate
    if Path(name).suffix or "/" in name:
        return read_model(name)
    names = ", ".join(candidate.name for candidate in released()) or "none"
    raise ModelError(f"no model is called {name}; there are: {names}; or give a .safetensors file")


def load_network(model: Model) -> tuple[Network, IntegerPath | None]:
    """The network of a model, float32, and its integer path if the file has one.

    Raises:
        ModelError: weights and card do not fit each other, or the weights are not safetensors.
    """
    from l3c.integer import files
    from l3c.integer.convolution import BoundError
    from l3c.torch_state import fixed_state

    network, integers = _load(model)
    if not integers:
        return network, None
    try:
        with fixed_state(inference=False):
            return network, files.load(network, integers)
    except BoundError as error:
        raise ModelError(
            f"{model.weights}: the integer path is not exact, or the card's recipe is another "
            f"model's: {error}"
        ) from None
    except RuntimeError as error:
        raise _misfit(model, error) from None


def load_float_network(model: Model) -> Network:
    """The network of a model, float32, whatever its integer path is.

    Raises:
        ModelError: as `load_network`.
    """
    return _load(model)[0]


def _load(model: Model) -> tuple[Network, dict[str, Tensor]]:
    """The network, and the integers of the file."""
    from pydantic import ValidationError
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from l3c.config import Recipe
    from l3c.integer import files
    from l3c.model.network import Network
    from l3c.torch_state import fixed_state

    card = model.weights.with_suffix(".json")
    try:
        recipe = Recipe.model_validate(model.card["recipe"])
    except (ValidationError, KeyError, ValueError) as error:
        raise ModelError(f"{card}: not a model card with a recipe ({error})") from None
    try:
        with fixed_state(inference=False):
            network = Network(recipe.model)
            weights, integers = files.split(load_file(model.weights))
            network.load_state_dict(weights)
    except OSError as error:
        raise ModelError(f"{model.weights}: cannot be read ({error.strerror or error})") from None
    except (SafetensorError, RuntimeError) as error:
        raise _misfit(model, error) from None
    return network, integers


def _misfit(model: Model, error: Exception) -> ModelError:
    return ModelError(f"{model.weights}: weights do not fit their card ({error})")


@lru_cache(maxsize=4)
def _codec(weights: Path, modified_ns: int, device: str, arithmetic: Kind) -> Codec:
    from l3c.codec import Codec

    model = read_model(weights)
    network, path = load_network(model)
    if arithmetic == "integer" and path is None:
        raise NoIntegersError(
            f"{weights}: has no integer path: add one with `python -m l3c.integer.add`, or code in "
            "floating point"
        )
    codec = Codec(network, device, path if arithmetic == "integer" else None)
    expected = model.identity(arithmetic)
    if expected and expected != codec.identity:
        raise ModelError(
            f"{weights}: weights and recipe make model {codec.identity.hex()}, the card says "
            f"{expected.hex()}: one of them was changed"
        )
    return codec


def open_codec(
    model: Model | str | Path | None = None,
    device: str = "auto",
    arithmetic: Kind = DEFAULT_ARITHMETIC,
) -> Codec:
    """The codec of a model, loaded once.

    Args:
        model: a released name, a path, or the default for None.
        device: "cpu", "cuda", or "auto": CUDA where PyTorch and the coder find it.
        arithmetic: "integer", the same everywhere, or "float".

    Raises:
        ModelError: the model cannot be used.
        l3c.integer.exact.InexactError: this machine rounds where integers must be exact.
        ValueError: no such device or arithmetic here.
    """
    if arithmetic not in KINDS:
        raise ValueError(f"arithmetic must be one of {', '.join(KINDS)}, got {arithmetic!r}")
    found = model if isinstance(model, Model) else named_model(model)
    try:
        modified = found.weights.stat().st_mtime_ns
    except OSError as error:
        raise ModelError(f"{found.weights}: cannot be read ({error.strerror})") from None
    return _codec(found.weights, modified, choose_device(device), arithmetic)


def find_codec(
    identity: bytes,
    arithmetic: Arithmetic,
    device: str = "auto",
    more: tuple[Model | str | Path, ...] = (),
) -> Codec:
    """The codec that a file was written with.

    Args:
        identity: as the container carries it.
        arithmetic: as the container says. For float32 on a CPU, "auto" takes the CPU.
        device: as for `open_codec`.
        more: models to look at besides those that come with the package.

    Raises:
        ModelMismatchError: none of them is it; the message says which there are.
    """
    if device == "auto" and arithmetic == Arithmetic.FLOAT_CPU:
        device = "cpu"
    kind, seen = arithmetic.kind, []
    for model in _candidates(more):
        known = model.identity(kind)
        if not known:  # the card does not say
            try:
                known = open_codec(model, device, kind).identity
            except NoIntegersError:
                seen.append(f"{model.name} (without an integer path)")
                continue
        if known == identity:
            return open_codec(model, device, kind)
        seen.append(f"{model.name} ({known.hex()})")
    raise ModelMismatchError(
        f"written with model {identity.hex()}, which is not here; there are: "
        f"{', '.join(seen) or 'none'}. Name the weights that it was written with (--model)"
    )


def _candidates(more: tuple[Model | str | Path, ...]) -> Iterator[Model]:
    named = [model if isinstance(model, Model) else named_model(model) for model in more]
    yield from named
    yield from (model for model in released() if model not in named)


def choose_device(device: str) -> str:
    """The device, cpu or cuda, that a user's word means here."""
    import torch

    from coder import cuda

    if device not in DEVICES:
        raise ValueError(f"device must be one of {', '.join(DEVICES)}, got {device!r}")
    if device == "auto":
        return "cuda" if torch.cuda.is_available() and cuda.available() else "cpu"
    if device == "cuda" and (reason := cuda.why_unavailable()):
        raise ValueError(f"device cuda cannot be used: {reason}")
    return device
