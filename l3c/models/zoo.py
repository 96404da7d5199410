"""The models there are: those that come with the package, and files that a user names; families.

A family is a module, in this folder or anywhere. It defines `FAMILY`, a subclass of
`l3c.models.base.Model`; and `open_tile_codec(file, device, arithmetic)`, if its models are opened
otherwise than with PyTorch (`l3c.models.base.open_torch_codec`).

A model is `<name>.safetensors` with its card `<name>.json` beside it. Nothing else is read: weights
given as pickles, which could run code, are refused. A family in a user's Python file runs when a
model of it is loaded; a card names that file by its absolute path, so that none can name a file
that came with it.

Nothing here imports PyTorch; most families do, once a model of theirs is opened.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from baselines.user_files import MethodFileError, load_file
from l3c.fileformat.errors import ModelMismatchError
from l3c.messages import MissingExtraError, naming_extra, one_line
from l3c.models.tile_codec import KINDS, Arithmetic, Kind, TileCodec

if TYPE_CHECKING:  # PyTorch takes seconds to import, and some families need none to code
    from l3c.models.base import Model

SUFFIX = ".py"  # of a family that is named by its path
OPENER = "open_tile_codec"
DEFAULT = "causal-middle"
DEVICES = ("auto", "cpu", "cuda")

INTEGER_PREFIX = "integer."  # of the integers' names in a file of weights

_PACKAGE = Path(__file__).parents[1]
_FOLDERS = (_PACKAGE / "released", _PACKAGE.parent / "models")  # installed; in a checkout
_IDENTITY_KEYS: dict[Kind, str] = {"integer": "integer_identity", "float": "identity"}


class ModelError(ValueError):
    """Weights or card cannot be used; the message names the file and the reason."""


class NoArithmeticError(ModelError):
    """The model does not code in the arithmetic, or on the device, that was asked for."""


@dataclass(frozen=True)
class ModelFile:
    """A model as files: its name, the path of its weights, and its card."""

    name: str
    weights: Path
    card: dict[str, Any]

    @property
    def card_path(self) -> Path:
        """Of the card, beside the weights."""
        return self.weights.with_suffix(".json")

    @property
    def family(self) -> str:
        """Name of the family, or the absolute path of its file.

        Raises:
            ModelError: the card names none.
        """
        recipe = self.card.get("recipe")
        if not isinstance(recipe, dict) or "family" not in recipe:
            raise ModelError(f"{self.card_path}: not a model card with a recipe")
        family = str(recipe["family"])
        if family.endswith(SUFFIX) and not Path(family).is_absolute():
            raise ModelError(f"{self.card_path}: family: {family} is no absolute path")
        return family

    def identity(self, arithmetic: Kind) -> bytes:
        """What files written with it in an arithmetic carry; b"" if it does not code in that."""
        try:
            return bytes.fromhex(self.card.get(_IDENTITY_KEYS[arithmetic], ""))
        except (TypeError, ValueError):
            return b""

    @property
    def identities(self) -> frozenset[bytes]:
        """In every arithmetic."""
        return frozenset(filter(None, map(self.identity, KINDS)))

    @property
    def arithmetic(self) -> Kind:
        """What it codes with unless told: integers, if it has them."""
        return "integer" if self.identity("integer") else "float"


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
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{card}: the model's card cannot be read ({one_line(error)}); it comes with the "
            f"weights: put it beside {weights}"
        ) from None
    return ModelFile(weights.stem, weights, content if isinstance(content, dict) else {})


def named_model(model: ModelFile | str | Path | None = None) -> ModelFile:
    """A released model by its name, or a file by its path; the package's default for None.

    Raises:
        ModelError: neither; the message lists the names.
    """
    if isinstance(model, ModelFile):
        return model
    name = str(model or DEFAULT)
    there = {candidate.name: candidate for candidate in released()}
    if name in there:
        return there[name]
    if Path(name).suffix or "/" in name:
        return read_model(name)
    names = ", ".join(there) or "none"
    raise ModelError(f"no model is called {name}; there are: {names}; or give a .safetensors file")


def open_codec(
    model: ModelFile | str | Path | None = None,
    device: str = "auto",
    arithmetic: Kind | None = None,
) -> TileCodec:
    """The codec of a model, loaded once; its `arithmetic` is what it codes with.

    Args:
        model: a released name, a path, or the default for None.
        device: "cpu", "cuda", or "auto": CUDA where PyTorch and the coder find it.
        arithmetic: "integer", the same everywhere; "float"; None for integers where the model has
            them.

    Raises:
        NoArithmeticError: the model does not code in this arithmetic.
        ModelError: the model cannot be used.
        l3c.torch_state.InexactError: this machine rounds where integers must be exact.
        ValueError: no such device or arithmetic here.
    """
    if arithmetic not in (None, *KINDS):
        raise ValueError(f"arithmetic must be one of {', '.join(KINDS)}, got {arithmetic!r}")
    if device not in DEVICES:
        raise ValueError(f"device must be one of {', '.join(DEVICES)}, got {device!r}")
    file = named_model(model)
    try:
        modified = file.weights.stat().st_mtime_ns
    except OSError as error:
        raise ModelError(f"{file.weights}: cannot be read ({one_line(error)})") from None
    return _open(file.weights, modified, device, arithmetic or file.arithmetic)


@lru_cache(maxsize=4)
def _open(weights: Path, modified_ns: int, device: str, arithmetic: Kind) -> TileCodec:
    file = read_model(weights)
    family = file.family
    try:
        with naming_extra("train"):
            opener: Any = vars(_module(family)).get(OPENER)
            if opener is None:
                from l3c.models.base import open_torch_codec as opener
    except (ModelError, MissingExtraError) as error:
        raise ModelError(f"{file.card_path}: {error}") from None
    codec: TileCodec = opener(file, device, arithmetic)
    if codec.identity != file.identity(arithmetic):
        raise ModelError(
            f"{weights}: weights and recipe make model {codec.identity.hex()}, the card says "
            f"{file.identity(arithmetic).hex() or 'nothing'}: one of them was changed"
        )
    return codec


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
    kind = arithmetic.kind
    named = [named_model(model) for model in more]
    candidates = named + [model for model in released() if model not in named]
    for model in candidates:
        if model.identity(kind) == identity:
            return open_codec(model, device, kind)
    names = ", ".join(each.name for each in candidates)
    raise ModelMismatchError(
        f"written with model {identity.hex()}, which is none of those that are here"
        f"{names and f' ({names})'}: name its weights with --model"
    )


def load_family(name: str) -> type[Model]:
    """The class of a family.

    Args:
        name: of a file in this folder, such as "l3c", or the path of a Python file.

    Raises:
        ModelError: naming what there is, or what is wrong with the file.
    """
    if family := _class_of(_module(name)):
        return family
    raise ModelError(f"{name}: defines no FAMILY, a subclass of l3c.models.base.Model")


def family_name(name: str) -> str:
    """What to publish of a family: a file by its name and the start of its SHA-256, not its path.

    Raises:
        ModelError: the file cannot be read.
    """
    if not name.endswith(SUFFIX):
        return name
    import hashlib  # takes memory

    try:
        return f"{Path(name).name} {hashlib.sha256(Path(name).read_bytes()).hexdigest()[:12]}"
    except OSError as error:
        raise ModelError(f"{name}: cannot be read ({one_line(error)})") from None


def _module(name: str) -> ModuleType:
    if name.endswith(SUFFIX):
        try:
            return load_file(Path(name))
        except MethodFileError as error:
            raise ModelError(str(error)) from error
    found = [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])]
    if name in found:
        module = importlib.import_module(f"l3c.models.{name}")
        if OPENER in vars(module) or _class_of(module):
            return module
    modules = {each: importlib.import_module(f"l3c.models.{each}") for each in found}
    names = ", ".join(each for each, module in modules.items() if _class_of(module))
    raise ModelError(
        f"no family of models is called {name!r}; there are: {names}; or name a {SUFFIX} file"
    )


def _class_of(module: ModuleType) -> type[Model] | None:
    from l3c.models.base import Model

    family = getattr(module, "FAMILY", None)
    return family if isinstance(family, type) and issubclass(family, Model) else None
