"""Clocked runs of a user's method, of a tiny model, and of batches."""

from pathlib import Path

import numpy as np
import pytest
from own_method import own_method
from tiny_models import noise, smooth, write_model

from l3c.bench.measure import timing
from l3c.bench.measure.child import ChildError
from l3c.bench.measure.methods import LearnedMethod
from l3c.bench.measure.timing import measure_batches, measure_timing
from l3c.bench.schema import BatchRow, TimingRow, check, failed, measured

CROPS = [("a+0+0", smooth(40, 40)), ("b+3+4", noise(40, 40, 3))]


def timed(source):
    """Two runs of each of two crops; the failures apart."""
    table = measure_timing(source, "toy", lambda: CROPS, 2, repeats=2, threads=(1, 2))
    check(table, TimingRow)
    return measured(table), failed(table)


def test_a_classical_method_has_totals_on_one_thread(tmp_path):
    rows, failures = timed(own_method(tmp_path))
    assert failures.empty
    assert [*zip(rows.image, rows.run, rows.direction, strict=True)] == [
        (image, run, direction)
        for image in ("a+0+0", "b+3+4")
        for run in (0, 1)
        for direction in ("encode", "decode")
    ]
    assert {*zip(rows.phase, rows.scale, rows.threads, strict=True)} == {("total", "", 1)}
    assert rows.other_load.notna().all()
    assert (set(rows.num_bytes), rows.peak_mib.min() > 10) == ({8 + 3 * 40 * 40}, True)


@pytest.mark.parametrize(
    ("trouble", "image", "said"),
    [
        ({"after": "image[0, 0, 0] ^= self.calls == 2"}, "a+0+0", "not lossless"),
        ({"after": "image[0, 0, 0] ^= self.calls == 4"}, "b+3+4", "not lossless"),
        ({"before": "image &= 0xF0"}, "a+0+0", "not lossless"),
        ({"before": "raise RuntimeError('no idea')"}, "a+0+0", "RuntimeError: no idea"),
        ({"before": "raise SystemExit('no idea')"}, "a+0+0", "exit status 1"),
    ],
)
def test_a_method_that_fails_has_no_times_but_a_failure(tmp_path, trouble, image, said):
    rows, failures = timed(own_method(tmp_path, **trouble))
    assert (len(rows), failures.image.tolist()) == (0, [image])
    assert said in failures.reason.iloc[0]


def test_a_missing_method_has_no_rows(tmp_path, capsys):
    found = timed(own_method(tmp_path, missing="install it"))
    assert [len(table) for table in found] == [0, 0]
    assert "own is not timed on cpu: install it" in capsys.readouterr().err


def test_a_learned_method_has_phases_for_each_number_of_threads(tmp_path):
    rows, _ = timed(LearnedMethod("tiny", "Tiny", write_model(tmp_path)))
    rows = rows[rows.device == "cpu"]
    assert {*rows.threads} == {1, 2}
    encoded, decoded = (
        {*zip(part.phase, part.scale, strict=True)}
        for part in (rows[rows.direction == way] for way in ("encode", "decode"))
    )
    parts = {(part, s) for part in ("network", "coder") for s in ("x", "z1", "z2")}
    assert decoded == parts | {("total", ""), ("range_coder", "z3"), ("container", "")}
    assert encoded == decoded | {("network", "")}


def test_a_model_of_the_cpu_is_not_timed_on_a_gpu(monkeypatch, capsys):
    monkeypatch.setattr(timing, "devices", lambda: ["cpu", "cuda"])
    weights = Path(__file__).parents[2] / "data" / "golden" / "causal-file.safetensors"
    rows, failures = timed(LearnedMethod("causal", "Causal", weights))
    assert ({*rows.device}, len(failures)) == ({"cpu"}, 0)
    assert "on cuda" in capsys.readouterr().err


SAMPLED, CODED = [(16, 1), (16, 4), (24, 1)], [1, 3]


def in_batches(folder):
    source = LearnedMethod("tiny", "Tiny", write_model(folder), "integer")
    images = np.stack([smooth(16, 16)] * 3)
    return measure_batches(source, images, sampled=SAMPLED, coded=CODED, repeats=2)


def test_every_batch_is_measured(tmp_path):
    rows = in_batches(tmp_path)
    check(rows, BatchRow)
    rows = rows[rows.device == "cpu"]
    second = rows[rows.run == 1]
    assert [*zip(second.operation, second.side, second.batch, strict=True)] == [
        *(("sample", side, batch) for side, batch in SAMPLED),
        *((way, 16, batch) for batch in CODED for way in ("encode", "decode")),
    ]
    assert ({*rows.run}, rows.other_load.notna().all()) == ({0, 1}, True)


def test_a_batch_that_is_not_lossless_stops_and_names_the_image(tmp_path, monkeypatch):
    monkeypatch.setattr(timing, "describe_difference", lambda image, back: "another image")
    with pytest.raises(ChildError, match="image 0 of 1"):
        in_batches(tmp_path)
