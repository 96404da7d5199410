"""The models there are: those that come with the package, and files that a user names.

A model is `<name>.safetensors` with its card `<name>.json` beside it. Nothing else is read: weights
given as pickles, which could run code, are refused. A family in a user's Python file runs when a
model of it is loaded; a card names that file by its absolute path, so that none can name a file
that came with it.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l3c.arithmetic import KINDS, Arithmetic, Kind
from l3c.fileformat.errors import ModelMismatchError
from l3c.recipe import FAMILY_SUFFIX, RecipeError, parse_recipe
from l3c.whole_files import write_whole

if TYPE_CHECKING:  # cards are read without PyTorch, which takes seconds to import
    from torch import Tensor

    from l3c.models.base import Model
    from l3c.models.tile_codec import TileCodec

DEFAULT = "interlaced-small"
DEVICES = ("auto", "cpu", "cuda")

INTEGER_PREFIX = "integer."  # of the integers' names in a file of weights

_PACKAGE = Path(__file__).parents[1]
_FOLDERS = (_PACKAGE / "released", _PACKAGE.parent / "models")  # installed; in a checkout


class ModelError(ValueError):
    """Weights or card cannot be used; the message names the file and the reason."""


class NoIntegersError(ModelError):
    """A model without integers, where one is needed."""


@dataclass(frozen=True)
class ModelFile:
    """A model as files: its name, the path of its weights, and its card."""

    name: str
    weights: Path
    card: dict[str, Any]

    def identity(self, arithmetic: Kind) -> bytes:
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


def released() -> list[ModelFile]:
    """The models that come with the package, by name."""
    folder = next((folder for folder in _FOLDERS if folder.is_dir()), None)
    if folder is None:
        return []
    return [read_model(path) for path in sorted(folder.glob("*.safetensors"))]


def read_model(weights: Path | str) -> ModelFile:
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
    return ModelFile(weights.stem, weights, content)


def named_model(model: str | Path | None = None) -> ModelFile:
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


def load_model(file: ModelFile) -> tuple[Model, dict[str, Tensor] | None]:
    """The model of a file, float32, and its integers if the file has any.

    Raises:
        ModelError: weights and card do not fit each other, or the weights are not safetensors.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from l3c.torch_state import fixed_state

    card = file.weights.with_suffix(".json")
    try:
        family = str(file.card["recipe"].get("family", ""))
        if family.endswith(FAMILY_SUFFIX) and not Path(family).is_absolute():
            raise RecipeError(f"family: {family} is no absolute path")
        with fixed_state(inference=False):
            model = parse_recipe(file.card["recipe"], str(card)).make_model()
    except (RecipeError, KeyError, AttributeError) as error:
        raise ModelError(f"{card}: not a model card with a recipe ({error})") from None
    try:
        with fixed_state(inference=False):
            tensors = load_file(file.weights)
        weights = {k: v for k, v in tensors.items() if not k.startswith(INTEGER_PREFIX)}
        model.load_state_dict(weights)
    except OSError as error:
        raise ModelError(f"{file.weights}: cannot be read ({error.strerror or error})") from None
    except (SafetensorError, RuntimeError) as error:
        raise _misfit(file.weights, error) from None
    integers = {
        name.removeprefix(INTEGER_PREFIX): value
        for name, value in tensors.items()
        if name.startswith(INTEGER_PREFIX)
    }
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
        half: whether weights are stored in half precision.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    from safetensors.torch import save

    weights = model.state_dict()
    if half:
        weights = {name: value.half() for name, value in weights.items()}
        model.load_state_dict(weights)
    stored = weights | {INTEGER_PREFIX + k: v for k, v in (integers or {}).items()}
    content = save({name: value.contiguous() for name, value in stored.items()})
    write_whole(target, content)
    facts: dict[str, Any] = {
        "family": model.family,
        "identity": model.identity().hex(),
        "parameters": sum(p.numel() for p in model.parameters()),
        "precision": "float16" if half else "float32",
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    codec = copy.deepcopy(model).codec("cpu", integers)
    facts["streams"] = list(codec.stream_parts)
    if integers:
        facts["integer_identity"] = codec.identity.hex()
        facts["integer"] = dict(card.get("integer", {})) | model.integer_facts(integers)
    whole = {**card, **facts}
    text = json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
    write_whole(target.with_suffix(".json"), text.encode())
    return ModelFile(target.stem, target, whole)


def _misfit(weights: Path, error: Exception) -> ModelError:
    return ModelError(f"{weights}: weights do not fit their card ({error})")


@lru_cache
def _has_integers(weights: Path, modified_ns: int) -> bool:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(weights, "np") as tensors:
            return any(name.startswith(INTEGER_PREFIX) for name in tensors.keys())  # noqa: SIM118
    except SafetensorError as error:
        raise _misfit(weights, error) from None


@lru_cache(maxsize=4)
def _codec(weights: Path, modified_ns: int, device: str, arithmetic: Kind) -> TileCodec:
    from l3c.integer.convolution import BoundError
    from l3c.integer.exact import InexactError
    from l3c.torch_state import fixed_state

    file = read_model(weights)
    model, integers = load_model(file)
    if arithmetic == "integer" and integers is None:
        raise NoIntegersError(
            f"{weights}: has no integers; it codes in floating point (--arithmetic float)"
        )
    try:
        with fixed_state(inference=False):
            codec = model.codec(device, integers if arithmetic == "integer" else None)
    except BoundError as error:
        raise ModelError(
            f"{weights}: its integers are not exact, or the card's recipe is another model's: "
            f"{error}"
        ) from None
    except RuntimeError as error:
        if isinstance(error, InexactError):
            raise
        raise _misfit(weights, error) from None
    expected = file.identity(arithmetic)
    if expected and expected != codec.identity:
        raise ModelError(
            f"{weights}: weights and recipe make model {codec.identity.hex()}, the card says "
            f"{expected.hex()}: one of them was changed"
        )
    return codec


def open_codec(
    model: ModelFile | str | Path | None = None,
    device: str = "auto",
    arithmetic: Kind | None = None,
) -> TileCodec:
    """The codec of a model, loaded once; `arithmetic` of it tells what it codes with.

    Args:
        model: a released name, a path, or the default for None.
        device: "cpu", "cuda", or "auto": CUDA where PyTorch and the coder find it.
        arithmetic: "integer", the same everywhere; "float"; None for integers where the model has
            them.

    Raises:
        NoIntegersError: "integer" with a model that has none.
        ModelError: the model cannot be used.
        l3c.integer.exact.InexactError: this machine rounds where integers must be exact.
        ValueError: no such device or arithmetic here.
    """
    if arithmetic not in (None, *KINDS):
        raise ValueError(f"arithmetic must be one of {', '.join(KINDS)}, got {arithmetic!r}")
    found = model if isinstance(model, ModelFile) else named_model(model)
    try:
        modified = found.weights.stat().st_mtime_ns
    except OSError as error:
        raise ModelError(f"{found.weights}: cannot be read ({error.strerror})") from None
    if arithmetic is None:
        arithmetic = "integer" if _has_integers(found.weights, modified) else "float"
    return _codec(found.weights, modified, choose_device(device), arithmetic)


def find_codec(
    identity: bytes,
    arithmetic: Arithmetic,
    device: str = "auto",
    more: tuple[ModelFile | str | Path, ...] = (),
) -> TileCodec:
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
    kind, there = arithmetic.kind, []
    for model in _candidates(more):
        known = model.identity(kind)
        if not known:  # the card does not say
            try:
                known = open_codec(model, device, kind).identity
            except NoIntegersError:
                there.append(f"{model.name} (without integers)")
                continue
        if known == identity:
            return open_codec(model, device, kind)
        there.append(f"{model.name} ({known.hex()})")
    raise ModelMismatchError(
        f"written with model {identity.hex()}, which is not here; there are: "
        f"{', '.join(there) or 'none'}. Name the weights that it was written with (--model)"
    )


def _candidates(more: tuple[ModelFile | str | Path, ...]) -> Iterator[ModelFile]:
    named = [model if isinstance(model, ModelFile) else named_model(model) for model in more]
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
