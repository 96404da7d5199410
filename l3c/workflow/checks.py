"""Checks a configuration before a run: every problem at once, each with what is allowed."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from baselines.registry import METHODS, method_key
from l3c.bench.measure.exactness import settings
from l3c.bench.measure.method_process import MethodProcess, MethodProcessError
from l3c.bench.measure.methods import MethodSource
from l3c.bench.published import PublishedError, editions, normalize, read_published
from l3c.data.catalogue import ImageSet, is_archive, read_catalogue
from l3c.data.errors import DatasetError
from l3c.data.sources import LIST_SUFFIX
from l3c.messages import did_you_mean
from l3c.models.zoo import ModelError, ModelFile, named_model
from l3c.recipe import Recipe, RecipeError, load_recipe, parse_recipe
from l3c.workflow.experiment import NOTEBOOK_NAME, Experiment, resolve

CATALOGUE = "config/datasets.tsv"


class ExperimentError(ValueError):
    """The configuration is not usable; the message lists every problem and what is allowed."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        count = "one problem" if len(problems) == 1 else f"{len(problems)} problems"
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"The configuration has {count}; nothing was run.\n{lines}")


def check_experiment(
    config: Mapping[str, Any], root: Path, *, families: bool = True
) -> tuple[Experiment, dict[str, Recipe]]:
    """Checks the whole configuration, files it names included, before anything runs.

    Args:
        config: the merged configuration as read from YAML.
        root: folder of the workflow, holding config/ and results/published.csv.
        families: whether the settings of models are checked too, which imports PyTorch.

    Returns:
        The typed configuration, and the recipe of each model whose weights are measured.

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
    if problems := _model_problems(experiment):
        raise ExperimentError(problems)  # what is trained on what cannot be told
    problems = [*_dataset_problems(experiment, catalogue), *_method_problems(experiment)]
    problems += [*_picture_problems(experiment), *_notebook_problems(experiment, root)]
    problems += [*_timing_problems(experiment), *_published_problems(experiment, root)]
    problems += [*_exactness_problems(experiment), *_as_published_problems(experiment)]
    recipes = {}
    for key in experiment.trained():
        if key in experiment.given():
            try:
                recipes[key] = _recipe_of(given_model(experiment, key, root), families=families)
            except ModelError as error:
                problems.append(f"models.{key}.weights: {error}")
            continue
        if experiment.trained_on(key) is None:
            problems.append(f"train: missing, and models.{key} has none of its own")
        try:
            recipes[key] = load_recipe(resolve(experiment.models[key].recipe or "", root))
            if families:
                recipes[key].model_settings(experiment.models[key].recipe)
        except RecipeError as error:
            problems.append(f"models.{key}.recipe: {error}")
    if problems:
        raise ExperimentError(problems)
    return experiment, recipes


def given_model(experiment: Experiment, key: str, root: Path) -> ModelFile:
    """The file of a model that was trained elsewhere.

    Raises:
        ModelError: it is not there.
    """
    name = experiment.models[key].weights or ""
    below = root / name  # a path is named as it was given where nothing is there
    file = named_model(below if not Path(name).exists() and below.is_file() else name)
    if not file.weights.is_file():
        raise ModelError(f"{file.weights}: there is no such file")
    return file


def _recipe_of(file: ModelFile, *, families: bool) -> Recipe:
    where = str(file.weights.with_suffix(".json"))
    try:
        recipe = parse_recipe(file.card.get("recipe"), where)
        if families:
            recipe.model_settings(where)
    except RecipeError as error:
        raise ModelError(str(error)) from None
    return recipe


def check_method_files(experiment: Experiment) -> None:
    """Loads the Python files among the methods, each in a process of its own.

    Raises:
        ExperimentError: listing those that cannot be used, and labels that are not theirs alone.
    """
    problems = []
    labels = _labels(experiment)
    for key, entry in experiment.method_entries().items():
        if entry.endswith(".py"):
            try:
                with MethodProcess(MethodSource(key, entry)) as process:
                    label = process.describe().name
            except MethodProcessError as error:
                problems.append(f"evaluate.methods: {error}")
                continue
            if labels.setdefault(label, key) != key:
                problems.append(
                    f"evaluate.methods: {entry}: {label} is the label of {labels[label]} too, and "
                    "tables and figures tell methods by their labels; give it another name"
                )
    if problems:
        raise ExperimentError(problems)


def _labels(experiment: Experiment) -> dict[str, str]:
    """Label -> key of the classical codecs and the models."""
    labels = {METHODS[key]().name: key for key in METHODS}
    return labels | {model.name: key for key, model in experiment.models.items()}


def _model_problems(experiment: Experiment) -> list[str]:
    models = experiment.models
    own = _with_weights(experiment)
    problems = [
        f"models.{key}.same_as: {_unknown(model.same_as, 'model with a recipe or weights', own)}"
        for key, model in models.items()
        if model.same_as and model.same_as not in own
    ]
    problems += [
        f"models.{key}: is the key of a classical codec; choose another"
        for key in models
        if key in METHODS
    ]
    labels = {METHODS[key]().name: key for key in METHODS}
    for key, model in models.items():
        if labels.setdefault(model.name, key) != key:
            problems.append(
                f"models.{key}.name: {model.name} is the label of {labels[model.name]} too, and "
                "tables and figures tell methods by their labels; choose another"
            )
    return problems


def _with_weights(experiment: Experiment) -> list[str]:
    """Keys of the models that have weights of their own, trained here or elsewhere."""
    return [key for key, model in experiment.models.items() if not model.same_as]


def _dataset_problems(experiment: Experiment, catalogue: Mapping[str, ImageSet]) -> list[str]:
    problems = []
    uses = {"train": experiment.train, "validation": experiment.validation}
    for key, model in experiment.models.items():
        uses |= {f"models.{key}.train": model.train, f"models.{key}.validation": model.validation}
    named = [(where, name) for where, name in uses.items() if name]
    named += [("evaluate.datasets", name) for name in experiment.evaluate.datasets]
    if experiment.exactness:
        named.append(("exactness.dataset", experiment.exactness.dataset))
    if experiment.timing and experiment.timing.dataset:
        named.append(("timing.dataset", experiment.timing.dataset))
    for where, name in named:
        if name not in experiment.datasets:
            problems.append(f"{where}: {_unknown(name, 'data set', list(experiment.datasets))}")
    read = experiment.used_datasets()
    read += [experiment.exactness.dataset] if experiment.exactness else []
    for name in dict.fromkeys(read):
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
    problems = []
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
        unknown = _unknown(pictures.model, "measured model", experiment.learned())
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


def _exactness_problems(experiment: Experiment) -> list[str]:
    exactness = experiment.exactness
    if exactness is None:
        return []
    problems = []
    if exactness.model not in (own := _with_weights(experiment)):
        unknown = _unknown(exactness.model, "model with a recipe or weights", own)
        problems.append(f"exactness.model: {unknown}")
    known = [setting.name for setting in settings(exactness.interpreters)]
    problems += [
        f"exactness.settings: {_unknown(name, 'setting', known)}"
        for name in exactness.settings or ()
        if name not in known
    ]
    return problems


def _as_published_problems(experiment: Experiment) -> list[str]:
    models = [*experiment.models]
    return [
        f"evaluate.as_published: {_unknown(key, 'model', models)}"
        for key in experiment.evaluate.as_published
        if key not in models
    ]


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
    methods = list(dict.fromkeys(values.method))
    for key, name in experiment.published_as().items():
        if normalize(name) not in map(normalize, methods):
            unknown = _unknown(name, "published method", methods)
            problems.append(f"models.{key}.published_as: {unknown}")
    return problems


def _unknown(value: str, kind: str, allowed: list[str]) -> str:
    meant = did_you_mean(value, allowed)
    return f'unknown {kind} "{value}".{meant} Allowed: {", ".join(allowed) or "none"}'


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
        pattern = item["ctx"]["pattern"]
        allowed = "letters, digits, _ . and -" if ".-" in pattern else "letters, digits and _"
        return f"{where}: a name of {allowed} is needed (pattern {pattern})"
    shown = "" if isinstance(item["input"], Mapping) else f" = {item['input']!r}"
    return f"{where}{shown}: {message}"


def _allowed_keys(loc: tuple[Any, ...]) -> list[str]:
    """The keys of the settings found at a path below Experiment."""
    found: type[BaseModel] | None = Experiment
    parts = iter(loc)
    for part in parts:
        kind = found.model_fields[part].annotation if found else None
        found = settings_in(kind)
        if typing.get_origin(kind) is dict:
            next(parts, None)  # a name that the user chose
    return list(found.model_fields) if found else []


def settings_in(kind: Any) -> type[BaseModel] | None:
    """The settings class behind an annotation, `X | None` and `dict[str, X]` included."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return kind
    if typing.get_origin(kind) in (types.UnionType, typing.Union, dict):
        return next((found for found in map(settings_in, typing.get_args(kind)) if found), None)
    return None
