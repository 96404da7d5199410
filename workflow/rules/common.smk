# Validation of the configuration, wildcard constraints, and every helper function of the rules.

import os
import re
from dataclasses import asdict
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError

from baselines.registry import METHODS
from baselines.user_files import MethodFileError
from l3c.bench.figures.registry import load_figures
from l3c.bench.measure.provenance import code_state, configuration_of
from l3c.bench.published import find_counterparts, read_published
from l3c.bench.tables import TABLES
from l3c.data.sources import FILES, read_catalogue, source_state
from l3c.workflow.checks import CATALOGUE, ExperimentError
from l3c.workflow.checks import check_experiment, given_model
from l3c.workflow.experiment import resolve
from l3c.workflow.job import hold_folder

ROOT = Path(workflow.basedir)
try:
    # Jobs read this file again: families of models, which import PyTorch, and users' files are
    # checked once.
    EXPERIMENT, RECIPES = check_experiment(
        config, ROOT, thorough=workflow.is_main_process
    )
    FIGURE_MODULES = [str(resolve(path, ROOT)) for path in EXPERIMENT.figures]
    ALL_FIGURES = load_figures(FIGURE_MODULES)
except (ExperimentError, MethodFileError) as error:
    raise WorkflowError(str(error)) from None

RUN = EXPERIMENT.run.rstrip("/")
MANIFEST = f"{RUN}/data/{{dataset}}/manifest.csv"
WEIGHTS = f"{RUN}/models/{{model}}.safetensors"
CARD = f"{RUN}/models/{{model}}.json"
# What all tables and figures carry: commit, configuration, data, models, versions.
PROVENANCE = f"{RUN}/provenance.json"
SITE = f"{RUN}/site"
PUBLISHED = str(ROOT / "results" / "published.csv")
PUBLISHED_CPM = str(ROOT / "results" / "published_cpm.csv")

# More than any machine has: Snakemake cuts it down to --cores, so such a job runs alone. Training
# wants every core, and a timing would be worth nothing beside another job.
EXCLUSIVE = 1024
GPU_THREADS = 4  # of a training on a GPU: its own and the one that reads crops, with some to spare

TRAINED_HERE = [key for key in EXPERIMENT.trained() if key not in EXPERIMENT.given()]
# Model and data set of the figures of photographs.
VISUALIZED = EXPERIMENT.visualized()
BITS_DATASET = EXPERIMENT.bits_dataset()

# What can be fetched before a data set is prepared.
IMAGE_SETS = read_catalogue(ROOT / CATALOGUE)

# File of rows -> the files that it is collected from.
ROWS = {
    "rows": [
        f"{RUN}/rows/{dataset}/{method}.csv"
        for dataset in EXPERIMENT.evaluate.datasets
        for method in EXPERIMENT.measured(dataset)
    ],
    "timing": expand(f"{RUN}/timing/{{method}}.csv", method=EXPERIMENT.timed()),
    "batches": expand(f"{RUN}/batches/{{method}}.csv", method=EXPERIMENT.batched()),
    "bits": [
        f"{RUN}/bits/{BITS_DATASET}/{model}.csv"
        for model in (EXPERIMENT.measured_models(BITS_DATASET) if BITS_DATASET else ())
    ],
}
LOSSY = EXPERIMENT.lossy
LOSSY_FOLDERS = [
    f"{RUN}/lossy/{dataset}/{key}"
    for dataset in (LOSSY.datasets if LOSSY else ())
    for key in LOSSY.keys()
]
ROWS["lossy"] = [f"{folder}.csv" for folder in LOSSY_FOLDERS]
COLLECTED = {name: f"{RUN}/{name}.csv" for name, paths in ROWS.items() if paths}
TIMES = {
    name: [COLLECTED[name]] if name in COLLECTED else []
    for name in ("timing", "batches")
}
AS_PUBLISHED = [
    f"{RUN}/as_published/{dataset}/{model}.csv"
    for dataset in EXPERIMENT.evaluate.datasets
    for model in EXPERIMENT.by_release_rules(dataset)
]

# Every function below `@table` in l3c.bench.tables, by name, and its files below tables/.
ABSENT = [] if VISUALIZED else ["samples"]
ABSENT += [] if LOSSY else ["rate_distortion"]
# Tables of the paper stand beside measurements of the same kind, or are not made.
BESIDE = set(EXPERIMENT.evaluate.published) & set(EXPERIMENT.evaluate.datasets)
ABSENT += [] if BESIDE or EXPERIMENT.timed() else ["paper"]
TABLE_NAMES = [name for name in TABLES if name not in ABSENT]
TABLE_FILES = [
    f"{name}.{form}" for name in TABLE_NAMES for form in TABLES[name].formats
]

# What a figure can read of this run: name of its parameter -> files; see l3c.bench.figures.
FIGURE_FILES = {"published": PUBLISHED, **COLLECTED}
CURVES = [key for key in TRAINED_HERE if key not in EXPERIMENT.lossy_models()]
if CURVES:
    FIGURE_FILES["metrics"] = expand(f"{RUN}/models/{{model}}.csv", model=CURVES)
if not set(EXPERIMENT.timed()) & set(EXPERIMENT.models):
    FIGURE_FILES.pop("timing", None)  # phases are those of models
if VISUALIZED:
    FIGURE_FILES["samples"] = f"{RUN}/pictures/samples.csv"
    FIGURE_FILES["sample_folder"] = f"{RUN}/pictures/samples"
    FIGURE_FILES["photographs"] = MANIFEST.format(dataset=VISUALIZED[1])
    FIGURE_FILES["codec"] = WEIGHTS.format(model=VISUALIZED[0])
    if RECIPES[VISUALIZED[0]].variant == "l3c":  # which learns its bottlenecks
        FIGURE_FILES["extractor"] = FIGURE_FILES["codec"]
if LOSSY:
    FIGURE_FILES.setdefault("photographs", MANIFEST.format(dataset=LOSSY.datasets[0]))
    FIGURE_FILES["lossy_published"] = PUBLISHED_CPM
    FIGURE_FILES["lossy_folder"] = LOSSY_FOLDERS
    if LOSSY.models:
        middle = EXPERIMENT.trained_as(LOSSY.models[len(LOSSY.models) // 2])
        FIGURE_FILES["lossy_codec"] = WEIGHTS.format(model=middle)
LABELS = {key: EXPERIMENT.models[key].name for key in EXPERIMENT.trained()}
# What figures read of the configuration, by the names of their parameters.
FIGURE_FACTS = {
    "editions": EXPERIMENT.evaluate.published,
    "published_as": EXPERIMENT.published_as(),
    "repeats": EXPERIMENT.evaluate.repeats,
    "labels": LABELS,
    "variants": {key: RECIPES[key].variant for key in EXPERIMENT.trained()},
}
if VISUALIZED:
    FIGURE_FACTS["label"] = LABELS[VISUALIZED[0]]
    FIGURE_FACTS["images"] = EXPERIMENT.visualizations.images
elif LOSSY:
    FIGURE_FACTS["images"] = LOSSY.saved
FIGURES = {
    name: spec
    for name, spec in ALL_FIGURES.items()
    if spec.needs <= {*FIGURE_FILES, *FIGURE_FACTS}
}

RESULTS = [
    *COLLECTED.values(),
    *FIGURE_FILES.get("metrics", []),
    PROVENANCE,
    *(f"{RUN}/tables/{file}" for file in TABLE_FILES),
    *expand(
        f"{RUN}/figures/{{figure}}.{{format}}", figure=FIGURES, format=["svg", "png"]
    ),
]
# What `python -m benchmarks.cross_decoding` has written into the folder of the run is shown too.
CROSS_DECODING = [f"{RUN}/cross_decoding/matrix.{form}" for form in ("md", "csv")]
# Files that describe a table or a figure in a sentence, named as it is.
CAPTIONS = sorted(map(str, (ROOT / "workflow" / "report").glob("*.rst")))
NOTEBOOKS = expand(
    f"{RUN}/notebooks/{{notebook}}.{{format}}",
    notebook=EXPERIMENT.notebook_files(),
    format=["ipynb", "html"],
)


def one_of(names):
    """Pattern that matches these names only."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    dataset=one_of(EXPERIMENT.datasets),
    images=one_of(IMAGE_SETS),
    model=one_of(EXPERIMENT.trained()),
    method=one_of(EXPERIMENT.method_entries()),
    lossy=one_of(LOSSY.keys() if LOSSY else ()),
    rows=one_of(COLLECTED),
    figure=one_of(FIGURES),
    notebook=one_of(EXPERIMENT.notebook_files()),


def get_image_set(wildcards):
    """What is to be fetched, and nothing else of it: another licence fetches nothing again."""
    return IMAGE_SETS[wildcards.images].fetched()


def get_fetched(wildcards):
    """The list of fetched files that a data set is made from, if it is."""
    source = EXPERIMENT.datasets[wildcards.dataset].source
    return (
        [f"{EXPERIMENT.downloads}/{source}/files.csv"] if source in IMAGE_SETS else []
    )


def get_dataset_spec(wildcards):
    """Settings that make a data set; where it is fetched, with its folder, and with edition and
    licence, which the manifest carries into every result."""
    spec = EXPERIMENT.datasets[wildcards.dataset]
    if image_set := IMAGE_SETS.get(spec.source):
        changed = {"source": f"{EXPERIMENT.downloads}/{spec.source}/{FILES}"}
        changed["licence"] = spec.licence or f"{image_set.title}: {image_set.licence}"
        spec = spec.model_copy(update=changed)
    return spec.model_dump()


def get_source_state(wildcards):
    """So that a photograph added to a user's folder is prepared, trained on, measured."""
    return source_state(EXPERIMENT.datasets[wildcards.dataset].source)


def get_training_data(wildcards):
    """Manifest of the photographs that a model is trained on, the same as raw pixels, and the
    manifest of those that it is validated on, if there are any."""
    name, validation = EXPERIMENT.data_of(wildcards.model)
    return {
        "manifest": MANIFEST.format(dataset=name),
        "store": f"{RUN}/store/{name}/manifest.csv",
        "validation": [MANIFEST.format(dataset=validation)] if validation else [],
    }


def get_recipe(wildcards):
    """Settings that make a model: the values of the recipe, not its file, so that a comment changed
    there trains nothing again."""
    return RECIPES[wildcards.model].model_dump(mode="json")


def get_family_file(wildcards):
    """The user's Python file behind a family, so that a change of it trains its models anew."""
    family = RECIPES[wildcards.model].family
    return [family] if family.endswith(".py") else []


def get_train_threads(wildcards):
    """As many as the recipe says, so that small models train side by side; on a GPU those that feed
    it, so that each GPU can have a training; else all."""
    rest = GPU_THREADS if EXPERIMENT.device == "cuda" else EXCLUSIVE
    return RECIPES[wildcards.model].train.threads or rest


def get_train_priority(wildcards):
    """Models train in the order of the configuration, so that the longest can go first."""
    return len(TRAINED_HERE) - TRAINED_HERE.index(wildcards.model)


def get_given_model(wildcards):
    """Weights of a model that was trained elsewhere, and its card."""
    weights = given_model(EXPERIMENT, wildcards.model, ROOT).weights
    return [str(weights), str(weights.with_suffix(".json"))]


def get_method_files(wildcards):
    """Weights of a learned method; the user's Python file behind a method, so that a change of it is
    measured."""
    entry = EXPERIMENT.method_entries()[wildcards.method]
    if wildcards.method in EXPERIMENT.models:
        weights = WEIGHTS.format(model=EXPERIMENT.trained_as(wildcards.method))
        return {"weights": weights}
    return {"file": entry} if entry.endswith(".py") else {}


def get_lossy_weights(wildcards):
    """Weights of the models of the lossy method that is learned, from the lowest rate up."""
    if wildcards.lossy != LOSSY.learned_key():
        return []
    return [WEIGHTS.format(model=EXPERIMENT.trained_as(key)) for key in LOSSY.models]


def get_method(wildcards):
    """The entry of a method; of a model what makes it, besides its weights
    (l3c.bench.measure.methods.LearnedMethod)."""
    key = wildcards.method
    if model := EXPERIMENT.models.get(key):
        return {"key": key, "name": model.name, "arithmetic": model.arithmetic}
    return EXPERIMENT.method_entries()[key]


def is_available(wildcards):
    """Whether a classical codec is there: one that was missing is measured once it is installed."""
    method = METHODS.get(EXPERIMENT.method_entries()[wildcards.method])
    return method is None or method().available()


def get_timing():
    """Which crops, and how often; not which methods, so that another one measures itself alone."""
    return EXPERIMENT.timing and EXPERIMENT.timing.model_dump(
        exclude={"dataset", "methods", "batches"}
    )


def get_batches():
    """Which batches, and how often."""
    batches = EXPERIMENT.timing and EXPERIMENT.timing.batches
    return batches and batches.model_dump(exclude={"models"})


def get_timing_manifest(wildcards):
    """Manifest of the data set whose images are cut for timings."""
    return MANIFEST.format(dataset=EXPERIMENT.timed_dataset())


def get_caption(wildcards):
    """What a file of rows holds, for the report."""
    path = ROOT / "workflow" / "report" / f"{wildcards.rows}.rst"
    return path.read_text(encoding="utf-8")


def get_configuration():
    """What decides the results: the configuration and the recipes it names."""
    recipes = {key: recipe.model_dump(mode="json") for key, recipe in RECIPES.items()}
    return configuration_of(EXPERIMENT.model_dump(mode="json"), recipes)


def get_counterparts():
    """Key of a measured data set -> the published one it stands for, for those that have one."""
    published = EXPERIMENT.evaluate.published
    labels = {
        name: published[name]
        for name in EXPERIMENT.evaluate.datasets
        if name in published
    }
    values = read_published(Path(PUBLISHED))
    found = find_counterparts(EXPERIMENT.datasets, labels, IMAGE_SETS, values)
    return {name: tuple(counterpart) for name, counterpart in found.items()}


def get_figure_files(wildcards):
    """Files that a figure reads, by the names of its parameters."""
    reads = FIGURES[wildcards.figure].reads
    return {name: FIGURE_FILES[name] for name in reads if name in FIGURE_FILES}


def get_notebook(wildcards):
    """The notebook as its author left it."""
    return str(resolve(EXPERIMENT.notebook_files()[wildcards.notebook], ROOT))


def get_notebook_labels(wildcards):
    """The heading of its first cell, for the report; else its name."""
    notebook = yaml.safe_load(Path(get_notebook(wildcards)).read_text(encoding="utf-8"))
    heading = re.match(r"#+ *(.+)", "".join(notebook["cells"][0]["source"]))
    return {"content": heading[1] if heading else wildcards.notebook}


def get_notebook_parameters():
    """What notebooks are told of a run: its folder, and the first model that learns its bottlenecks;
    with none, they keep the model that comes with the package."""
    models = [key for key, recipe in RECIPES.items() if recipe.variant == "l3c"]
    weights = [WEIGHTS.format(model=key) for key in models]
    return {"RUN": RUN} | {"MODEL": path for path in weights[:1]}


def get_matrix_state(wildcards):
    """So that the site has the matrix of cross-decoding once it was made."""
    return [os.stat(path).st_mtime_ns for path in CROSS_DECODING if Path(path).exists()]


def get_reference_results(wildcards):
    """Results that are copied for visitors; the default folder is for the default configuration."""
    default = yaml.safe_load(
        (ROOT / "config" / "config.yaml").read_text(encoding="utf-8")
    )
    default = check_experiment(default, ROOT, thorough=False)[0]
    if EXPERIMENT.reference == default.reference and EXPERIMENT != default:
        raise WorkflowError(
            f"{default.reference}/ holds the results of the default configuration: run the target "
            "`reference` without --configfile and --config, or name another folder, for example "
            f"`--config reference={default.reference}/mine`."
        )
    return RESULTS
