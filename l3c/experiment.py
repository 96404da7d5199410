"""The workflow's configuration: what is prepared, trained, measured; checked before a run.

`python -m l3c.experiment` writes the JSON Schemas of the configuration and of the result rows.
"""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from baselines.registry import METHODS
from l3c.arithmetic import DEFAULT, Kind
from l3c.config import Recipe, RecipeError, load_recipe
from l3c.data.catalogue import ImageSet, is_archive, read_catalogue
from l3c.data.datasets import DatasetSpec
from l3c.data.errors import DatasetError
from l3c.data.sources import LIST_SUFFIX
from l3c.evaluation.published import PublishedError, editions, normalize, read_published

CATALOGUE = "config/datasets.tsv"
MAX_PICTURES = 8  # photographs of a figure

# Both become names of files and wildcards of the workflow.
DatasetName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
MethodKey = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+$")]
NOTEBOOK_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]*"


class ExperimentError(ValueError):
    """The configuration is not usable; the message lists every problem and what is allowed."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"The configuration has {count}; nothing was run.\n{lines}")


class _Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ModelSpec(_Settings):
    """A learned method: the label of its table row, and the recipe that trains it."""

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
    arithmetic: Kind = Field(
        DEFAULT, description="of the network: integer decodes exactly on every machine"
    )
    published_as: str | None = Field(
        None, description="its method in results/published.csv, where neither key nor name says it"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.recipe is None) == (self.same_as is None):
            raise ValueError("needs either a recipe, or same_as with the key of another model")
        return self


class Evaluation(_Settings):
    """What is measured on what, and which published values stand beside it."""

    datasets: tuple[DatasetName, ...] = Field(min_length=1, description="keys of `datasets`")
    methods: tuple[str, ...] = Field(
        min_length=1,
        description="keys of `models`, keys of classical codecs, or paths of Python files",
    )
    methods_on: dict[DatasetName, tuple[str, ...]] = Field(
        {}, description="for some of the data sets, fewer of `methods` than all"
    )
    published: dict[DatasetName, str] = Field(
        {},
        description="for some of `datasets`, which data set and edition of results/published.csv "
        "stands beside it, e.g. Open Images v3",
    )
    repeats: int = Field(1, ge=1, le=100, description="timed runs per image; the median is kept")


class Exactness(_Settings):
    """The matrix of settings that decode each other's files: the target `exactness`."""

    model: MethodKey = Field("l3c", description="key of `models`, with a recipe")
    dataset: DatasetName = Field(description="the key of `datasets` whose images are cut")
    crops: int = Field(100, ge=1, le=10_000, description="of odd sizes, up to 79 pixels a side")
    settings: tuple[str, ...] | None = Field(None, description="names; all by default")
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
    bits_images: int = Field(
        16, ge=1, description="bits by scale and channel are means over so many of the first"
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

    models: tuple[MethodKey, ...] = Field(
        min_length=1, description="keys of `models`; those that are not measured are left out"
    )
    side: int = Field(32, ge=1, le=4096, description="height and width of the images, pixels")
    sizes: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (1, 30, 60, 120, 240, 480, 960), min_length=1, description="images sampled at once"
    )
    coded: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (1, 30, 120), description="images encoded and decoded, one after the other"
    )
    single: int | None = Field(
        320, ge=1, le=4096, description="one image of this side is sampled too (Table 2); or null"
    )
    repeats: int = Field(3, ge=1, le=100, description="clocked runs of each, after a warm-up")


class Timing(_Settings):
    """Speed: crops encoded and decoded, by stage (Tables 3 and A1), and by batch size."""

    dataset: DatasetName = Field(description="the key of `datasets` whose images are cut")
    methods: tuple[str, ...] | None = Field(
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
    train: DatasetName = Field(description="the key of `datasets` the models are trained on")
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
    board: bool = Field(
        False, description="training writes curves and pictures for TensorBoard to <run>/board"
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

    def pictured(self) -> tuple[str, str] | None:
        """Keys of the model and the data set that pictures are made of, if there are any."""
        if self.pictures is None or not self.learned():
            return None
        model = self.trained_as(self.pictures.model or self.learned()[0])
        return model, self.pictures.dataset or self.evaluate.datasets[0]

    def trained_on(self, key: str) -> str:
        """Key of the data set a model is trained on."""
        return self.models[self.trained_as(key)].train or self.train

    def validated_on(self, key: str) -> str | None:
        """Key of the data set a model is validated on, if it is."""
        return self.models[self.trained_as(key)].validation or self.validation

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

    def batched(self) -> list[str]:
        """Keys of the models whose speed is measured by batch size."""
        if self.timing is None or self.timing.batches is None:
            return []
        return [key for key in self.timing.batches.models if key in self.learned()]

    def used_datasets(self) -> list[str]:
        """The data sets this run builds: those measured, and those needed for training."""
        names: list[str | None] = [*self.evaluate.datasets]
        names += [self.timing.dataset] if self.timing else []
        for key in self.trained():
            names += [self.trained_on(key), self.validated_on(key)]
        return [name for name in dict.fromkeys(names) if name]


def method_key(entry: str) -> str:
    """Key of a method entry: itself, or the file's stem in lower case for a path to a .py file."""
    if entry.endswith(".py"):
        return re.sub(r"[^a-z0-9]+", "_", Path(entry).stem.lower()).strip("_")
    return entry


def resolve(path: str, root: Path) -> Path:
    """`path` if it exists from the working directory, else the one below the workflow's folder."""
    return Path(path) if Path(path).exists() else root / path


def check_experiment(config: Mapping[str, Any], root: Path) -> tuple[Experiment, dict[str, Recipe]]:
    """Checks the whole configuration, files it names included, before anything runs.

    Args:
        config: the merged configuration as read from YAML.
        root: folder of the workflow, holding config/ and results/published.csv.

    Returns:
        The typed configuration and the recipe of each model that is trained.

    Raises:
        ExperimentError: listing every problem.
    """
    try:
        experiment = Experiment.model_validate(dict(config))
    except ValidationError as error:
        raise ExperimentError([_explain(item) for item in error.errors()]) from None
    try:
        catalogue = read_catalogue(root / CATALOGUE)
    except DatasetError as error:
        raise ExperimentError([str(error)]) from None
    problems = [*_dataset_problems(experiment, catalogue), *_method_problems(experiment)]
    problems += [*_picture_problems(experiment), *_notebook_problems(experiment, root)]
    problems += [*_timing_problems(experiment), *_published_problems(experiment, root)]
    recipes = {}
    for key in experiment.trained():
        recipe = experiment.models[key].recipe if key in experiment.models else None
        if recipe is None:
            own = [other for other, spec in experiment.models.items() if spec.recipe is not None]
            problems.append(f"models: same_as: {_unknown(key, 'model with a recipe', own)}")
            continue
        try:
            recipes[key] = load_recipe(resolve(recipe, root))
        except RecipeError as error:
            problems.append(f"models.{key}.recipe: {error}")
    if problems:
        raise ExperimentError(problems)
    return experiment, recipes


def _dataset_problems(experiment: Experiment, catalogue: Mapping[str, ImageSet]) -> list[str]:
    problems = []
    named = [("train", experiment.train)]
    if experiment.validation:
        named.append(("validation", experiment.validation))
    for key, model in experiment.models.items():
        uses = {"train": model.train, "validation": model.validation}
        named += [(f"models.{key}.{where}", name) for where, name in uses.items() if name]
    named += [("evaluate.datasets", name) for name in experiment.evaluate.datasets]
    if experiment.exactness:
        named.append(("exactness.dataset", experiment.exactness.dataset))
    if experiment.timing:
        named.append(("timing.dataset", experiment.timing.dataset))
    for where, name in named:
        if name not in experiment.datasets:
            problems.append(f"{where}: {_unknown(name, 'data set', list(experiment.datasets))}")
    for name in experiment.used_datasets():
        spec = experiment.datasets.get(name)
        if spec is None or spec.source in ("embedded", "synthetic") or spec.source in catalogue:
            continue
        path = Path(spec.source).expanduser()
        readable = path.suffix == LIST_SUFFIX or is_archive(path.name)
        if path.is_dir() or (path.is_file() and readable):
            continue
        known = ["embedded", "synthetic", *catalogue]
        if path.exists():
            wrong = f"the file {spec.source} is no folder, archive or list (.txt) of images"
        elif readable:
            wrong = f"the file {spec.source} does not exist"
        else:
            wrong = f"the folder {spec.source} does not exist"
        problems.append(
            f"datasets.{name}.source: {wrong}; give a folder, an archive or a list of images, or "
            f"one of: {', '.join(known)}"
        )
    return problems


def _method_problems(experiment: Experiment) -> list[str]:
    known = [*experiment.models, *METHODS]
    problems = [
        f"models.{key}: is the key of a classical codec; choose another"
        for key in experiment.models
        if key in METHODS
    ]
    seen: dict[str, str] = {}
    for entry in experiment.evaluate.methods:
        key = method_key(entry)
        if entry.endswith(".py") and not Path(entry).is_file():
            problems.append(f"evaluate.methods: the file {entry} does not exist")
        elif entry.endswith(".py") and (key in known or not key):
            problems.append(f"evaluate.methods: rename {entry}; {key!r} is no free key for it")
        elif not entry.endswith(".py") and entry not in known:
            hint = "; a method of your own is named by the path of its .py file"
            problems.append(f"evaluate.methods: {_unknown(entry, 'method', known)}{hint}")
        if key in seen:
            problems.append(f"evaluate.methods: {entry} and {seen[key]} have the same key {key!r}")
        seen[key] = entry
    for dataset, methods in experiment.evaluate.methods_on.items():
        where = f"evaluate.methods_on.{dataset}"
        if dataset not in experiment.evaluate.datasets:
            problems.append(f"{where}: not in evaluate.datasets")
        problems += [
            f"{where}: {entry} is not in evaluate.methods"
            for entry in methods
            if entry not in experiment.evaluate.methods
        ]
    return problems


def _picture_problems(experiment: Experiment) -> list[str]:
    pictures = experiment.pictures
    if pictures is None:
        return []
    problems = []
    if pictures.model and pictures.model not in experiment.learned():
        unknown = _unknown(pictures.model, "measured model", experiment.learned() or ["none"])
        problems.append(f"pictures.model: {unknown}")
    if pictures.dataset and pictures.dataset not in experiment.evaluate.datasets:
        measured = list(experiment.evaluate.datasets)
        unknown = _unknown(pictures.dataset, "measured data set", measured)
        problems.append(f"pictures.dataset: {unknown}")
    return problems


def _notebook_problems(experiment: Experiment, root: Path) -> list[str]:
    problems = []
    seen: dict[str, str] = {}
    for path in experiment.notebooks:
        name = Path(path).stem
        if not path.endswith(".ipynb"):
            problems.append(f"notebooks: {path} is no notebook (.ipynb)")
        elif not resolve(path, root).is_file():
            problems.append(f"notebooks: the file {path} does not exist")
        elif not re.fullmatch(NOTEBOOK_NAME, name):
            problems.append(f"notebooks: rename {path}; letters, digits, _ . and - make a name")
        elif name in seen:
            problems.append(f"notebooks: {path} and {seen[name]} would be written to one file")
        seen[name] = path
    return problems


def _timing_problems(experiment: Experiment) -> list[str]:
    timing = experiment.timing
    if timing is None:
        return []
    problems = [
        f"timing.methods: {entry} is not in evaluate.methods"
        for entry in timing.methods or ()
        if entry not in experiment.evaluate.methods
    ]
    models = [*experiment.models]
    problems += [
        f"timing.batches.models: {_unknown(key, 'model', models)}"
        for key in (timing.batches.models if timing.batches else ())
        if key not in experiment.models
    ]
    return problems


def _published_problems(experiment: Experiment, root: Path) -> list[str]:
    try:
        values = read_published(root / "results" / "published.csv")
    except PublishedError as error:
        return [str(error)]
    problems = []
    for dataset, label in experiment.evaluate.published.items():
        if dataset not in experiment.datasets:
            unknown = _unknown(dataset, "data set", list(experiment.datasets))
            problems.append(f"evaluate.published: {unknown}")
        if label not in editions(values):
            unknown = _unknown(label, "edition", editions(values))
            problems.append(f"evaluate.published.{dataset}: {unknown}")
    methods = list(dict.fromkeys(value.method for value in values))
    for key, name in experiment.published_as().items():
        if normalize(name) not in map(normalize, methods):
            unknown = _unknown(name, "published method", methods)
            problems.append(f"models.{key}.published_as: {unknown}")
    return problems


def _unknown(value: str, kind: str, allowed: list[str]) -> str:
    close = difflib.get_close_matches(value, allowed, n=1)
    meant = f' Did you mean "{close[0]}"?' if close else ""
    return f'unknown {kind} "{value}".{meant} Allowed: {", ".join(allowed)}'


def _explain(item: Any) -> str:
    """One line for one pydantic error: key path, value, and what is allowed."""
    loc = tuple(part for part in item["loc"] if part != "[key]")
    where = ".".join(str(part) for part in loc)
    message = item["msg"].removeprefix("Value error, ").replace("Input should", "should")
    if item["type"] == "extra_forbidden":
        return f"{where}: {_unknown(str(loc[-1]), 'key', _allowed_keys(loc[:-1]))}"
    if item["type"] == "missing":
        return f"{where}: missing, and it has no default"
    if item["type"] == "string_pattern_mismatch":
        return (
            f"{where}: a name of letters, digits and _ is needed (pattern {item['ctx']['pattern']})"
        )
    shown = "" if isinstance(item["input"], Mapping) else f" = {item['input']!r}"
    return f"{where}{shown}: {message}"


def _allowed_keys(loc: tuple[Any, ...]) -> list[str]:
    """The keys of the settings found at a path below Experiment."""
    kind: Any = Experiment
    for part in loc:
        if _model(kind) is not None:
            kind = _model(kind).model_fields[part].annotation  # type: ignore[union-attr]
        else:
            kind = typing.get_args(kind)[-1]
    found = _model(kind)
    return list(found.model_fields) if found else []


def _model(kind: Any) -> type[BaseModel] | None:
    """The settings class behind an annotation, `X | None` included."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        return next((m for m in map(_model, typing.get_args(kind)) if m), None)
    return None


def schemas() -> dict[str, str]:
    """File name -> text of each JSON Schema below workflow/schemas/."""
    from l3c.evaluation.batch_rows import BatchRow
    from l3c.evaluation.rows import ResultRow
    from l3c.evaluation.timing_rows import TimingRow

    head = "# Written by `python -m l3c.experiment`; do not edit.\n"
    models: dict[str, type[BaseModel]] = {
        "config": Experiment,
        "row": ResultRow,
        "timing_row": TimingRow,
        "batch_row": BatchRow,
    }
    return {
        f"{name}.schema.yaml": head
        + yaml.safe_dump(
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                **model.model_json_schema(),
            },
            sort_keys=False,
            width=100,
        )
        for name, model in models.items()
    }


def main() -> None:
    """Writes the schemas beside the workflow."""
    folder = Path(__file__).resolve().parent.parent / "workflow" / "schemas"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in schemas().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
