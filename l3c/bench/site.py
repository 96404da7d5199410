"""Results for readers: a site that opens from disk, of one or several runs; a page in Markdown.

Runs of several machines stand on the same pages: a speed is shown with its machine, and files that
must be equal and are not are an alarm. `site.html.j2` is the page, `site_charts.yaml` has the
charts, `site.md.j2` is the page for a code host.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import jinja2
import matplotlib
import numpy as np
import pandas as pd
import yaml
from PIL import Image

from l3c.bench.compare import alarms, merged, named
from l3c.bench.figures import style
from l3c.bench.figures.pictures import brightest, cost_map, local_means
from l3c.bench.figures.registry import load_figures
from l3c.bench.lossy import operating_points
from l3c.bench.run import Run
from l3c.bench.schema import TOTAL, failure_texts
from l3c.bench.stats import rates, speeds
from l3c.bench.tables import TABLES
from l3c.bench.tables.layout import plain
from l3c.data.images import MANIFEST, kept_images, read_manifest
from l3c.files import write_text
from l3c.models.tile_codec import UnsupportedError
from l3c.models.zoo import open_codec

VIEWS = {
    "index": "Methods",
    "images": "Images",
    "lossy": "Lossy",
    "decoding": "Cross-decoding",
    "results": "Tables and figures",
}
"""Pages by their names; one without content is left out."""
SHOWN = 48  # images of a data set that have a card; rows.csv has all
_SIDE = 360  # pixels of the longer side of a picture on a card
_COLOURS = matplotlib.colormaps[style.BITS_MAP]
_HERE = Path(__file__).parent
_JSON: Any = {"orient": "records", "double_precision": 15}
_METHOD = ["dataset", "key", "method", "run"]
_DETAILS = ["label", "kind", "machine", "version", "settings"]
_FORMATS = {".md": "Markdown", ".tex": "LaTeX"}
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_HERE),
    autoescape=jinja2.select_autoescape(["html.j2"]),
    trim_blocks=True,
)
_MATRIX = "cross_decoding/matrix"
# Path in the run, without its suffix -> what it is called; others are called by their path.
_TITLES = {
    "rows": "Rows",
    "timing": "Rows of timing",
    "batches": "Rows of batches",
    "lossy": "Rows of lossy methods",
    "provenance": "Provenance",
    "bits": "Bits by scale and channel, in numbers",
    _MATRIX: "Which settings decode each other's files",
    **{f"tables/{name}": spec.title for name, spec in TABLES.items()},
}


def write_site(
    runs: Sequence[Run],
    folder: Path,
    results: Collection[str] | None = None,
    captions: Mapping[str, str] | None = None,
) -> None:
    """Writes the pages of runs, named A, B, ..., into a folder, in the place of what is there.

    Args:
        runs: at least one.
        folder: of the site.
        results: see `outputs`.
        captions: see `outputs`.

    Raises:
        DatasetError: a manifest of a run cannot be read.
    """
    from nbconvert.filters.markdown import markdown2html
    from vl_convert import javascript_bundle

    shutil.rmtree(folder, ignore_errors=True)
    several = len(runs) > 1
    rows = merged(runs)
    rows["label"] = rows.method + (", run " + rows.run if several else "")
    rows["machine"] = rows.hardware + (", run " + rows.run if several else "")
    rows["kind"] = np.where(rows.cross_entropy_bits.notna(), "learned", "classical")
    lines = methods(rows, runs)
    tables = {"rows": rows, "methods": lines, "lossy": lossy(runs)}
    for name, table in tables.items():
        if len(table):
            write_text(folder / "data" / f"{name}.csv", table.to_csv(index=False))
    shown = {name: outputs(run, results, captions) for name, run in named(runs).items()}
    for name, run in named(runs).items():
        for path in (path for each in shown[name] for path in each["files"]):
            (folder / "runs" / name / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(run.path / path, folder / "runs" / name / path)
    content = {
        "index": lines.to_dict("records"),
        "images": list(_cards(rows, runs, folder)),
        "lossy": tables["lossy"].to_dict("records"),
        "decoding": {
            name: each["text"].partition("\n\n")[2]
            for name, found in shown.items()
            for each in found
            if each["name"] == _MATRIX
        },
        "results": shown,
    }
    write_text(folder / "vega.js", javascript_bundle())  # type: ignore[call-arg]
    charts = yaml.safe_load((_HERE / "site_charts.yaml").read_text(encoding="utf-8"))
    about = {
        "views": {view: title for view, title in VIEWS.items() if content[view]},
        "config": charts["config"],
        "as_html": markdown2html,
        "plain": plain,
        "filters": {n: rows[n].unique().tolist() for n in ("dataset", "machine", "kind")},
        "runs": named(runs),
        "alarms": alarms(rows),
        "failures": [
            f"Run {name}, {key} on {dataset}: {text}"
            for name, run in named(runs).items()
            for (dataset, key), text in failure_texts(run.attempts).items()
        ],
    }
    for view in about["views"]:
        specs = charts["views"].get(view, {})
        used = {spec["data"]["name"] for spec in specs.values()}
        texts = {name: tables[name][charts["columns"][name]].to_json(**_JSON) for name in used}
        data = {name: json.loads(text) for name, text in texts.items()}
        page = _TEMPLATES.get_template("site.html.j2")
        text = page.render(view=view, content=content[view], charts=specs, data=data, **about)
        write_text(folder / f"{view}.html", text + "\n")


def methods(rows: pd.DataFrame, runs: Sequence[Run]) -> pd.DataFrame:
    """A line for each data set, method and run, the smallest mean first.

    Returns:
        The columns of `l3c.bench.stats.rates` and `speeds`, `memory` (MiB: the most that a process
        on the CPU held while it coded crops), `machine`, version and settings.
    """
    clocked = pd.concat([run.timing.assign(run=name) for name, run in named(runs).items()])
    clocked = clocked[(clocked.phase == TOTAL) & (clocked.device == "cpu")]
    memory = clocked.groupby(["key", "run"]).peak_mib.max().rename("memory").reset_index()
    details = rows.groupby(_METHOD, sort=False)[_DETAILS].first().reset_index()
    table = rates(rows, _METHOD).merge(speeds(rows, _METHOD)).merge(details)
    return table.merge(memory, how="left").sort_values(["dataset", "mean_bpsp"], kind="stable")


def lossy(runs: Sequence[Run]) -> pd.DataFrame:
    """Operating points of lossy methods (`l3c.bench.lossy`); empty if no run has any."""
    points = [operating_points(run.lossy).assign(run=name) for name, run in named(runs).items()]
    table = pd.concat(points, ignore_index=True)
    return table.assign(label=table.method + (", run " + table.run if len(runs) > 1 else ""))


def _cards(rows: pd.DataFrame, runs: Sequence[Run], folder: Path) -> Iterator[dict[str, Any]]:
    """Of each image the bytes of every method, and pictures where a run has the image."""
    for dataset, part in rows.groupby("dataset", sort=False):
        pictures = _pictures(str(dataset), runs, folder)
        for image, of in [*part.groupby("image", sort=False)][:SHOWN]:
            sizes = of.drop_duplicates(["method", "num_bytes"]).sort_values("num_bytes")
            sizes["label"] = sizes.method.mask(sizes.method.duplicated(keep=False), sizes.label)
            about = of.iloc[0][["dataset", "image", "height", "width"]].to_dict()
            yield about | pictures.get(str(image), {}) | {"sizes": sizes.to_dict("records")}


def _pictures(dataset: str, runs: Sequence[Run], folder: Path) -> dict[str, dict[str, Any]]:
    """Writes thumbnails and cost maps; returns what a card has of them, by image."""
    there = [(run, run.path / "data" / dataset / MANIFEST) for run in runs]
    for run, manifest in [each for each in there if each[1].is_file()][:1]:
        (folder / "images" / dataset).mkdir(parents=True)
        files = {key: run.path / "models" / f"{key}.safetensors" for key in run.rows.key.unique()}
        models = [key for key, weights in files.items() if weights.is_file()][:1]
        licences = {row.image: row.licence for row in read_manifest(manifest)}
        cards: dict[str, dict[str, Any]] = {}
        costs = {}
        for name, image in islice(kept_images(manifest), SHOWN):
            path = f"images/{dataset}/{name}"
            cards[name] = {"thumbnail": f"{path}.webp", "licence": licences[name]}
            _save(folder / f"{path}.webp", image)
            for key in models:
                with suppress(UnsupportedError):
                    costs[name] = local_means(cost_map(open_codec(files[key], "cpu"), image))
        for name, bits in costs.items():
            most, path = brightest(costs.values()), f"images/{dataset}/{name}-cost.webp"
            _save(folder / path, _COLOURS(bits / most, bytes=True)[..., :3])
            cards[name] |= {"cost_map": path, "model": models[0], "brightest": most}
        return cards
    return {}


def _save(path: Path, image: np.ndarray) -> None:
    picture = Image.fromarray(np.ascontiguousarray(image))
    picture.thumbnail((_SIDE, _SIDE))
    picture.save(path, quality=85)


def outputs(
    run: Run,
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
    tables = [run.path / f"{place}.csv" for place in groups if f"{place}.csv" in groups[place]]
    empty = {path.stem for path in tables if path.read_bytes().count(b"\n") == 1}
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


def readme(run: Run, results: Collection[str], captions: Mapping[str, str]) -> str:
    """The page; the same run gives the same bytes. Arguments are those of `outputs`."""
    shown = outputs(run, results, captions)
    tables = {each["name"]: each["text"].partition("\n\n")[2] for each in shown}
    comparison = tables["tables/comparison"].rpartition("\n\nProvenance: ")[0]
    page = _TEMPLATES.get_template("site.md.j2")
    return page.render(shown=shown, comparison=comparison, run=run) + "\n"
