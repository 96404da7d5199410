"""The workflow's configuration: what is prepared, trained, measured.

It is checked by `l3c.workflow.checks`, which also gives the names that others may refer to;
docs/configuration.md describes every key.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, model_validator

from baselines.lossy import LOSSY_METHODS
from baselines.lossy.base import lossy_key
from baselines.registry import method_key
from l3c.data.datasets import DatasetSpec
from l3c.models.tile_codec import Kind
from l3c.settings import FrozenSettings, unknown_name

MAX_PICTURES = 8  # photographs of a figure


def _known(kind: str) -> AfterValidator:
    """Refuses a name that is not among those of a kind in the context, if there is a context."""

    def check(name: str, info: ValidationInfo) -> str:
        if info.context is not None and name not in info.context[kind]:
            raise ValueError(unknown_name(kind, name, info.context[kind]))
        return name

    return AfterValidator(check)


# Names become files and wildcards of the workflow.
DatasetName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
MethodKey = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$")]
Dataset = Annotated[DatasetName, _known("data set")]
MeasuredDataset = Annotated[DatasetName, _known("measured data set")]
Model = Annotated[MethodKey, _known("model")]
Method = Annotated[str, _known("method")]
MeasuredMethod = Annotated[str, _known("measured method")]
Notebook = Annotated[str, StringConstraints(pattern=r"^(.*/)?[A-Za-z0-9][A-Za-z0-9_.-]*\.ipynb$")]
PythonFile = Annotated[str, StringConstraints(pattern=r"\.py$")]
Count = Annotated[int, Field(ge=1)]
Pixels = Annotated[int, Field(ge=1, le=16_384)]
Repeats = Annotated[int, Field(ge=1, le=100)]

_Item = TypeVar("_Item")


def unique(items: Iterable[_Item]) -> list[_Item]:
    """The items in their order, each once."""
    return list(dict.fromkeys(items))


def _distinct(items: tuple[_Item, ...]) -> tuple[_Item, ...]:
    if repeated := [item for item in unique(items) if items.count(item) > 1]:
        raise ValueError(f"{repeated[0]} is there more than once")
    return items


Distinct = Annotated[tuple[_Item, ...], AfterValidator(_distinct)]
"""Values that would be measured twice if they were listed twice."""


class ModelSpec(FrozenSettings):
    """A learned method: the label of its table row, and where its weights come from.

    Attributes:
        name: label in tables and figures.
        recipe: YAML file; relative to the working directory or the workflow.
        train: the key of `datasets` this model is trained on; by default that of all.
        validation: the key of `datasets` it is validated on; by default that of all.
        weights_from: instead of a recipe: the key of another model, whose weights are used.
        weights: instead of a recipe: a model that was trained elsewhere, a released name or the
            path of a .safetensors file, relative to the working directory or the workflow.
        arithmetic: of the network: integer decodes exactly on every machine; by default integers
            where the model has them.
        published_as: its method in results/published.csv, where neither key nor name says it.
    """

    name: str = Field(min_length=1)
    recipe: str | None = None
    train: Dataset | None = None
    validation: Dataset | None = None
    weights_from: Annotated[MethodKey, _known("model with weights of its own")] | None = None
    weights: str | None = None
    arithmetic: Kind | None = None
    published_as: Annotated[str, _known("published method")] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(map(bool, (self.recipe, self.weights_from, self.weights))) != 1:
            raise ValueError("needs one of recipe, weights, weights_from")
        if not self.recipe and (self.train or self.validation):
            raise ValueError("train and validation are for models with a recipe")
        return self


class Evaluation(FrozenSettings):
    """What is measured on what, and which published values stand beside it.

    Attributes:
        datasets: keys of `datasets`.
        methods: keys of `models`, keys of classical codecs, or paths of Python files.
        methods_on: for some of the data sets, fewer of `methods` than all.
        published: for some of `datasets`, which data set and edition of results/published.csv
            stands beside it, e.g. Open Images v3.
        repeats: timed runs per image; the median is kept.
        as_published: keys of `models` of the paper's family whose rates are also given by the rules
            of the authors' release: zero padding that is paid for, quarters, cross-entropy.
        bits_images: bits by scale and channel are means over so many of the first images of the
            first of `datasets` that a model is measured on.
    """

    datasets: Distinct[Dataset] = Field(min_length=1)
    methods: Distinct[Method] = Field(min_length=1)
    methods_on: dict[MeasuredDataset, Distinct[MeasuredMethod]] = Field({})
    published: dict[Dataset, Annotated[str, _known("edition")]] = Field({})
    repeats: Repeats = 1
    as_published: Distinct[Model] = ()
    bits_images: Count = 16


class Visualizations(FrozenSettings):
    """Figures of photographs, and of what a model makes of them: samples, z, where bits go.

    Attributes:
        model: key of a measured model; by default the first of `evaluate.methods`.
        dataset: one of `evaluate.datasets`, whose photographs are shown; the first.
        images: names of photographs as its manifest has them, or how many of the first.
    """

    model: Annotated[MethodKey, _known("measured model")] | None = None
    dataset: MeasuredDataset | None = None
    images: (
        Annotated[int, Field(ge=1, le=MAX_PICTURES)]
        | Annotated[tuple[str, ...], Field(min_length=1, max_length=MAX_PICTURES)]
    ) = 2


class Batches(FrozenSettings):
    """What is measured by batch size (Table A3).

    Attributes:
        models: keys of `models`; those that are not measured are left out.
        side: height and width of the images, pixels.
        sample_batch_sizes: images sampled at once.
        encode_batch_sizes: images encoded and decoded, each into a file of its own.
        single: one image of this side is sampled too (Table 2); or null.
        repeats: clocked runs of each, after a warm-up.
    """

    models: Distinct[Model] = Field(min_length=1)
    side: Pixels = 32
    sample_batch_sizes: Distinct[Count] = Field((1, 30, 60, 120, 240, 480, 960), min_length=1)
    encode_batch_sizes: Distinct[Count] = (1, 30, 120, 480)
    single: Pixels | None = 320
    repeats: Repeats = 3


class Lossy(FrozenSettings):
    """Rate and distortion of lossy codecs and models.

    Attributes:
        datasets: keys of `datasets`.
        codecs: keys of lossy codecs; those that are missing are left out.
        models: keys of lossy `models`, from the lowest rate to the highest: one method.
        name: label of that method.
        saved: reconstructions of so many of the first images are kept as PNG.
    """

    datasets: Distinct[Dataset] = Field(min_length=1)
    codecs: Distinct[Annotated[str, _known("lossy codec")]] = tuple(LOSSY_METHODS)
    models: Distinct[Model] = ()
    name: str = Field("CPM", min_length=1)
    saved: int = Field(2, ge=1)

    def learned_key(self) -> str:
        """Key of the method that the models are."""
        return lossy_key(self.name)

    def keys(self) -> list[str]:
        """Keys of all methods."""
        return [self.learned_key()] * bool(self.models) + [*self.codecs]


class Timing(FrozenSettings):
    """Speed: crops encoded and decoded, by phase (Tables 3 and A1), and by batch size.

    Attributes:
        dataset: the key of `datasets` whose images are cut; the first of `evaluate`.
        methods: of evaluate.methods; by default all but models with arithmetic float.
        crops: one of each image, then a second, ...
        side: of a crop, pixels; smaller images are mirrored.
        repeats: clocked runs of a crop, after a warm-up.
        batches: or null: nothing is measured by batch size.
    """

    dataset: Dataset | None = None
    methods: Distinct[MeasuredMethod] | None = None
    crops: int = Field(2, ge=1, le=100_000)
    side: Pixels = 512
    repeats: Repeats = 3
    batches: Batches | None = None


class Experiment(FrozenSettings):
    """Everything a run depends on, apart from cores and memory.

    Attributes:
        run: folder everything is written below.
        downloads: folder of image sets that are downloaded.
        reference: folder that the target `reference` copies tables, figures and rows to.
        train: the key of `datasets` the models are trained on; some may have their own.
        validation: the key of `datasets` whose photographs tell how training goes; or null.
        device: what the models are trained on; with cuda each job asks for one GPU.
        compile: training with torch.compile: a slow start, faster steps; weights differ in
            rounding. Nothing is trained again when it is switched.
        licence: of the weights that are trained, one line for the models' cards.
        figures: Python files with figures of one's own (l3c.bench.figures.registry), relative to
            the working directory or the workflow.
        notebooks: files (.ipynb) that are executed once all else is there, into <run>/notebooks.
        timing: or null: no speed is measured on crops.
        lossy: or null: nothing lossy is measured.
    """

    run: str = Field(min_length=1)
    downloads: str = Field("results/downloads", min_length=1)
    reference: str = Field("results/reference", min_length=1)
    datasets: dict[DatasetName, DatasetSpec] = Field(min_length=1)
    train: Dataset | None = None
    validation: Dataset | None = None
    device: Literal["cpu", "cuda"] = "cpu"
    compile: bool = False
    licence: str = ""
    models: dict[MethodKey, ModelSpec] = Field({})
    evaluate: Evaluation
    visualizations: Visualizations | None = None
    figures: Distinct[PythonFile] = ()
    notebooks: tuple[Notebook, ...] = ()
    timing: Timing | None = None
    lossy: Lossy | None = None

    def method_entries(self) -> dict[str, str]:
        """Key of each measured method (in file names, rows) -> its entry in the configuration."""
        return {method_key(entry): entry for entry in self.evaluate.methods}

    def learned(self) -> list[str]:
        """Keys of the measured methods that are models."""
        return [key for key in self.method_entries() if key in self.models]

    def lossy_models(self) -> tuple[str, ...]:
        """Keys of the lossy models that are measured."""
        return self.lossy.models if self.lossy else ()

    def trained_as(self, key: str) -> str:
        """Key of the model whose weights a model uses: another or itself."""
        return self.models[key].weights_from or key

    def trained(self) -> list[str]:
        """Keys of the models whose weights are measured; others are not trained."""
        return unique(map(self.trained_as, [*self.learned(), *self.lossy_models()]))

    def given(self) -> list[str]:
        """Keys of those among them that were trained elsewhere."""
        return [key for key in self.trained() if self.models[key].weights]

    def in_integers(self) -> list[str]:
        """Keys of the models whose integers are measured, where the family has any."""
        exact = [key for key in self.learned() if self.models[key].arithmetic != "float"]
        return unique(map(self.trained_as, [*exact, *self.lossy_models()]))

    def measured(self, dataset: str) -> list[str]:
        """Keys of the methods that are measured on a data set."""
        return [*map(method_key, self.evaluate.methods_on.get(dataset, self.evaluate.methods))]

    def measured_models(self, dataset: str) -> list[str]:
        """Keys of the models whose weights are measured on a data set."""
        return unique(self.trained_as(key) for key in self.measured(dataset) if key in self.models)

    def by_release_rules(self, dataset: str) -> list[str]:
        """Keys of the models whose rates on a data set are also measured as the release does."""
        wanted = unique(map(self.trained_as, self.evaluate.as_published))
        return [key for key in wanted if key in self.measured_models(dataset)]

    def visualized(self) -> tuple[str, str] | None:
        """Keys of the model and the data set that pictures are made of, if there are any."""
        shown = self.visualizations
        if shown is None or not self.learned():
            return None
        model = self.trained_as(shown.model or self.learned()[0])
        return model, shown.dataset or self.evaluate.datasets[0]

    def bits_dataset(self) -> str | None:
        """The first measured data set with a model: its bits are shown by scale and channel."""
        return next(filter(self.measured_models, self.evaluate.datasets), None)

    def data_of(self, key: str) -> tuple[str | None, str | None]:
        """Keys of the data sets that a model is trained and validated on here, if it is."""
        model = self.models[self.trained_as(key)]
        if model.weights:
            return None, None
        return model.train or self.train, model.validation or self.validation

    def published_as(self) -> dict[str, str]:
        """Key of a model -> its method in results/published.csv, where its settings say so."""
        return {key: m.published_as for key, m in self.models.items() if m.published_as}

    def notebook_files(self) -> dict[str, str]:
        """Name of each notebook -> its path in the configuration."""
        return {Path(path).stem: path for path in self.notebooks}

    def timed(self) -> list[str]:
        """Keys of the methods whose speed is measured on crops."""
        if self.timing is None:
            return []
        if self.timing.methods is not None:
            return [*map(method_key, self.timing.methods)]
        floats = {key for key, model in self.models.items() if model.arithmetic == "float"}
        return [key for key in self.method_entries() if key not in floats]

    def timed_dataset(self) -> str | None:
        """Key of the data set whose crops are timed, if there are any."""
        return None if self.timing is None else self.timing.dataset or self.evaluate.datasets[0]

    def batched(self) -> list[str]:
        """Keys of the models whose speed is measured by batch size."""
        if self.timing is None or self.timing.batches is None:
            return []
        return [key for key in self.timing.batches.models if key in self.learned()]

    def used_datasets(self) -> list[str]:
        """The data sets this run builds: those measured, and those needed for training."""
        names = [*self.evaluate.datasets, self.timed_dataset()]
        names += self.lossy.datasets if self.lossy else ()
        for key in self.trained():
            names += self.data_of(key)
        return [name for name in unique(names) if name]


def resolve(path: str, root: Path) -> Path:
    """The path below the workflow's folder if it exists there only, else the path as it is."""
    below = root / path
    return below if below.exists() and not Path(path).exists() else Path(path)
