"""Figures by name: what each is called, shows and reads.

A figure is one function in a module of this folder, or in a Python file anywhere that the
configuration lists under `figures`. Its name is that of its files, the first line of its docstring
the title, the next paragraph the caption, and its parameters, each one of `INPUTS`, are what it
reads: the workflow draws it whenever a run has all of them. docs/design.md has an example.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from baselines.user_files import load_file
from l3c.bench import lossy, schema
from l3c.bench.figures.style import note
from l3c.bench.measure.crops import choose
from l3c.bench.published import read_published
from l3c.models.tile_codec import UnsupportedError
from l3c.models.zoo import open_codec
from l3c.settings import unknown_name

Draw = Callable[..., Figure]

INPUTS = [
    *("rows", "timing", "batches", "bits", "samples", "sample_folder", "metrics", "published"),
    *("photographs", "codec", "extractor", "lossy", "lossy_published", "lossy_folder"),
    *("lossy_codec", "label", "labels", "variants", "images", "editions", "published_as"),
    "repeats",
]
"""What parameters of figures can be called; docs/design.md says what each is."""


class FigureSpec(NamedTuple):
    """A registered figure.

    Attributes:
        title: for lists and headings.
        caption: what it shows, one paragraph of plain text.
        draw: the function, of keyword arguments.
        file: the module that defines it.
        reads: names of everything it can be given.
        needs: those without which it cannot be drawn.
    """

    title: str
    caption: str
    draw: Draw
    file: Path
    reads: tuple[str, ...]
    needs: frozenset[str]


FIGURES: dict[str, FigureSpec] = {}


def figure() -> Callable[[Draw], Draw]:
    """Registers a function as a figure; what it returns is written as SVG and PNG.

    Raises:
        ValueError: its docstring, a parameter or its name cannot be used.
    """

    def register(draw: Draw) -> Draw:
        name, file = draw.__name__, Path(draw.__code__.co_filename)
        parameters = inspect.signature(draw).parameters
        title, _, text = (inspect.getdoc(draw) or "").partition("\n\n")
        caption = " ".join(text.partition("\n\n")[0].split())
        flaws = [unknown_name("parameter", p, INPUTS) for p in parameters if p not in INPUTS]
        if not caption:
            flaws.append("its docstring needs a title line, an empty line, and a caption")
        if name in FIGURES and FIGURES[name].file != file:
            flaws.append(f"{FIGURES[name].file} has one of this name already")
        if flaws:
            raise ValueError(f"figure {name}: {'; '.join(flaws)}")
        needs = frozenset(name for name, each in parameters.items() if each.default is each.empty)
        about = title.rstrip("."), caption, draw, file, tuple(parameters), needs
        FIGURES[name] = FigureSpec(*about)
        return draw

    return register


def load_figures(files: Iterable[str | Path] = ()) -> dict[str, FigureSpec]:
    """All figures of this folder and of further files, by name.

    Args:
        files: Python files; those of this folder are there anyway.

    Raises:
        MethodFileError: a file or a figure in it cannot be used.
    """
    here = Path(__file__).resolve().parent
    for module in pkgutil.iter_modules([str(here)]):
        importlib.import_module(f"{__package__}.{module.name}")
    for path in map(Path, files):
        if path.resolve().parent != here:
            load_file(path)
    return FIGURES


def draw_figure(
    spec: FigureSpec, files: Mapping[str, list[Path]], facts: Mapping[str, Any]
) -> Figure:
    """A figure of the files of a run.

    Where a table that it needs is empty, or the family of a model does not offer what it shows,
    it is a note that says so.

    Args:
        spec: the figure.
        files: name of a parameter -> its files: CSV of tables and of "metrics", "published" values,
            a "sample_folder", the manifest of "photographs", the weights of a "codec".
        facts: name of a parameter -> value in the configuration.
    """
    given = {name: facts[name] for name in spec.reads if name in facts}
    given |= {name: _read(name, files[name], facts) for name in spec.reads if name in files}
    tables = {name: given[name] for name in spec.needs if isinstance(given[name], pd.DataFrame)}
    if empty := [name for name, table in tables.items() if table.empty]:
        return note(f"no {' and no '.join(empty)} were measured")
    try:
        return spec.draw(**given)
    except UnsupportedError as error:
        return note(str(error))


def _read(name: str, files: list[Path], facts: Mapping[str, Any]) -> Any:
    first = files[0]
    match name:
        case "rows" | "timing" | "batches" | "bits" | "samples" | "lossy":
            return schema.measured(schema.read(first, schema.KINDS[name]))
        case "published":
            return read_published(first)
        case "lossy_published":
            return lossy.read_published(first)
        case "lossy_folder":
            return first.parent.parent
        case "metrics":
            return {path.stem: pd.read_csv(path) for path in files}
        case "photographs":
            return choose(first, facts["images"])
        case "codec" | "extractor" | "lossy_codec":
            return open_codec(first, "cpu")
    return first
