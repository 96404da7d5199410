"""Clocked runs of a user's method, of a tiny model, and of batches."""

from pathlib import Path

import numpy as np
import pytest
from tiny_models import noise, smooth, write_model

from l3c.bench.checks import check
from l3c.bench.measure import timing
from l3c.bench.measure.child import ChildError
from l3c.bench.measure.methods import MethodSource
from l3c.bench.measure.timing import BatchPlan, TimingPlan, measure_batches, measure_timing
from l3c.bench.schema import BatchRow, TimingRow, failed, frame, read, write

OWN = """
import numpy as np
from baselines.base import Method

class Own(Method):
    name, key, suffix = "Own", "own", ".own"
    calls = 0

    def why_unavailable(self):
        return {missing!r}

    def version(self):
        return "own 1"

    def encode(self, image):
        {before}
        return np.array(image.shape[:2], "<u4").tobytes() + image.tobytes()

    def decode(self, data):
        self.calls += 1
        height, width = np.frombuffer(data[:8], "<u4")
        image = np.frombuffer(data[8:], np.uint8).reshape(height, width, 3).copy()
        image[0, 0, 0] ^= self.calls == {lossy_call}
        return image
"""


@pytest.fixture
def plan():
    crops = [("a+0+0", smooth(40, 40)), ("b+3+4", noise(40, 40, 3))]
    return TimingPlan("toy", lambda: crops, 2, 2, (1, 2))


@pytest.fixture
def run_own(tmp_path, plan):
    def run(lossy_call=0, missing="", before="pass"):
        path = tmp_path / "own.py"
        path.write_text(OWN.format(lossy_call=lossy_call, missing=missing, before=before))
        return measure_timing(MethodSource("own", str(path)), plan)

    return run


def test_a_classical_method_has_totals_on_one_thread(run_own):
    rows, failures = run_own()
    assert failures == []
    check(frame(rows, TimingRow), TimingRow)
    assert [(row.image, row.run, row.direction) for row in rows] == [
        (image, run, direction)
        for image in ("a+0+0", "b+3+4")
        for run in (0, 1)
        for direction in ("encode", "decode")
    ]
    assert {(row.phase, row.scale, row.threads) for row in rows} == {("total", "", 1)}
    assert all(row.other_load is not None for row in rows)
    assert all(row.num_bytes == 8 + 3 * 40 * 40 and row.peak_mib > 10 for row in rows)


@pytest.mark.parametrize(
    ("trouble", "image", "said"),
    [
        ({"lossy_call": 1}, "a+0+0", "not lossless"),  # the warm-up counts too
        ({"lossy_call": 4}, "b+3+4", "not lossless"),
        ({"before": "image &= 0xF0"}, "a+0+0", "not lossless"),
        ({"before": "raise RuntimeError('no idea')"}, "a+0+0", "RuntimeError: no idea"),
        ({"before": "raise SystemExit('no idea')"}, "a+0+0", "SystemExit: no idea"),
    ],
)
def test_a_method_that_fails_has_no_times_but_a_failure(run_own, trouble, image, said, tmp_path):
    rows, [failure] = run_own(**trouble)
    assert rows == []
    assert failure.image == image
    assert said in failure.reason
    write(tmp_path / "timing.csv", frame([failure], TimingRow))
    assert failed(read(tmp_path / "timing.csv", TimingRow)).reason.tolist() == [failure.reason]


def test_a_missing_method_has_no_rows(run_own, capsys):
    assert run_own(missing="install it") == ([], [])
    assert "Own is not timed: install it" in capsys.readouterr().err


def test_a_learned_method_has_phases_for_each_number_of_threads(tmp_path, plan):
    source = MethodSource("tiny", "tiny", "Tiny", write_model(tmp_path))
    rows = [row for row in measure_timing(source, plan)[0] if row.device == "cpu"]
    check(frame(rows, TimingRow), TimingRow)
    assert {row.threads for row in rows} == {1, 2}
    decoded = {(row.phase, row.scale) for row in rows if row.direction == "decode"}
    parts = {(part, s) for part in ("network", "coder") for s in ("x", "z1", "z2")}
    assert decoded == parts | {("total", ""), ("range_coder", "z3"), ("container", "")}
    encoded = {(row.phase, row.scale) for row in rows if row.direction == "encode"}
    assert encoded == decoded | {("network", "")}


def test_a_model_of_the_cpu_is_not_timed_on_a_gpu(plan, monkeypatch, capsys):
    monkeypatch.setattr(timing, "devices", lambda: ["cpu", "cuda"])
    weights = Path(__file__).parents[2] / "data" / "golden" / "causal-file.safetensors"
    rows, failures = measure_timing(MethodSource("causal", "causal", "Causal", weights), plan)
    assert {row.device for row in rows} == {"cpu"}
    assert not failures
    assert "on cuda" in capsys.readouterr().err


@pytest.fixture
def batches(tmp_path):
    images = np.stack([smooth(16, 16)] * 3)
    plan = BatchPlan(images, [(16, 1), (16, 4), (24, 1)], [1, 3], 2)
    return MethodSource("tiny", "tiny", "Tiny", write_model(tmp_path), "integer"), plan


def test_every_batch_is_measured(batches):
    rows = [row for row in measure_batches(*batches) if row.device == "cpu"]
    check(frame(rows, BatchRow), BatchRow)
    assert [(row.operation, row.side, row.batch) for row in rows if row.run == 1] == [
        *(("sample", side, batch) for side, batch in batches[1].sampled),
        *((way, 16, batch) for batch in batches[1].coded for way in ("encode", "decode")),
    ]
    assert {row.run for row in rows} == {0, 1}
    assert all(row.other_load is not None for row in rows)


def test_a_batch_that_is_not_lossless_stops_and_names_the_model(batches, monkeypatch):
    monkeypatch.setattr(timing, "describe_difference", lambda image, back: "another image")
    with pytest.raises(ChildError, match="image 0 of a batch of 1"):
        measure_batches(*batches)
