"""What a run has to show: its tables and figures, and one page of them in Markdown."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import jinja2

from l3c.bench.figures.registry import load_figures
from l3c.bench.run_folder import RunFolder
from l3c.bench.tables import TABLES

_FORMATS = {".md": "Markdown", ".tex": "LaTeX"}
# Path in the run, without its suffix -> what it is called; others are called by their path.
_TITLES = {
    "rows": "Rows",
    "timing": "Rows of timing",
    "batches": "Rows of batches",
    "lossy": "Rows of lossy methods",
    "provenance": "Provenance",
    "bits": "Bits by scale and channel, in numbers",
    "cross_decoding/matrix": "Which settings decode each other's files",
    **{f"tables/{name}": spec.title for name, spec in TABLES.items()},
}


def outputs(
    run: RunFolder,
    results: Collection[str] | None = None,
    captions: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Tables and figures of a run, each with all its formats; not those without rows.

    Args:
        run: the run.
        results: paths below it that belong to it; by default what is there.
        captions: name of an output without suffix, or of its folder -> what it shows; figures have
            their own.

    Returns:
        name (the path without suffix), title, caption, files (path -> format), figure (whether it
        is one), what a figure reads, and text of tables in Markdown.
    """
    kinds = ["*.csv", "models/*.csv", "provenance.json"]
    kinds += ["tables/**/*.*", "figures/*.*", "cross_decoding/*.*"]
    there = [path.relative_to(run.path).as_posix() for k in kinds for path in run.path.glob(k)]
    drawn, known = load_figures(), captions or {}
    groups: dict[PurePosixPath, dict[str, str]] = {}
    for path in map(PurePosixPath, results or sorted(there)):
        form = _FORMATS.get(path.suffix, path.suffix[1:].upper())
        groups.setdefault(path.with_suffix(""), {})[str(path)] = form
    empty = {place.name for place in groups if _lines(run.path / f"{place}.csv") == 1}
    found = []
    for place, files in groups.items():
        spec = drawn.get(place.name) if place.parent.name == "figures" else None
        if place.name in empty or (spec and spec.needs & empty):
            continue
        table = run.path / f"{place}.md"
        caption = known.get(place.name, known.get(place.parent.name, "")).replace("``", "`")
        found.append(
            {
                "name": str(place),
                "title": spec.title if spec else _TITLES.get(str(place), str(place)),
                "caption": spec.caption if spec else caption,
                "files": files,
                "figure": f"{place}.png" in files,
                "reads": spec.reads if spec else (),
                "text": table.read_text(encoding="utf-8") if f"{place}.md" in files else "",
            }
        )
    return found


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.is_file() else 0


def readme(run: RunFolder, results: Collection[str], captions: Mapping[str, str]) -> str:
    """The page; the same run gives the same bytes. Arguments are those of `outputs`."""
    shown = outputs(run, results, captions)
    tables = {each["name"]: each["text"].partition("\n\n")[2] for each in shown}
    comparison = tables["tables/comparison"].rpartition("\n\nProvenance: ")[0]
    return template("site.md.j2").render(shown=shown, comparison=comparison, run=run) + "\n"


def template(name: str) -> jinja2.Template:
    """A template of this folder."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        trim_blocks=True,
    )
    return environment.get_template(name)
