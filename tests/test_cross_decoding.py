"""The cross-decoding matrix: crops, cells, and real processes."""

import pandas as pd
import pytest
from tiny_models import noise, smooth, write_model

from benchmarks.cross_decoding import (
    Setting,
    engine_settings,
    main,
    matrix_markdown,
    measure,
)
from coder.causal import VARIANTS
from l3c.bench.measure.child import ChildError
from l3c.data.images import write_png
from l3c.models.zoo import named_model


def test_instruction_sets_and_threads_decode_each_other():
    tried = engine_settings()
    assert len({setting.name for setting in tried}) == len(tried) == 3 * len(VARIANTS)
    portable = [setting for setting in tried if setting.variant == "portable"]
    table = measure(named_model("causal-fast").weights, [smooth(70, 37)], portable[:2])
    assert table[table.arithmetic == "integer"].exact.tolist() == [1] * 4
    assert (table[table.arithmetic == "float"].reason != "").all()


def test_the_matrix_shows_the_worst_of_every_cell():
    cell = {"encoder": "base", "decoder": "base", "exact": 0, "refused": 0, "wrong": 0}
    rows = [
        cell | {"arithmetic": "integer", "exact": 3, "reason": ""},
        cell | {"arithmetic": "float", "exact": 1, "refused": 2, "reason": ""},
    ]
    text = matrix_markdown(pd.DataFrame(rows), ["a note"])
    assert "3 crops in each cell" in text
    words = " ".join(text.split())
    assert "| 1 base | = |" in words
    assert "| 1 base | 2 refused |" in words
    assert "0 exact, 1 refused, 0 wrong" in words


@pytest.mark.slow
def test_processes_with_different_settings_decode_each_other(tmp_path):
    images = [smooth(17, 23), noise(9, 31, 3)]
    tried = [
        Setting("base"),
        Setting("NCHW, batch 3", channels_last=False, batch=3, threads=1),
        Setting("int64", carrier="int64"),
        Setting("absent", device="cuda"),
    ]
    weights = write_model(tmp_path)
    table = measure(weights, images, tried).set_index(["arithmetic", "encoder", "decoder"])
    assert len(table) == 2 * 4 * 4
    integer = table.loc["integer"]
    assert integer[integer.reason == ""].exact.tolist() == [2] * 9
    assert integer.refused.sum() == integer.wrong.sum() == 0
    for cell in (("absent", "base"), ("base", "absent")):
        assert "CUDA" in integer.reason[cell]
    ran = table.loc["float"].query("reason == ''")
    assert (ran.exact + ran.refused).tolist() == [2] * 4
    assert ran.exact["base", "base"] == 2

    (tmp_path / "gone.safetensors").touch()
    with pytest.raises(ChildError):
        measure(tmp_path / "gone.safetensors", images, tried[:1])


def test_the_command_writes_the_matrix(tmp_path):
    (tmp_path / "photos").mkdir()
    write_png(tmp_path / "photos" / "a.png", smooth(40, 50))
    weights = write_model(tmp_path)
    command = [str(weights), str(tmp_path / "photos"), "--crops", "2", "--settings", "base"]
    main([*command, "--output", str(tmp_path / "out")])
    table = pd.read_csv(tmp_path / "out" / "matrix.csv")
    assert table.exact.tolist() == [2, 2]
    assert "2 crops in each cell" in (tmp_path / "out" / "matrix.md").read_text()
