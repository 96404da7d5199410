"""What the folder of a run says: its rows, where they come from, and the cards of its models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from l3c.bench.checks import check
from l3c.bench.measure.provenance import Provenance, read_provenance
from l3c.bench.schema import ResultRow, RowError, TimingRow, frame, measured, read
from l3c.data.manifest import MANIFEST, manifest_sha256

_REMEDY = "name that of a finished run, such as results/run"
_NO_CARD = "copy it again, or remove it to compare without"


class ResultFolderError(ValueError):
    """A folder is not one of a run, or what it holds cannot be read."""


@dataclass(frozen=True)
class ResultFolder:
    """What was measured in a run, and from what.

    Attributes:
        name: of the folder, as the user gave it.
        rows: of images, failures among them, checked against each other.
        timing: of crops, by method and setting; empty where nothing was clocked.
        provenance: None in folders of older versions.
        cards: key of a model -> its card; empty where only results were copied.
        manifests: data set -> SHA-256 over the pixels of its kept images; empty likewise.
    """

    name: str
    rows: pd.DataFrame
    timing: pd.DataFrame
    provenance: Provenance | None
    cards: Mapping[str, Mapping[str, Any]]
    manifests: Mapping[str, str]


def read_result_folder(folder: Path | str) -> ResultFolder:
    """Reads the folder of a run, or a copy of it such as results/reference.

    Raises:
        ResultFolderError: no folder, no rows, or a card that is not JSON.
        RowError, DatasetError, ProvenanceError: a file of it is malformed.
    """
    path = Path(folder)
    if not path.is_dir():
        raise ResultFolderError(f"{folder}: not a folder of results; {_REMEDY}")
    rows = path / "rows.csv"
    if not rows.is_file():
        raise ResultFolderError(
            f"{folder}: holds no rows.csv, as the folder of a finished run does; {_REMEDY}"
        )
    found = read(rows, ResultRow)
    if measured(found).empty:
        raise ResultFolderError(f"{rows}: has no rows; nothing was measured; {_REMEDY}")
    try:
        check(found, ResultRow)
    except RowError as error:
        raise RowError(f"{rows}: {error}") from None
    timing, provenance = path / "timing.csv", path / "provenance.json"
    return ResultFolder(
        name=str(folder),
        rows=found,
        timing=read(timing, TimingRow) if timing.is_file() else frame([], TimingRow),
        provenance=read_provenance(provenance) if provenance.is_file() else None,
        cards={card.stem: _read_card(card) for card in sorted(path.glob("models/*.json"))},
        manifests={
            manifest.parent.name: manifest_sha256(manifest)
            for manifest in sorted(path.glob(f"data/*/{MANIFEST}"))
        },
    )


def _read_card(path: Path) -> Mapping[str, Any]:
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultFolderError(f"{path}: not a model's card ({error}); {_NO_CARD}") from None
    if not isinstance(card, dict):
        raise ResultFolderError(f"{path}: not a model's card (not a mapping); {_NO_CARD}")
    return card
