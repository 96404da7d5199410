"""Timing rows come back as they were, and bad ones are named."""

import pytest

from l3c.evaluation.rows import RowError
from l3c.evaluation.timing_rows import check_timing, read_timing, write_timing


def test_rows_come_back_exactly(tmp_path, make_timing):
    rows = [
        make_timing(seconds=1 / 3),
        make_timing(stage="coder", scale="z1", peak_mib=401.5, in_process=False),
    ]
    write_timing(tmp_path / "timing.csv", rows)
    assert read_timing(tmp_path / "timing.csv") == rows


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seconds,", "s,", "expected"),
        (",0.25,", ",-1,", "line 2, seconds"),
        (",0.25,", ",fast,", "line 2, seconds"),
        (",encode,", ",both,", "line 2, direction"),
        (",total,", ",sum,", "line 2, stage"),
        (",total,,", ",total,y,", "line 2, scale"),
        (",cpu,", ",tpu,", "line 2, device"),
    ],
)
def test_malformed_rows_name_file_line_and_column(tmp_path, make_timing, old, new, said):
    path = tmp_path / "timing.csv"
    write_timing(path, [make_timing()])
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(RowError, match=said) as caught:
        read_timing(path)
    assert str(path) in str(caught.value)


def test_rows_are_checked_against_each_other(make_timing):
    total = make_timing(seconds=0.5)
    parts = [make_timing(stage="network", scale=scale, seconds=0.2) for scale in ("x", "z1")]
    check_timing([total, *parts, make_timing(run=1), make_timing(direction="decode")])
    with pytest.raises(RowError, match="stage total of scale '' is there twice"):
        check_timing([total, total])
    with pytest.raises(RowError, match=r"encode run 0 of a.0.0 of toy on cpu, 2 threads: .* 0.6"):
        check_timing([total, *parts, make_timing(stage="coder", scale="x", seconds=0.2)])
    with pytest.raises(RowError, match="without a total"):
        check_timing(parts)
