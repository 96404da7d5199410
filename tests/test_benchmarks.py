"""The comparison of coders runs, and says so where a peer is missing."""

import csv
from pathlib import Path

import pytest

from benchmarks import compare, methods
from benchmarks.data import rgb_shape, synthetic
from benchmarks.rate import rate_cost


def test_comparison_writes_one_row_a_method(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compare, "_LEAST_S", 1e-9)
    monkeypatch.setattr(compare.torch, "set_num_threads", lambda n: None)
    for peer in (methods.Torchac, methods.TorchacTables):
        monkeypatch.setattr(peer, "module", "no_such_module")
    for peer in (methods.Constriction, methods.ConstrictionTables):
        monkeypatch.setattr(peer, "available", classmethod(lambda cls: False))
    out = tmp_path / "made" / "coder.csv"
    arguments = ["--size", "24", "--mixtures", "3", "--rounds", "1", "--out", str(out)]
    assert compare.main(arguments) == 0
    rows = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines()))
    assert len(rows) == len(methods.FROM_PARAMETERS) + len(methods.FROM_TABLES)
    ours = [row for row in rows if row["method"].startswith("coder")]
    assert [row["lossless"] for row in ours] == ["True"] * 3
    assert {row["note"] for row in rows if row not in ours} == {"not installed"}
    assert "not installed" in capsys.readouterr().out


def test_cost_in_size_keeps_the_promise() -> None:
    cost = rate_cost(synthetic(96, 96, rgb_shape(10)))
    assert cost.lanes == 2
    assert 0 < cost.cost < 0.05
    assert 0 <= cost.lanes_cost < 0.05
