"""The matrix of exactness: crops, cells and their words, and real processes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_models import noise, smooth, write_model

from l3c.bench.measure.exactness import (
    Cell,
    Setting,
    crops,
    matrix_csv,
    matrix_markdown,
    measure,
    settings,
)


def test_crops_are_odd_and_always_the_same() -> None:
    photos = {"a": noise(100, 90, 3), "b": smooth(30, 200)}
    made = crops(photos, 40)
    assert len(made) == 40
    assert all(side % 2 and side <= 79 for crop in made for side in crop.shape[:2])
    assert max(crop.shape[1] for crop in made[1::2]) > 30 >= max(c.shape[0] for c in made[1::2])
    assert all(np.array_equal(a, b) for a, b in zip(made, crops(photos, 40), strict=True))


def test_settings_have_names_of_their_own() -> None:
    tried = settings({"PyTorch 2.9": "/opt/python"})
    names = [setting.name for setting in tried]
    assert len(set(names)) == len(names) >= 15
    assert tried[names.index("PyTorch 2.9")].python == "/opt/python"


def test_a_cell_says_the_worst() -> None:
    assert Cell("float", "a", "b", {"exact": 9, "refused": 1}).word == "refused"
    assert Cell("float", "a", "b", {"exact": 9, "wrong": 1, "refused": 3}).word == "wrong"
    assert Cell("float", "a", "b", {"exact": 9}).word == "exact"
    assert Cell("float", "a", "b", {}, "no GPU").word == "not run"


def test_tables_show_every_cell() -> None:
    cells = [
        Cell("integer", "base", "base", {"exact": 3}),
        Cell("float", "base", "base", {"exact": 1, "refused": 2}),
    ]
    text = matrix_markdown(cells, 3, ["a note"])
    assert "| 1 base | = |" in text
    assert "| 1 base | 2 refused |" in text
    assert "1 of 1 cells ran: 0 exact, 1 refused, 0 wrong." in text
    assert matrix_csv(cells, "id").splitlines()[2] == 'float,"base","base",refused,1,2,0,,id'


@pytest.mark.slow
def test_processes_with_different_settings_decode_each_other(tmp_path: Path) -> None:
    images = [smooth(17, 23), noise(9, 31, 3)]
    tried = [
        Setting("base"),
        Setting("NCHW, batch 3", channels_last=False, batch=3, threads=1),
        Setting("NumPy int64", carrier="numpy"),
        Setting("elsewhere", python=str(tmp_path / "python")),
    ]
    (tmp_path / "python").write_text("#!/bin/sh\necho no PyTorch here >&2; exit 1\n")
    (tmp_path / "python").chmod(0o755)
    cells = measure(write_model(tmp_path), images, tried)
    assert len(cells) == 2 * 4 * 4
    integer = {(cell.encoder, cell.decoder): cell for cell in cells if cell.arithmetic == "integer"}
    ran = [cell for cell in integer.values() if "elsewhere" not in (cell.encoder, cell.decoder)]
    assert [cell.counts for cell in ran] == [{"exact": 2}] * 9
    assert "no PyTorch here" in integer["elsewhere", "base"].reason
    assert "no PyTorch here" in integer["base", "elsewhere"].reason
    words = {cell.word for cell in cells if cell.arithmetic == "float"}
    assert words <= {"exact", "refused", "not run"}
