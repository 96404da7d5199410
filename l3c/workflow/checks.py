"""Checks a configuration before a run: every problem at once, each with what is allowed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from baselines.lossy import LOSSY_METHODS
from baselines.registry import METHODS, method_key
from l3c.bench.measure.child import ChildError
from l3c.bench.measure.methods import served
from l3c.bench.published import PublishedError, editions, read_published
from l3c.data import DatasetError
from l3c.data.datasets import EMBEDDED
from l3c.data.sources import read_catalogue
from l3c.models.zoo import ModelError, ModelFile, load_family, named_model
from l3c.recipe import Recipe, RecipeError, load_recipe, parse_recipe
from l3c.settings import problems
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
    config: Mapping[str, Any], root: Path, *, thorough: bool = True
) -> tuple[Experiment, dict[str, Recipe]]:
    """Checks the whole configuration, files it names included, before anything runs.

    Args:
        config: the merged configuration as read from YAML.
        root: folder of the workflow, holding config/ and results/published.csv.
        thorough: whether the settings of models are checked too, which imports PyTorch, and the
            Python files among the methods are loaded, each in a process of its own.

    Returns:
        The typed configuration, and the recipe of each model whose weights are measured.

    Raises:
        ExperimentError: listing every problem.
    """
    try:
        experiment = Experiment.model_validate(dict(config))
        Experiment.model_validate(dict(config), context=_names(experiment, root))
        found = [*_repeated_names(experiment), *_missing_files(experiment, root)]
    except ValidationError as error:
        raise ExperimentError(problems(error)) from None
    except (DatasetError, PublishedError) as error:
        raise ExperimentError([str(error)]) from None
    if found:
        raise ExperimentError(found)
    recipes = {}
    for key in experiment.trained():
        source = "weights" if key in experiment.given() else "recipe"
        if source == "recipe" and experiment.data_of(key)[0] is None:
            found.append(f"train: missing, and models.{key} has none of its own")
        try:
            recipes[key] = _recipe(experiment, key, root, thorough)
        except (ModelError, RecipeError) as error:
            found.append(f"models.{key}.{source}: {error}")
    labels = [(METHODS[key]().name, f"the classical codec {key}") for key in METHODS]
    labels += [(model.name, f"models.{key}") for key, model in experiment.models.items()]
    for entry in _files(experiment) if thorough else ():
        where = f"evaluate.methods: {entry}"
        try:
            with served(entry) as process:
                labels.append((process.call("describe")["method"], where))
        except ChildError as error:
            found.append(f"evaluate.methods: {error}")
    if found := [*found, *_repeated(labels, "label")]:
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


def _recipe(experiment: Experiment, key: str, root: Path, thorough: bool) -> Recipe:
    if key in experiment.given():
        file = given_model(experiment, key, root)
        where = str(file.weights.with_suffix(".json"))
        recipe = parse_recipe(file.card.get("recipe"), where)
    else:
        where = experiment.models[key].recipe or ""
        recipe = load_recipe(resolve(where, root))
    if thorough:
        recipe.model_settings(where)
        lossy = load_family(recipe.family).lossy
        elsewhere = experiment.learned() if lossy else experiment.lossy_models()
        if key in map(experiment.trained_as, elsewhere):
            raise RecipeError("lossy models go into lossy.models, others into evaluate.methods")
    return recipe


def _files(experiment: Experiment) -> list[str]:
    """The Python files among the methods."""
    return [entry for entry in experiment.evaluate.methods if entry.endswith(".py")]


def _names(experiment: Experiment, root: Path) -> dict[str, Collection[str]]:
    """The names that there are, by what they stand for."""
    models, published = experiment.models, read_published(root / PUBLISHED)
    return {
        "data set": experiment.datasets,
        "measured data set": experiment.evaluate.datasets,
        "model": models,
        "model with weights of its own": [k for k in models if not models[k].weights_from],
        "measured model": experiment.learned(),
        "method": [*models, *METHODS, *_files(experiment)],
        "measured method": experiment.evaluate.methods,
        "lossy codec": LOSSY_METHODS,
        "published method": published.method.unique(),
        "edition": editions(published),
    }


def _repeated_names(experiment: Experiment) -> Iterator[str]:
    """A problem for each key of two methods, and for each file name of two notebooks."""
    keys = [(key, f"the classical codec {key}") for key in METHODS]
    keys += [(key, f"models.{key}") for key in experiment.models]
    keys += [(method_key(entry), f"evaluate.methods: {entry}") for entry in _files(experiment)]
    yield from _repeated(keys, "key")
    stems = [(Path(path).stem, f"notebooks: {path}") for path in experiment.notebooks]
    yield from _repeated(stems, "file name")


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
    for entry in _files(experiment):
        if not Path(entry).is_file():
            yield f"evaluate.methods: there is no file {entry} (looked in {Path.cwd()})"
    for key, paths in (("figures", experiment.figures), ("notebooks", experiment.notebooks)):
        for file in paths:
            if not resolve(file, root).is_file():
                yield f"{key}: there is no file {file} (looked in {Path.cwd()} and {root})"
