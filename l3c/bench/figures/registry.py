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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from baselines.user_files import MethodFileError, load_file
from l3c.bench import lossy, schema
from l3c.bench.measure.crops import choose
from l3c.bench.published import read_published
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


class FigureError(ValueError):
    """A figure that cannot be used; the message names it and says why."""


@dataclass(frozen=True)
class FigureSpec:
    """A registered figure.

    Attributes:
        name: of its files.
        title: for lists and headings.
        caption: what it shows, one paragraph of plain text.
        draw: the function, of keyword arguments.
        file: the module that defines it.
        photographs: it holds photographs, which are written with fewer pixels per inch.
        reads: names of everything it can be given.
        needs: those without which it cannot be drawn.
    """

    name: str
    title: str
    caption: str
    draw: Draw
    file: Path
    photographs: bool
    reads: tuple[str, ...]
    needs: frozenset[str]


FIGURES: dict[str, FigureSpec] = {}


def figure(*, photographs: bool = False) -> Callable[[Draw], Draw]:
    """Registers a function as a figure; what it returns is written as SVG and PNG.

    Raises:
        FigureError: its docstring, a parameter or its name cannot be used.
    """

    def register(draw: Draw) -> Draw:
        name, file = draw.__name__, Path(draw.__code__.co_filename)
        title, *rest = (inspect.getdoc(draw) or "").split("\n\n")
        if not rest:
            raise FigureError(
                f"figure {name}: its docstring needs a title line, an empty line, and a caption"
            )
        parameters = inspect.signature(draw).parameters
        for each in parameters:
            if each not in INPUTS:
                raise FigureError(f"figure {name}: {unknown_name('parameter', each, INPUTS)}")
        if name in FIGURES and FIGURES[name].file != file:
            raise FigureError(f"figure {name}: {FIGURES[name].file} has one of this name already")
        needs = frozenset(name for name, each in parameters.items() if each.default is each.empty)
        about = title.rstrip("."), " ".join(rest[0].split()), draw, file, photographs
        FIGURES[name] = FigureSpec(name, *about, tuple(parameters), needs)
        return draw

    return register


def load_figures(files: Iterable[str | Path] = ()) -> dict[str, FigureSpec]:
    """All figures of this folder and of further files, by name.

    Args:
        files: Python files; those of this folder are there anyway.

    Raises:
        FigureError: a file or a figure in it cannot be used.
    """
    package = importlib.import_module(__package__ or "")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    for path in map(Path, files):
        if path.resolve().parent != Path(__file__).resolve().parent:
            try:
                load_file(path)
            except MethodFileError as error:
                raise FigureError(str(error)) from None
    return FIGURES


def read_inputs(
    reads: tuple[str, ...], files: Mapping[str, list[Path]], facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Values of the parameters of a figure.

    Args:
        reads: names of the parameters.
        files: name -> its files: CSV of tables and of "metrics", "published" values, a
            "sample_folder", the manifest of "photographs", the weights of a "codec".
        facts: name -> value in the configuration.
    """
    given = {name: facts[name] for name in reads if name in facts}
    return given | {name: _read(name, files[name], facts) for name in reads if name in files}


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
