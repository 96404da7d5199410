"""Typed, frozen settings of a model and of its training: a recipe, read from YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

Kind = Literal["l3c", "rgb", "rgb_shared"]


class RecipeError(ValueError):
    """A recipe file is missing, is not YAML, or holds a key or value that is not allowed."""


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelSettings(_Settings):
    """Shape and parametrisation of a network; the defaults are the paper's."""

    kind: Kind = "l3c"
    scales: int = Field(3, ge=1, le=6, description="S, number of scales below the image")
    features: int = Field(64, ge=12, le=512, description="Cf, channels of every feature map")
    blocks: int = Field(8, ge=0, le=64, description="residual blocks of an extractor or predictor")
    mixtures: int = Field(10, ge=1, le=64, description="K, logistics of each mixture")
    bottleneck: int = Field(5, ge=3, le=31, description="C, channels of z")
    levels: int = Field(25, ge=2, le=255, description="L, levels of the quantizer of z")
    dilations: tuple[Annotated[int, Field(ge=1, le=64)], ...] = Field(
        (1, 2, 4),
        min_length=1,
        max_length=16,
        description="of the parallel convolutions of the classifier",
    )
    interlaced: bool = Field(
        False,
        description="false: all pixels of a scale at once (the paper's); true: of every 2x2 block "
        "the first, then the last, then the other two, each given those before",
    )
    parametrization: Literal["paper", "unit"] = Field(
        "paper",
        description="paper: images enter less their mean, mixture means leave in pixel values; "
        "unit: both in (x - 127.5) / 127.5, logits and log sigma multiplied by 40",
    )
    initialization: Literal["default", "pyramid"] = Field(
        "default",
        description="default: PyTorch's; pyramid: z starts as luma and colour of every fourth "
        "pixel, and every mixture centred on their bilinear interpolation",
    )
    channel_coefficients: Literal["sigmoid", "linear", "centred"] = Field(
        "sigmoid",
        description="lambda of Eq. 7: sigmoid of the network's output; the output itself; or the "
        "output, applied to what a channel before is off its own mean",
    )

    @property
    def stages(self) -> int:
        """Stages, and streams, of each scale that is predicted: see `l3c.model.stages`."""
        return 3 if self.interlaced else 1


class TrainSettings(_Settings):
    """Optimiser and schedule; the defaults are the paper's, but for `steps` (about 700k there)."""

    steps: int = Field(700_000, ge=1)
    crop: int = Field(128, ge=8, le=1024, description="side of the square crops in pixels")
    batch: int = Field(30, ge=1, le=4096)
    optimizer: Literal["rmsprop", "adam", "muon"] = "rmsprop"
    learning_rate: float = Field(1e-4, gt=0, lt=1)
    schedule: Literal["exponential", "cosine"] = "exponential"
    decay: float = Field(0.75, gt=0, le=1, description="exponential: factor applied...")
    decay_steps: int = Field(35_580, ge=1, description="...every so many steps (5 epochs)")
    warmup_steps: int = Field(0, ge=0, description="linear rise of the learning rate")
    clip_norm: float | None = Field(None, gt=0, description="largest gradient norm")
    rotate: bool = Field(False, description="crops turned by quarters, besides horizontal flips")
    extractor_rate: float = Field(
        1.0,
        ge=0,
        le=1,
        description="learning rate of the extractors, relative to the rest; 0: they stay as "
        "they start",
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


class Recipe(_Settings):
    """All that defines a trained model but the data."""

    name: str = Field(min_length=1)
    model: ModelSettings = ModelSettings()
    train: TrainSettings = TrainSettings()

    def settings(self) -> dict[str, Any]:
        """All of them, from model.kind to train.seed."""
        parts = {"model": self.model, "train": self.train}
        return {
            f"{part}.{key}": value
            for part, settings in parts.items()
            for key, value in settings.model_dump().items()
        }

    def deviations(self) -> list[str]:
        """Every setting that differs from the paper's, one readable line each."""
        ours = self.settings()
        return [
            f"{key}: {ours[key]} instead of {published}"
            for key, published in paper_settings().items()
            if ours[key] != published
        ]


def paper_settings() -> dict[str, Any]:
    """The paper's, without those that it has several of, or says nothing of."""
    unspecified = ("model.kind", "train.seed", "train.threads")
    settings = Recipe(name="paper").settings()
    return {key: value for key, value in settings.items() if key not in unspecified}


def load_recipe(path: Path | str) -> Recipe:
    """Reads and checks a recipe.

    Raises:
        RecipeError: naming the file, the key and what is allowed there.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({error.strerror})") from None
    except yaml.YAMLError as error:
        raise RecipeError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from None
    if not isinstance(content, dict):
        raise RecipeError(f"{path}: a recipe is a mapping with the keys name, model, train")
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise RecipeError(f"{path}: {_explain(error)}") from None


def _explain(error: ValidationError) -> str:
    """One line for the whole validation error, with the allowed keys where a key is unknown."""
    sections: dict[str, type[BaseModel]] = {"model": ModelSettings, "train": TrainSettings}
    parts = []
    for item in error.errors():
        where = ".".join(str(key) for key in item["loc"])
        if item["type"] == "extra_forbidden":
            section = sections.get(str(item["loc"][0]) if len(item["loc"]) > 1 else "", Recipe)
            parts.append(f"unknown key {where}; allowed: {', '.join(section.model_fields)}")
        else:
            parts.append(f"{where} = {item['input']!r}: {item['msg']}")
    return "; ".join(parts)
