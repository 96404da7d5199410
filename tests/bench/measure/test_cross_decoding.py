"""The cross-decoding matrix: crops, cells, and real processes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny_models import noise, smooth, write_model

from coder.causal import VARIANTS
from l3c.bench.measure.child import ChildError
from l3c.bench.measure.cross_decoding import (
    Setting,
    crops,
    engine_settings,
    matrix_markdown,
    measure,
    settings,
)
from l3c.models.zoo import named_model


def test_crops_are_odd_and_always_the_same() -> None:
    photos = {"a": noise(100, 90, 3), "b": smooth(30, 200)}
    made = crops(photos, 40)
    assert len(made) == 40
    assert all(side % 2 and side <= 79 for crop in made for side in crop.shape[:2])
    assert max(crop.shape[1] for crop in made[1::2]) > 30 >= max(c.shape[0] for c in made[1::2])
    assert all(np.array_equal(a, b) for a, b in zip(made, crops(photos, 40), strict=True))


def test_settings_have_names_of_their_own() -> None:
    names = [setting.name for setting in settings({"PyTorch 2.9": "/opt/python"})]
    assert len(set(names)) == len(names) >= 15
    assert "PyTorch 2.9" in names


def test_the_matrix_shows_the_worst_of_every_cell() -> None:
    cell = {"encoder": "base", "decoder": "base", "exact": 0, "refused": 0, "wrong": 0}
    rows = [
        cell | {"arithmetic": "integer", "exact": 3, "reason": ""},
        cell | {"arithmetic": "float", "exact": 1, "refused": 2, "reason": ""},
    ]
    text = matrix_markdown(pd.DataFrame(rows), ["a note"])
    assert "3 crops in each cell" in text
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "| 1 base | = |" in lines
    assert "| 1 base | 2 refused |" in lines
    assert "1 of 1 cells ran: 0 exact, 1 refused, 0 wrong." in lines


def test_instruction_sets_and_threads_decode_each_other() -> None:
    tried = engine_settings()
    assert len({setting.name for setting in tried}) == len(tried) == 3 * len(VARIANTS)
    portable = [setting for setting in tried if setting.variant == "portable"]
    table = measure(named_model("causal-fast").weights, [smooth(70, 37)], portable[:2])
    assert table[table.arithmetic == "integer"].exact.tolist() == [1] * 4
    assert (table[table.arithmetic == "float"].reason != "").all()


@pytest.mark.slow
def test_processes_with_different_settings_decode_each_other(tmp_path: Path) -> None:
    images = [smooth(17, 23), noise(9, 31, 3)]
    tried = [
        Setting("base"),
        Setting("NCHW, batch 3", channels_last=False, batch=3, threads=1),
        Setting("int64", carrier="int64"),
        Setting("elsewhere", python=str(tmp_path / "python")),
    ]
    (tmp_path / "python").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "python").chmod(0o755)
    weights = write_model(tmp_path)
    table = measure(weights, images, tried).set_index(["arithmetic", "encoder", "decoder"])
    assert len(table) == 2 * 4 * 4
    integer = table.loc["integer"]
    assert integer[integer.reason == ""].exact.tolist() == [2] * 9
    assert integer.refused.sum() == integer.wrong.sum() == 0
    for cell in (("elsewhere", "base"), ("base", "elsewhere")):
        assert str(tmp_path / "python") in integer.reason[cell]
    ran = table.loc["float"].query("reason == ''")
    assert (ran.exact + ran.refused).tolist() == [2] * 4
    assert ran.exact["base", "base"] == 2

    (tmp_path / "gone.safetensors").touch()
    with pytest.raises(ChildError):
        measure(tmp_path / "gone.safetensors", images, tried[:1])
