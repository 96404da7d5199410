import pytest
from pydantic import ValidationError

from l3c.evaluation.rows import (
    COLUMNS,
    RowError,
    check_rows,
    read_record,
    read_rows,
    write_record,
    write_rows,
)


def test_rows_come_back_exactly(tmp_path, make_row):
    rows = [make_row(encode_s=1 / 3), make_row(image="b, c", num_bytes=77, bits_theory=601.1)]
    rows += [make_row(image=name) for name in ("one\ntwo", "one\x85two", "one\u2028two")]
    path = tmp_path / "new" / "rows.csv"
    write_rows(path, rows)
    assert read_rows(path) == rows
    assert path.read_text().splitlines()[0] == ",".join(COLUMNS)
    assert [file.name for file in path.parent.iterdir()] == ["rows.csv"]  # no part file stays


def test_no_rows_come_back_as_none(tmp_path):
    write_rows(tmp_path / "rows.csv", [])
    assert read_rows(tmp_path / "rows.csv") == []


def test_bpsp_must_fit_the_size(make_row):
    with pytest.raises(ValidationError, match="bpsp is 9"):
        make_row(bpsp=9.0)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("num_bytes,", "bytes,", "expected"),
        (",300,", ",-1,", "line 2, num_bytes"),
        (",300,", ",301,", "line 2, row"),
        (",True,", ",maybe,", "line 2, lossless"),
    ],
)
def test_malformed_rows_name_file_line_and_column(tmp_path, make_row, old, new, said):
    path = tmp_path / "rows.csv"
    write_rows(path, [make_row()])
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(RowError, match=said) as caught:
        read_rows(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", r"rows\.csv: empty"),
        (b"\xa3\x00", r"rows\.csv: not a text in UTF-8"),
        (b"name,age\nx,1\n", r"rows\.csv: the columns are name,age, expected dataset,method,"),
        (b"\n\n", r"rows\.csv: the columns are , expected dataset,method,"),
    ],
)
def test_other_files_are_named_with_what_to_do(tmp_path, content, said):
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with pytest.raises(RowError, match=said + ".*; copy it again from its run, or delete it there"):
        read_rows(path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(RowError, match=r"none\.csv: cannot be read"):
        read_rows(tmp_path / "none.csv")


def test_rows_are_checked_against_each_other(make_row):
    check_rows([make_row(), make_row(image="b"), make_row(dataset="x")])
    check_rows([make_row(), make_row(key="webp", method="WebP")])
    with pytest.raises(RowError, match="method png, image a of toy: measured twice"):
        check_rows([make_row(), make_row()])
    with pytest.raises(RowError, match="not lossless"):
        check_rows([make_row(lossless=False)])
    with pytest.raises(RowError, match="other pixels than method png saw"):
        check_rows([make_row(), make_row(key="webp", pixel_sha256="1" * 64)])
    with pytest.raises(RowError, match=r"method webp, .*: method png is called PNG too"):
        check_rows([make_row(), make_row(key="webp")])


def test_record_comes_back(tmp_path, make_record):
    record = make_record(measured=False, reason="not installed")
    write_record(tmp_path / "r.json", record)
    assert read_record(tmp_path / "r.json") == record
    with pytest.raises(RowError, match=r"none\.json"):
        read_record(tmp_path / "none.json")
