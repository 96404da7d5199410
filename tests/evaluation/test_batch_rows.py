"""Batch rows come back as they were, and bad ones are named."""

import pytest

from l3c.evaluation.batch_rows import check_batches, read_batches, write_batches
from l3c.evaluation.rows import RowError


def test_rows_come_back_exactly(tmp_path, make_batch):
    rows = [make_batch(seconds=1 / 3), make_batch(operation="encode", batch=30, side=320)]
    write_batches(tmp_path / "batches.csv", rows)
    assert read_batches(tmp_path / "batches.csv") == rows


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("batch,", "size,", "expected"),
        (",sample,", ",train,", "line 2, operation"),
        (",32,1,", ",32,0,", "line 2, batch"),
        (",0.5,", ",0,", "line 2, seconds"),
    ],
)
def test_malformed_rows_name_file_line_and_column(tmp_path, make_batch, old, new, said):
    path = tmp_path / "batches.csv"
    write_batches(path, [make_batch()])
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(RowError, match=said) as caught:
        read_batches(path)
    assert str(path) in str(caught.value)


def test_a_repeated_row_is_an_error(make_batch):
    check_batches([make_batch(), make_batch(run=1), make_batch(batch=2)])
    with pytest.raises(RowError, match="sample run 0 of 1 images of 32x32 is there twice"):
        check_batches([make_batch(), make_batch()])
