"""Checks a configuration before a run: every problem at once, each with what is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from baselines.lossy import LOSSY_METHODS
from baselines.registry import METHODS, method_key
from l3c.bench.measure.child import ChildError
from l3c.bench.measure.methods import served
from l3c.bench.published import PublishedError, editions, normalize, read_published
from l3c.data import DatasetError
from l3c.data.datasets import EMBEDDED
from l3c.data.sources import read_catalogue
from l3c.models.zoo import ModelError, ModelFile, load_family, named_model
from l3c.recipe import Recipe, RecipeError, load_recipe, parse_recipe
from l3c.settings import problems, unknown_name
from l3c.workflow.experiment import Experiment, resolve

CATALOGUE = "config/datasets.tsv"
PUBLISHED = "results/published.csv"


class ExperimentError(ValueError):
    """The configuration is not usable; the message lists every problem and what is allowed."""

    def __init__(self, found: list[str]) -> None:
        self.problems = found
        count = "one problem" if len(found) == 1 else f"{len(found)} problems"
        super().__init__("\n  ".join([f"The configuration has {count}; nothing was run.", *found]))


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
        found = [
            f"{where}: {unknown_name(kind, name, known)}"
            for where, kind, names, known in _names(experiment, root)
            for name in names
            if name is not None and name not in known
        ]
        found += _repeated_names(experiment)
        found = found or [*_missing_files(experiment, root)]
    except ValidationError as error:
        raise ExperimentError(problems(error)) from None
    except (DatasetError, PublishedError) as error:
        raise ExperimentError([str(error)]) from None
    if found:
        raise ExperimentError(found)
    recipes = {}
    for key in experiment.trained():
        source = "weights" if key in experiment.given() else "recipe"
        if source == "recipe" and experiment.trained_on(key) is None:
            found.append(f"train: missing, and models.{key} has none of its own")
        try:
            recipes[key] = _recipe(experiment, key, root, families)
        except (ModelError, RecipeError) as error:
            found.append(f"models.{key}.{source}: {error}")
    if found:
        raise ExperimentError(found)
    return experiment, recipes


def given_model(experiment: Experiment, key: str, root: Path) -> ModelFile:
    """The file of a model that was trained elsewhere.

    Raises:
        ModelError: it is not there.
    """
    name = experiment.models[key].weights or ""
    # A folder may be called as a released model is.
    file = named_model(str(resolve(name, root)) if name.endswith(".safetensors") else name)
    if not file.weights.is_file():
        raise ModelError(f"{file.weights}: there is no such file")
    return file


def check_method_files(experiment: Experiment) -> None:
    """Loads the Python files among the methods, each in a process of its own.

    Raises:
        ExperimentError: listing those that cannot be used, and labels that are not theirs alone.
    """
    found, labels = [], _labels(experiment)
    for entry in experiment.evaluate.methods:
        if not entry.endswith(".py"):
            continue
        try:
            with served(entry) as process:
                label = process.call("describe")["method"]
                labels.append((label, f"evaluate.methods: {entry}"))
        except ChildError as error:
            found.append(f"evaluate.methods: {error}")
    if found := [*found, *_repeated(labels, "label")]:
        raise ExperimentError(found)


def _recipe(experiment: Experiment, key: str, root: Path, families: bool) -> Recipe:
    if key in experiment.given():
        file = given_model(experiment, key, root)
        where = str(file.weights.with_suffix(".json"))
        recipe = parse_recipe(file.card.get("recipe"), where)
    else:
        where = experiment.models[key].recipe or ""
        recipe = load_recipe(resolve(where, root))
    if families:
        recipe.model_settings(where)
        lossy = load_family(recipe.family).lossy
        elsewhere = experiment.learned() if lossy else experiment.lossy_models()
        if key in map(experiment.trained_as, elsewhere):
            raise RecipeError("lossy models go into lossy.models, others into evaluate.methods")
    return recipe


def _names(
    experiment: Experiment, root: Path
) -> Iterator[tuple[str, str, Iterable[str | None], list[str]]]:
    """Where names stand for something, for what, the names themselves, and those there are."""
    datasets, models = [*experiment.datasets], [*experiment.models]
    evaluate, measured = experiment.evaluate, [*experiment.evaluate.methods]
    own = [key for key, model in experiment.models.items() if not model.weights_from]
    published = read_published(root / PUBLISHED)
    methods = list(dict.fromkeys(published.method))
    names = [*map(normalize, methods)]

    yield "train", "data set", [experiment.train], datasets
    yield "validation", "data set", [experiment.validation], datasets
    for key, model in experiment.models.items():
        where = f"models.{key}"
        yield f"{where}.train", "data set", [model.train], datasets
        yield f"{where}.validation", "data set", [model.validation], datasets
        yield f"{where}.weights_from", "model with weights of its own", [model.weights_from], own
        if model.published_as and normalize(model.published_as) not in names:
            yield f"{where}.published_as", "published method", [model.published_as], methods
    yield "evaluate.datasets", "data set", evaluate.datasets, datasets
    files = [entry for entry in measured if entry.endswith(".py")]
    yield "evaluate.methods", "method", measured, [*models, *METHODS, *files]
    yield "evaluate.methods_on", "measured data set", evaluate.methods_on, [*evaluate.datasets]
    for dataset, some in evaluate.methods_on.items():
        yield f"evaluate.methods_on.{dataset}", "measured method", some, measured
    yield "evaluate.published", "data set", evaluate.published, datasets
    for dataset, edition in evaluate.published.items():
        yield f"evaluate.published.{dataset}", "edition", [edition], editions(published)
    yield "evaluate.as_published", "model", evaluate.as_published, models
    if shown := experiment.visualizations:
        where = "visualizations"
        yield f"{where}.model", "measured model", [shown.model], experiment.learned()
        yield f"{where}.dataset", "measured data set", [shown.dataset], [*evaluate.datasets]
    if timing := experiment.timing:
        yield "timing.dataset", "data set", [timing.dataset], datasets
        yield "timing.methods", "measured method", timing.methods or (), measured
        if timing.batches:
            yield "timing.batches.models", "model", timing.batches.models, models
    if lossy := experiment.lossy:
        yield "lossy.datasets", "data set", lossy.datasets, datasets
        yield "lossy.codecs", "lossy codec", lossy.codecs, [*LOSSY_METHODS]
        yield "lossy.models", "model", lossy.models, models


def _repeated_names(experiment: Experiment) -> Iterator[str]:
    """A problem for each key, label or file name that two methods or notebooks have."""
    files = [entry for entry in experiment.evaluate.methods if entry.endswith(".py")]
    keys = [(key, f"the classical codec {key}") for key in METHODS]
    keys += [(key, f"models.{key}") for key in experiment.models]
    keys += [(method_key(entry), f"evaluate.methods: {entry}") for entry in files]
    yield from _repeated(keys, "key")
    yield from _repeated(_labels(experiment), "label")
    stems = [(Path(path).stem, f"notebooks: {path}") for path in experiment.notebooks]
    yield from _repeated(stems, "file name")


def _labels(experiment: Experiment) -> list[tuple[str, str]]:
    labels = [(METHODS[key]().name, f"the classical codec {key}") for key in METHODS]
    return labels + [(model.name, f"models.{key}") for key, model in experiment.models.items()]


def _repeated(named: Iterable[tuple[str, str]], kind: str) -> Iterator[str]:
    first: dict[str, str] = {}
    for name, where in named:
        if name in first:
            yield f"{where}: {first[name]} has the same {kind}, {name}; choose another one"
        first.setdefault(name, where)


def _missing_files(experiment: Experiment, root: Path) -> Iterator[str]:
    catalogue = read_catalogue(root / CATALOGUE)
    for name in experiment.used_datasets():
        source = experiment.datasets[name].source
        built_in = (EMBEDDED, *catalogue)
        if not Path(source).expanduser().is_dir() and source not in built_in:
            sets = ", ".join(built_in)
            yield f"datasets.{name}.source: {source} is no folder, and none of the sets {sets}"
    for entry in experiment.evaluate.methods:
        if entry.endswith(".py") and not Path(entry).is_file():
            yield f"evaluate.methods: there is no file {entry} (looked in {Path.cwd()})"
    for key, paths in (("figures", experiment.figures), ("notebooks", experiment.notebooks)):
        for file in paths:
            if not resolve(file, root).is_file():
                yield f"{key}: there is no file {file} (looked in {Path.cwd()} and {root})"
