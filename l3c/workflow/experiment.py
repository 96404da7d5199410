"""The workflow's configuration: what is prepared, trained, measured.

It is checked by `l3c.workflow.checks`; docs/configuration.md describes every key.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from baselines.registry import method_key
from l3c.arithmetic import Kind
from l3c.data.datasets import DatasetSpec

MAX_PICTURES = 8  # photographs of a figure

# Both become names of files and wildcards of the workflow.
DatasetName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
MethodKey = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$")]
NOTEBOOK_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"

_Item = TypeVar("_Item")


def _distinct(items: tuple[_Item, ...]) -> tuple[_Item, ...]:
    repeated = [item for item in dict.fromkeys(items) if items.count(item) > 1]
    if repeated:
        raise ValueError(f"{repeated[0]} is there more than once")
    return items


Distinct = Annotated[tuple[_Item, ...], AfterValidator(_distinct)]
"""What would be measured twice if it were named twice."""


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelSpec(_Settings):
    """A learned method: the label of its table row, and where its weights come from."""

    name: str = Field(min_length=1, description="label in tables and figures")
    recipe: str | None = Field(
        None, description="YAML file; relative to the working directory or the workflow"
    )
    train: DatasetName | None = Field(
        None, description="the key of `datasets` this model is trained on; by default that of all"
    )
    validation: DatasetName | None = Field(
        None, description="the key of `datasets` it is validated on; by default that of all"
    )
    same_as: MethodKey | None = Field(
        None, description="instead of a recipe: the key of another model, whose weights are used"
    )
    weights: str | None = Field(
        None,
        description="instead of a recipe: a model that was trained elsewhere, a released name or "
        "the path of a .safetensors file, relative to the working directory or the workflow",
    )
    arithmetic: Kind | None = Field(
        None,
        description="of the network: integer decodes exactly on every machine; by default integers "
        "where the model has them",
    )
    published_as: str | None = Field(
        None, description="its method in results/published.csv, where neither key nor name says it"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [source for source in (self.recipe, self.same_as, self.weights) if source]
        if len(given) != 1:
            raise ValueError(
                "needs either a recipe, or weights, or same_as with the key of another model"
            )
        if not self.recipe and (self.train or self.validation):
            raise ValueError("only a model with a recipe is trained: no train, no validation")
        return self


class Evaluation(_Settings):
    """What is measured on what, and which published values stand beside it."""

    datasets: Distinct[DatasetName] = Field(min_length=1, description="keys of `datasets`")
    methods: tuple[str, ...] = Field(
        min_length=1,
        description="keys of `models`, keys of classical codecs, or paths of Python files",
    )
    methods_on: dict[DatasetName, Distinct[str]] = Field(
        {}, description="for some of the data sets, fewer of `methods` than all"
    )
    published: dict[DatasetName, str] = Field(
        {},
        description="for some of `datasets`, which data set and edition of results/published.csv "
        "stands beside it, e.g. Open Images v3",
    )
    repeats: int = Field(1, ge=1, le=100, description="timed runs per image; the median is kept")
    as_published: Distinct[MethodKey] = Field(
        (),
        description="keys of `models` of the paper's family whose rates are also given by the "
        "rules of the authors' release: zero padding that is paid for, quarters, cross-entropy",
    )
    bits_images: int = Field(
        16,
        ge=1,
        description="bits by scale and channel are means over so many of the first images of the "
        "first of `datasets` that a model is measured on",
    )


class Exactness(_Settings):
    """The matrix of settings that decode each other's files: the target `exactness`."""

    model: MethodKey = Field("l3c", description="key of `models`, with a recipe")
    dataset: DatasetName = Field(description="the key of `datasets` whose images are cut")
    crops: int = Field(100, ge=1, le=10_000, description="of odd sizes, up to 79 pixels a side")
    settings: Distinct[str] | None = Field(None, min_length=1, description="names; all by default")
    interpreters: dict[str, str] = Field(
        {}, description="name -> path of a Python with another PyTorch and this package's needs"
    )


class Pictures(_Settings):
    """Figures of photographs, and of what a model makes of them: samples, z, where bits go."""

    model: MethodKey | None = Field(
        None, description="key of a measured model; by default the first of `evaluate.methods`"
    )
    dataset: DatasetName | None = Field(
        None, description="one of `evaluate.datasets`, whose photographs are shown; the first"
    )
    images: int | tuple[str, ...] = Field(
        2, description="names of photographs as its manifest has them, or how many of the first"
    )

    @field_validator("images", mode="before")
    @classmethod
    def _count_or_names(cls, value: object) -> object:
        listed = isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)
        counted = isinstance(value, int) and not isinstance(value, bool)
        size = value if counted else len(value) if listed else 0  # type: ignore[arg-type]
        if not 1 <= size <= MAX_PICTURES:  # type: ignore[operator]
            raise ValueError(f"needs a count or a list of names, 1 to {MAX_PICTURES} of them")
        return value


class Batches(_Settings):
    """What is measured by batch size (Table A3)."""

    models: Distinct[MethodKey] = Field(
        min_length=1, description="keys of `models`; those that are not measured are left out"
    )
    side: int = Field(32, ge=1, le=4096, description="height and width of the images, pixels")
    sizes: Distinct[Annotated[int, Field(ge=1)]] = Field(
        (1, 30, 60, 120, 240, 480, 960), min_length=1, description="images sampled at once"
    )
    coded: Distinct[Annotated[int, Field(ge=1)]] = Field(
        (1, 30, 120, 480), description="images encoded and decoded, each into a file of its own"
    )
    single: int | None = Field(
        320, ge=1, le=4096, description="one image of this side is sampled too (Table 2); or null"
    )
    repeats: int = Field(3, ge=1, le=100, description="clocked runs of each, after a warm-up")

    @model_validator(mode="after")
    def _single_is_another(self) -> Self:
        if self.single == self.side and 1 in self.sizes:
            raise ValueError(f"one image of {self.side} px is sampled already: give single: null")
        return self


class Timing(_Settings):
    """Speed: crops encoded and decoded, by stage (Tables 3 and A1), and by batch size."""

    dataset: DatasetName | None = Field(
        None, description="the key of `datasets` whose images are cut; the first of `evaluate`"
    )
    methods: Distinct[str] | None = Field(
        None, description="of evaluate.methods; by default all but models with arithmetic float"
    )
    crops: int = Field(2, ge=1, le=100_000, description="one of each image, then a second, ...")
    side: int = Field(
        512, ge=1, le=16_384, description="of a crop, pixels; smaller images are mirrored"
    )
    repeats: int = Field(3, ge=1, le=100, description="clocked runs of a crop, after a warm-up")
    batches: Batches | None = Field(None, description="or null: nothing is measured by batch size")


class Experiment(_Settings):
    """Everything a run depends on, apart from cores and memory."""

    run: str = Field(min_length=1, description="folder everything is written below")
    downloads: str = Field(
        "results/downloads", min_length=1, description="folder of image sets that are downloaded"
    )
    reference: str = Field(
        "results/reference",
        min_length=1,
        description="folder that the target `reference` copies tables, figures and rows to",
    )
    datasets: dict[DatasetName, DatasetSpec] = Field(min_length=1)
    train: DatasetName | None = Field(
        None, description="the key of `datasets` the models are trained on; some may have their own"
    )
    validation: DatasetName | None = Field(
        None,
        description="the key of `datasets` whose photographs tell how training goes; or null",
    )
    device: Literal["cpu", "cuda"] = Field(
        "cpu", description="what the models are trained on; with cuda each job asks for one GPU"
    )
    compile: bool = Field(
        False,
        description="training with torch.compile: a slow start, faster steps; weights differ in "
        "rounding. Nothing is trained again when it is switched",
    )
    licence: str = Field(
        "", description="of the weights that are trained, one line for the models' cards"
    )
    models: dict[MethodKey, ModelSpec] = {}
    evaluate: Evaluation
    exactness: Exactness | None = None
    pictures: Pictures | None = None
    notebooks: tuple[str, ...] = Field(
        (),
        description="files (.ipynb) that are executed once all else is there, into <run>/notebooks",
    )
    timing: Timing | None = Field(None, description="or null: no speed is measured on crops")
    tensorboard: bool = Field(
        False, description="training writes curves and pictures to <run>/tensorboard"
    )

    def method_entries(self) -> dict[str, str]:
        """Key of each measured method (in file names, rows) -> its entry in the configuration."""
        return {method_key(entry): entry for entry in self.evaluate.methods}

    def learned(self) -> list[str]:
        """Keys of the measured methods that are models."""
        return [key for key in self.method_entries() if key in self.models]

    def trained_as(self, key: str) -> str:
        """Key of the model whose weights a model uses: another or itself."""
        return self.models[key].same_as or key

    def trained(self) -> list[str]:
        """Keys of the models whose weights are measured; others are not trained."""
        return list(dict.fromkeys(map(self.trained_as, self.learned())))

    def given(self) -> list[str]:
        """Keys of those among them that were trained elsewhere."""
        return [key for key in self.trained() if self.models[key].weights]

    def by_release_rules(self, dataset: str) -> list[str]:
        """Keys of the models whose rates on a data set are also measured as the release does."""
        wanted = map(self.trained_as, self.evaluate.as_published)
        return [key for key in dict.fromkeys(wanted) if key in self.measured_models(dataset)]

    def in_integers(self) -> list[str]:
        """Keys of the models whose integers are measured, where the family has any."""
        measured = [key for key in self.learned() if self.models[key].arithmetic != "float"]
        return list(dict.fromkeys(map(self.trained_as, measured)))

    def pictured(self) -> tuple[str, str] | None:
        """Keys of the model and the data set that pictures are made of, if there are any."""
        if self.pictures is None or not self.learned():
            return None
        model = self.trained_as(self.pictures.model or self.learned()[0])
        return model, self.pictures.dataset or self.evaluate.datasets[0]

    def bits_dataset(self) -> str | None:
        """The first measured data set with a model: its bits are shown by scale and channel."""
        return next((name for name in self.evaluate.datasets if self.measured_models(name)), None)

    def trained_on(self, key: str) -> str | None:
        """Key of the data set a model is trained on; None if it was trained elsewhere."""
        model = self.models[self.trained_as(key)]
        return None if model.weights else model.train or self.train

    def validated_on(self, key: str) -> str | None:
        """Key of the data set a model is validated on, if it is."""
        model = self.models[self.trained_as(key)]
        return None if model.weights else model.validation or self.validation

    def published_as(self) -> dict[str, str]:
        """Key of a model -> its method in results/published.csv, where its settings say so."""
        named = {key: model.published_as for key, model in self.models.items()}
        return {key: name for key, name in named.items() if name is not None}

    def measured(self, dataset: str) -> list[str]:
        """Keys of the methods that are measured on a data set."""
        return [*map(method_key, self.evaluate.methods_on.get(dataset, self.evaluate.methods))]

    def measured_models(self, dataset: str) -> list[str]:
        """Keys of the models whose weights are measured on a data set."""
        learned = [key for key in self.measured(dataset) if key in self.models]
        return list(dict.fromkeys(map(self.trained_as, learned)))

    def notebook_files(self) -> dict[str, str]:
        """Name of each notebook -> its path in the configuration."""
        return {Path(path).stem: path for path in self.notebooks}

    def timed(self) -> list[str]:
        """Keys of the methods whose speed is measured on crops."""
        if self.timing is None:
            return []
        if self.timing.methods is not None:
            return [*map(method_key, self.timing.methods)]
        models = self.models
        return [
            key
            for key in self.method_entries()
            if key not in models or models[key].arithmetic != "float"
        ]

    def timed_dataset(self) -> str | None:
        """Key of the data set whose crops are timed, if there are any."""
        if self.timing is None:
            return None
        return self.timing.dataset or self.evaluate.datasets[0]

    def batched(self) -> list[str]:
        """Keys of the models whose speed is measured by batch size."""
        if self.timing is None or self.timing.batches is None:
            return []
        return [key for key in self.timing.batches.models if key in self.learned()]

    def used_datasets(self) -> list[str]:
        """The data sets this run builds: those measured, and those needed for training."""
        names: list[str | None] = [*self.evaluate.datasets]
        names += [self.timed_dataset()] if self.timing else []
        for key in self.trained():
            names += [self.trained_on(key), self.validated_on(key)]
        return [name for name in dict.fromkeys(names) if name]


def resolve(path: str, root: Path) -> Path:
    """`path` if it exists from the working directory, else the one below the workflow's folder."""
    return Path(path) if Path(path).exists() else root / path
