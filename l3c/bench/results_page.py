"""One page about a run, in Markdown: what was measured, the comparison, figures, links to files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

import pandas as pd

from l3c.bench.checks import failure_texts
from l3c.bench.figures.registry import load_figures
from l3c.bench.measure.provenance import SHORT, Provenance
from l3c.bench.schema import MethodRecord, failed, measured
from l3c.bench.tables import TABLES
from l3c.bench.tables.layout import counted

# Path in the run, without its suffix -> what the page calls it; others are called by their path.
TITLES = {
    "rows": "Rows",
    "timing": "Rows of timing",
    "batches": "Rows of batches",
    "provenance": "Provenance",
    "bits": "Bits by scale and channel, in numbers",
    "tables/samples": "What samples store, in numbers",
    **{f"figures/{name}": spec.title for name, spec in load_figures().items()},
    "cross_decoding/matrix": "Which settings decode each other's files",
    **{f"tables/{name}": spec.title for name, spec in TABLES.items()},
}
# What is captioned by another name than its own.
CAPTIONS = {"cross_decoding/matrix": "cross_decoding"}
_FORMATS = {".md": "Markdown", ".tex": "LaTeX"}
_PICTURE = ".png"


@dataclass(frozen=True)
class RunFacts:
    """What the page says was measured.

    Attributes:
        rows: of all methods and images, failures among them.
        provenance: of the run.
        labels: key of each trained model -> its label.
        records: of all methods on all data sets.
    """

    rows: pd.DataFrame
    provenance: Provenance
    labels: Mapping[str, str]
    records: Sequence[MethodRecord] = ()


def results_page(
    facts: RunFacts,
    outputs: Iterable[str],
    captions: Mapping[str, str],
    overview: str,
) -> str:
    """The page; the same run gives the same bytes.

    Args:
        facts: what was measured.
        outputs: paths of files relative to the page.
        captions: name of an output, without folder and suffix -> what it shows, in a sentence.
        overview: the comparison in Markdown, with headings of the second level.
    """
    groups = _groups(outputs)
    figures = {name: files for name, files in groups.items() if _picture(files)}
    others = {name: files for name, files in groups.items() if name not in figures}
    parts = ["# Results", "", _measured(facts), ""]
    if missing := list(_missing(facts)):
        parts += [*(f"* {line}" for line in missing), ""]
    if overview:
        networks = ", and how the networks differ from the paper's" if facts.labels else ""
        definitions = f"[Definitions of columns and marks{networks}](tables/comparison.md)."
        parts += [overview.strip(), "", definitions, ""]
    if figures:
        parts += ["## Figures", ""]
    for name, files in figures.items():
        parts += [f"### {_title(name)}", "", f"![{_title(name)}]({_picture(files)})", ""]
        parts += [_caption(name, captions, f"Files: {_links(files)}."), ""]
    parts += ["## Files", ""]
    for name, files in others.items():
        parts.append(f"* {_title(name)} ({_links(files)}). {_caption(name, captions)}".rstrip())
    parts += [
        "",
        "In `rows.csv`, `stream` names the file, below the folder of the run, that a row was "
        "measured from. Equal models and codecs give equal bytes and equal rates; "
        "`l3c compare A B` says how two runs differ.",
        "",
        f"Provenance: {facts.provenance.stamp}.",
    ]
    return "\n".join(parts) + "\n"


def _groups(outputs: Iterable[str]) -> dict[str, list[str]]:
    """Path without suffix -> the files of that name: one thing in several formats."""
    groups: dict[str, list[str]] = {}
    for path in outputs:
        groups.setdefault(str(PurePosixPath(path).with_suffix("")), []).append(path)
    return groups


def _picture(files: Sequence[str]) -> str:
    return next((path for path in files if path.endswith(_PICTURE)), "")


def _title(name: str) -> str:
    return TITLES.get(name, name)


def _links(files: Sequence[str]) -> str:
    def form(path: str) -> str:
        suffix = PurePosixPath(path).suffix
        return _FORMATS.get(suffix, suffix.removeprefix(".").upper())

    return ", ".join(f"[{form(path)}]({path})" for path in files)


def _caption(name: str, captions: Mapping[str, str], more: str = "") -> str:
    """What it shows, in the Markdown of a caption written for Snakemake's report."""
    caption = captions.get(CAPTIONS.get(name, PurePosixPath(name).name), "").replace("``", "`")
    return f"{caption} {more}".strip()


def _measured(facts: RunFacts) -> str:
    """The paragraph that says what was measured, with what, where."""
    rows, provenance = measured(facts.rows), facts.provenance
    images = rows.groupby("dataset", sort=False).image.nunique()
    sets = ", ".join(f"{name} ({counted(count, 'image')})" for name, count in images.items())
    methods = dict.fromkeys(rows.method)
    machines = dict.fromkeys(rows.hardware + "; " + rows.environment)
    named = [(facts.labels.get(key, key), value) for key, value in provenance.models.items()]
    models = ", ".join(f"{label} (`{identity}`)" for label, identity in named)
    code = provenance.code
    commit = f"commit `{code.commit[:SHORT]}`" if code.commit else "no commit"
    sentences = [
        f"{counted(len(methods), 'method')} on {counted(len(images), 'data set')}, {sets}: "
        f"{', '.join(methods)}.",
        "Each image was decoded from its file in a fresh process and was equal to the original"
        f"{', except for the failures named below' if len(failed(facts.rows)) else ''}.",
        f"Trained for it: {models}." if models else "No model was trained.",
        f"Measured on: {' and on '.join(machines)}.",
        f"Code: {commit}{' with changes' if code.changed else ''}; configuration: "
        f"`{provenance.configuration_sha256[:SHORT]}`.",
    ]
    return " ".join(sentences)


def _missing(facts: RunFacts) -> Iterator[str]:
    """Methods that were not measured, or failed, and why."""
    texts = failure_texts(facts.rows)
    for record in facts.records:
        name = f"**{record.method} on {record.dataset}**"
        if text := texts.get((record.dataset, record.key)):
            yield f"{name} {text}."
        if record.reason:
            yield f"{name} was not measured: {record.reason}."
