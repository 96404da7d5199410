"""Rows of every kind come back as they were, and bad ones are named."""

import re
from contextlib import nullcontext

import pandas as pd
import pytest
from result_rows import (
    batch_row,
    failed_row,
    lossy_row,
    missing_row,
    result_row,
    results,
    row,
    timing_row,
)

from l3c.bench.schema import (
    AsPublished,
    BatchRow,
    ChannelBits,
    LossyRow,
    ResultRow,
    RowError,
    SampleRow,
    TimingRow,
    check,
    failed,
    failure_texts,
    frame,
    measured,
    read,
    write,
)

BITS = row(ChannelBits, scale="z1", channel="3", bits=1 / 3)
SAMPLE = row(SampleRow, sampled="", stored="x", bpsp=1 / 3, uniform_bpsp=0.1, file="a.png")
ODD = [result_row(image=name) for name in ("one\ntwo", "one\x85two", "one\u2028two", "NA")]
ROWS = {
    ResultRow: [result_row(encode_s=1 / 3, cross_entropy_bits=601.1), *ODD, failed_row(image="d")],
    TimingRow: [timing_row(seconds=1 / 3), timing_row(scale="z1", peak_mib=401.5), failed_row()],
    BatchRow: [batch_row(seconds=1 / 3), batch_row(operation="encode", batch=30, side=320)],
    ChannelBits: [BITS],
    SampleRow: [SAMPLE],
    AsPublished: [row(AsPublished, crops=1, bits=54.0, bpsp=3.0)],
    LossyRow: [lossy_row(psnr=float("inf"))],
}


@pytest.mark.parametrize("kind", ROWS)
def test_rows_come_back_exactly(tmp_path, kind):
    for rows in (ROWS[kind], []):
        path = tmp_path / "new" / "rows.csv"
        table = frame(rows, kind)
        write(path, table)
        pd.testing.assert_frame_equal(read(path, kind), table)
        assert path.read_text().splitlines()[0] == ",".join(kind.model_fields)
        assert [file.name for file in path.parent.iterdir()] == ["rows.csv"]  # no part file stays
        assert len(read([path, path], kind)) == 2 * len(rows)
        check(table, kind)


def test_failures_are_rows_without_results():
    table = results([result_row(), failed_row(image="d"), missing_row()])
    assert measured(table).num_bytes.tolist() == [300]
    assert measured(table).dtypes.num_bytes == "int64"
    assert failed(table).image.tolist() == ["d"]
    assert failed(table).num_bytes.isna().all()


def test_failures_are_counted_and_the_first_are_named():
    rows = [result_row(), *(failed_row(image=f"x{i}", reason="no idea") for i in range(7))]
    text = failure_texts(results(rows))["toy", "png"]
    assert text.startswith("failed on 7 of 8 images: x0: no idea; ")
    assert "x4: no idea and 2 more in rows.csv" in text
    more = [result_row(dataset="other"), missing_row(key="webp", method="WebP")]
    texts = failure_texts(results([*rows, *more]))
    assert texts == {("toy", "png"): text, ("toy", "webp"): "not measured: not installed"}


@pytest.mark.parametrize(
    ("good", "old", "new", "said"),
    [
        (result_row(), "num_bytes,", "bytes,", "expected"),
        (result_row(), ",300,", ",-1,", "line 2, num_bytes"),
        (result_row(), ",True,", ",maybe,", "line 2, lossless"),
        (timing_row(), ",0.25,", ",fast,", "line 2, seconds"),
        (timing_row(), ",total,,", ",total,y,", "line 2, scale"),
        (BITS, ",3,0.", ",green,0.", "line 2, channel"),
    ],
)
def test_malformed_rows_name_file_line_and_column(tmp_path, good, old, new, said):
    path = tmp_path / "rows.csv"
    write(path, frame([good], type(good)))
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(RowError, match=f"^{re.escape(str(path))}.*{said}"):
        read(path, type(good))


@pytest.mark.parametrize(
    "content", [None, b"", b"\xa3\x00", b"name,age\nx,1\n", b"\n\n", b"a,b\n1,2,3,4\n5\n"]
)
def test_other_files_are_refused_by_name(tmp_path, content):
    path = tmp_path / "rows.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RowError, match=f"^{re.escape(str(path))}: "):
        read(path, ResultRow)


WEBP = {"key": "webp", "method": "WebP"}
PHASES = [timing_row(phase="network", scale=scale, seconds=0.2) for scale in ("x", "z1")]
TOTAL = timing_row(seconds=0.5)


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        ([result_row(), result_row(image="b"), result_row(dataset="x")], ""),
        ([result_row(), result_row(**WEBP)], ""),
        ([TOTAL, *PHASES, timing_row(run=1), timing_row(direction="decode")], ""),
        ([result_row(), result_row()], "key png, image a"),
        ([result_row(lossless=False)], "key png, image a"),
        ([result_row(bpsp=9.0)], "key png, image a"),
        ([result_row(), result_row(**WEBP, pixel_sha256="1" * 64)], "key webp, image a"),
        ([result_row(), result_row(key="webp")], "key webp, image a"),
        ([TOTAL, TOTAL], "phase total, scale , run 0"),
        ([TOTAL, *PHASES, timing_row(phase="coder", scale="x", seconds=0.2)], "direction encode"),
        (PHASES, "direction encode, run 0"),
        ([BITS, BITS], "scale z1, channel 3"),
    ],
)
def test_rows_that_contradict_each_other_are_named(rows, named):
    table, kind = frame(rows, type(rows[0])), type(rows[0])
    with pytest.raises(RowError, match=named) if named else nullcontext():
        check(table, kind)
