"""One page about a run, in Markdown: the comparison, figures, links to files, provenance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath

from l3c.bench.figures.registry import load_figures
from l3c.bench.tables import TABLES

# Path in the run, without its suffix -> what the page calls it; others are called by their path.
TITLES = {
    "rows": "Rows",
    "timing": "Rows of timing",
    "batches": "Rows of batches",
    "lossy": "Rows of lossy methods",
    "provenance": "Provenance",
    "bits": "Bits by scale and channel, in numbers",
    "tables/samples": "What samples store, in numbers",
    "cross_decoding/matrix": "Which settings decode each other's files",
    **{f"tables/{name}": spec.title for name, spec in TABLES.items()},
}
_FORMATS = {".md": "Markdown", ".tex": "LaTeX"}
_START = """# Results

Every rate is the size of a file that was decoded in a fresh process and was equal to the
original, except for the failures that are named."""
_END = """In `rows.csv`, `stream` names the file, below the folder of the run, that a row was
measured from. Equal models and codecs give equal bytes and equal rates; `l3c compare A B` reports
how two runs differ."""


def filled(run: Path, outputs: Sequence[str]) -> list[str]:
    """The outputs without tables that have no rows, in every format, and figures of such tables."""
    tables = [path for path in map(PurePosixPath, outputs) if path.suffix == ".csv"]
    empty = {path.with_suffix("") for path in tables if len(_lines(run / path)) < 2}
    names, figures = {path.name for path in empty}, load_figures()
    blank = {f"figures/{name}" for name, figure in figures.items() if figure.needs & names}
    unseen = blank | set(map(str, empty))
    return [path for path in outputs if str(PurePosixPath(path).with_suffix("")) not in unseen]


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def results_page(
    comparison: str, outputs: Iterable[str], captions: Mapping[str, str], stamp: str
) -> str:
    """The page; the same run gives the same bytes.

    Args:
        comparison: the table of that name, in Markdown.
        outputs: paths of files relative to the page.
        captions: name of an output without suffix, or of its folder -> what it shows; figures
            have their own.
        stamp: provenance of the run, in a line.
    """
    drawn = load_figures()
    groups: dict[str, list[str]] = {}  # path without suffix -> one thing in several formats
    for path in outputs:
        groups.setdefault(str(PurePosixPath(path).with_suffix("")), []).append(path)
    figures, files = [], []
    for name, paths in groups.items():
        title, place = TITLES.get(name, name), PurePosixPath(name)
        caption = captions.get(place.name, captions.get(place.parent.name, ""))
        if place.parent.name == "figures" and place.name in drawn:
            title, caption = drawn[place.name].title, drawn[place.name].caption
        caption = caption.replace("``", "`")  # written for Snakemake's report
        links = ", ".join(f"[{_format(path)}]({path})" for path in paths)
        if f"{name}.png" in paths:
            about = f"{caption} Files: {links}.".strip()
            figures += [f"### {title}", f"![{title}]({name}.png)", about]
        else:
            files.append(f"* {title} ({links}). {caption}".rstrip())
    tables = comparison.partition("\n\n")[2].rpartition("\n\nProvenance: ")[0]
    blocks = [_START, tables, *(["## Figures", *figures] if figures else []), "## Files"]
    return "\n\n".join([*blocks, "\n".join(files), _END, f"Provenance: {stamp}."]) + "\n"


def _format(path: str) -> str:
    suffix = PurePosixPath(path).suffix
    return _FORMATS.get(suffix, suffix.removeprefix(".").upper())
