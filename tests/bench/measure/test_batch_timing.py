"""Models by batch size."""

import numpy as np
import pytest
from tiny_models import smooth, write_model

from l3c.bench.checks import check
from l3c.bench.measure import batch_timing
from l3c.bench.measure.batch_timing import BatchPlan, measure_batches
from l3c.bench.measure.files import MethodFailedError
from l3c.bench.schema import BatchRow, frame
from l3c.images.picture import Picture


@pytest.fixture
def plan():
    return BatchPlan("toy", np.stack([smooth(16, 16)] * 3), [(16, 1), (16, 4), (24, 1)], [1, 3], 2)


def test_every_batch_is_measured(tmp_path, plan):
    rows = measure_batches("tiny", "Tiny", write_model(tmp_path), "integer", plan)
    rows = [row for row in rows if row.device == "cpu"]
    check(frame(rows, BatchRow), BatchRow)
    assert [(row.operation, row.side, row.batch) for row in rows if row.run == 1] == [
        *(("sample", side, batch) for side, batch in plan.sampled),
        *((way, 16, batch) for batch in plan.coded for way in ("encode", "decode")),
    ]
    assert {row.run for row in rows} == {0, 1}
    assert all(row.other_load is not None for row in rows)


def test_loss_stops_and_names_the_model(tmp_path, plan, monkeypatch):
    real = batch_timing.decode_pictures

    def spoiled(*args):
        pictures = real(*args)
        return [Picture.from_array(picture.samples ^ 1) for picture in pictures]

    monkeypatch.setattr(batch_timing, "decode_pictures", spoiled)
    with pytest.raises(MethodFailedError, match="method tiny failed on image 0 of a batch"):
        measure_batches("tiny", "Tiny", write_model(tmp_path), "integer", plan)
