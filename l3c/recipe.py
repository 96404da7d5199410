"""Recipes: all that defines a trained model but the data, read from YAML.

A recipe may inherit from another one (`base:`), and single settings can be overridden where it is
used (`--set train.steps=100`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator

from l3c.messages import one_line
from l3c.models.zoo import SUFFIX, ModelError, family_name, load_family
from l3c.settings import FrozenSettings, problems

if TYPE_CHECKING:  # families import PyTorch, which takes seconds
    from l3c.models.base import Model

PAPER_FAMILY = "l3c"


class RecipeError(ValueError):
    """A recipe is missing, is not YAML, or holds a key or value that is not allowed."""


class TrainSettings(FrozenSettings):
    """Optimiser and schedule; the defaults are the paper's, but for `steps` (about 700k there)."""

    steps: int = Field(700_000, ge=1)
    crop: int = Field(128, ge=8, le=1024, description="side of the square crops in pixels")
    batch: int = Field(30, ge=1, le=4096)
    optimizer: Literal["rmsprop", "adam", "muon"] = "rmsprop"
    beta2: float = Field(
        0.98,
        gt=0,
        lt=1,
        exclude_if=lambda value: value == 0.98,  # a new setting, no new identity of checkpoints
        description="adam, muon: decay of Adam's mean of squared gradients",
    )
    learning_rate: float = Field(1e-4, gt=0, lt=1)
    lr_factors: dict[str, float] = Field(
        {},
        description="factors on the learning rate of some of the family's parameter groups; with 0 "
        "a group keeps the weights it starts with",
    )
    schedule: Literal["exponential", "cosine", "linear"] = "exponential"
    decay: float = Field(0.75, gt=0, le=1, description="exponential: factor applied...")
    decay_steps: int = Field(35_585, ge=1, description="...every so many steps (5 epochs)")
    decay_share: float = Field(
        0.33, gt=0, le=1, description="linear: constant, then falling to 0 over this share"
    )
    warmup_steps: int = Field(0, ge=0, description="linear rise of the learning rate")
    clip_norm: float | None = Field(None, gt=0, description="largest gradient norm")
    average: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="decay of a running average of the weights, which is validated and written",
    )
    rotate: bool = Field(False, description="crops turned by quarters, besides horizontal flips")
    permute: float = Field(
        0,
        ge=0,
        le=1,
        description="share of the crops with R, G and B in random order",
        exclude_if=lambda share: share == 0,  # checkpoints made before it go on
    )
    channels_last: bool = True
    precision: Literal["float32", "bfloat16"] = "float32"
    threads: int | None = Field(
        None,
        ge=1,
        description="CPU threads, all by default; more do not help small batches, and the weights "
        "depend on their number",
    )
    seed: int = 0


class Recipe(FrozenSettings):
    """All that defines a trained model but the data."""

    name: str = Field(min_length=1)
    family: str = Field(
        PAPER_FAMILY,
        min_length=1,
        description="family of models: a file of l3c/models/, or the path of a .py file, which "
        "runs wherever the model is loaded; in a recipe relative to it, kept as an absolute path",
    )
    model: dict[str, Any] = Field({}, description="settings of the family")
    train: TrainSettings = TrainSettings()
    init_from: str | None = Field(
        None,
        description="model whose weights training starts from: a released name, or the path of a "
        ".safetensors file, in a recipe relative to it",
    )

    @field_validator("family")
    @classmethod
    def _absolute(cls, family: str) -> str:
        return str(Path(family).absolute()) if family.endswith(SUFFIX) else family

    @property
    def variant(self) -> str:
        """The setting `kind` of families that have one (such as "rgb"), else the family's name."""
        return str(self.model.get("kind", Path(self.family).stem))

    def model_settings(self, where: str = "") -> FrozenSettings:
        """Settings of the family, checked.

        Args:
            where: what errors name; by default the recipe's name.

        Raises:
            RecipeError: no such family, or settings that it does not have.
        """
        try:
            return load_family(self.family).Settings.model_validate(self.model)
        except ModelError as error:
            raise RecipeError(f"{where or self.name}: {error}") from None
        except ValidationError as error:
            reason = "; ".join(problems(error, "model."))
            raise RecipeError(f"{where or self.name}: {reason}") from None

    def make_model(self) -> Model:
        """A network with PyTorch's default weights.

        Raises:
            RecipeError: as `model_settings`.
        """
        settings = self.model_settings()
        return load_family(self.family)(settings)

    def settings(self) -> dict[str, Any]:
        """All of them, from "family" (see `family_name`) over "model.features" to "train.seed".

        Raises:
            RecipeError: as `model_settings`.
        """
        model = {f"model.{k}": v for k, v in self.model_settings().model_dump().items()}
        train = {f"train.{k}": getattr(self.train, k) for k in TrainSettings.model_fields}
        return {"family": family_name(self.family), **model, **train}

    def deviations(self) -> list[str]:
        """Every setting that differs from the paper's, one readable line each.

        The paper is the family's, or L3C's for families without one. What it varies or does not
        state is left out.
        """
        family = load_family(self.family)
        own = {"family": self.family, "train": family.paper} if family.paper else {}
        ours, paper = self.settings(), Recipe.model_validate({"name": "paper"} | own).settings()
        unstated = {*family.varied, "train.seed", "train.threads"}
        keys = [key for key in paper if key in ours and key not in unstated]
        differ = [key for key in keys if ours[key] != paper[key]]
        lines = [f"{key}: {ours[key]} instead of {paper[key]}" for key in differ]
        return lines + ([f"init_from: {Path(self.init_from).name}"] if self.init_from else [])


def load_recipe(path: Path | str, overrides: Sequence[str] = ()) -> Recipe:
    """Reads and checks a recipe.

    Args:
        path: of the YAML file. Its `base`, if any, is the name of a recipe in the same folder or
            a path relative to it; its own settings are merged over that. `family` and `init_from`,
            where they are paths, are relative to the file too.
        overrides: settings such as "train.steps=100", merged over all; values are YAML.

    Raises:
        RecipeError: naming the file, the key and what is allowed there.
    """
    return parse_recipe(overridden(_read(Path(path), ()), overrides), str(path))


def overridden(content: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """The content of a recipe with settings such as "train.steps=100" merged over it.

    Raises:
        RecipeError: an override that is no key=value.
    """
    content = dict(content)
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key:
            raise RecipeError(f"{override!r}: expected key=value, such as train.steps=100")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            raise RecipeError(f"{override!r}: its value is not valid YAML") from None
        for part in reversed(key.strip().split(".")):
            value = {part: value}
        content = _merged(content, value)
    return content


def parse_recipe(content: object, where: str) -> Recipe:
    """A recipe of parsed YAML or JSON.

    Raises:
        RecipeError: naming `where`, the key and what is allowed there.
    """
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise RecipeError(f"{where}: {'; '.join(problems(error))}") from None


def _read(path: Path, heirs: tuple[Path, ...]) -> dict[str, Any]:
    """The content of a recipe, merged over that of its bases; `heirs` inherit from it."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not valid YAML ({one_line(error)})") from None
    if not isinstance(content, dict):
        raise RecipeError(f"{path}: a recipe is a mapping with {', '.join(Recipe.model_fields)}")
    for key, suffix in (("family", SUFFIX), ("init_from", ".safetensors")):
        if str(content.get(key)).endswith(suffix):
            content[key] = str((path.parent / content[key]).absolute())
    base = content.pop("base", None)
    if base is None:
        return content
    source = path.parent / (base if str(base).endswith((".yaml", ".yml")) else f"{base}.yaml")
    heirs = (*heirs, path.resolve())
    if source.resolve() in heirs:
        raise RecipeError(f"{path}: base {base} inherits from it")
    try:
        return _merged(_read(source, heirs), content)
    except RecipeError as error:
        raise RecipeError(f"{path}: base: {error}") from None


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Settings merged key by key; other values, lists too, are replaced."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(merged.get(key), dict) and isinstance(value, dict)
        merged[key] = _merged(merged[key], value) if both else value
    return merged
