"""Measuring with methods from users' files, good ones and all the ways to be bad."""

import numpy as np
import pytest

from l3c.bench.measure.files import measure
from l3c.bench.measure.methods import MethodSource
from l3c.bench.schema import ResultRow, failed, read, rows_of, write
from l3c.bench.schema import measured as with_results
from l3c.data.images import pixel_sha256

OWN = """
import sys, os
import numpy as np
from baselines.base import Method

class Own(Method):
    name, key, suffix, settings = "Own", "own", ".own", "none"

    def version(self):
        return "own 1"

    def encode(self, image):
        {before}
        return np.array(image.shape[:2], "<u4").tobytes() + image.tobytes()

    def decode(self, data):
        print("chatter on stdout", sys.stdin.read())  # must not disturb the measurement
        height, width = np.frombuffer(data[:8], "<u4")
        image = np.frombuffer(data[8:], np.uint8).reshape(height, width, 3).copy()
        {after}
        return image
"""
GONE = (
    "pass\n\n    def why_unavailable(self):\n        return 'install it'\n\n    def unused(self):"
)
EQUAL = "type('A', (np.ndarray,), {'__ne__': lambda a, b: np.zeros((1, 1, 1))})"
BLIND = "np.argwhere = lambda wrong: []; np.array_equal = lambda a, b: True"


@pytest.fixture
def images():
    random = np.random.default_rng(0)
    return [
        (name, random.integers(0, 256, (5, n, 3), np.uint8)) for name, n in (("a", 7), ("b", 1))
    ]


@pytest.fixture
def run(tmp_path, images):
    """Measures the method above with lines of its own, or another one."""

    def run(before="pass", after="pass", text=OWN, **fields):
        path = tmp_path / "own.py"
        path.write_text(text.format(before=before, after=after))
        place = {"dataset": "toy", "run": tmp_path, "streams": tmp_path / "streams" / "toy" / "own"}
        return measure(MethodSource("own", str(path)), images, len(images), **place, **fields)

    return run


def test_rows_say_what_was_measured(run, images, tmp_path):
    table, record = run(threads=2, repeats=2)
    assert failed(table).empty
    rows = [*rows_of(table)]
    assert table.cross_entropy_bits.isna().all()
    assert (record.measured, record.reason, record.version) == (True, "", "own 1")
    assert [row.image for row in rows] == ["a", "b"]
    for row, (_, image) in zip(rows, images, strict=True):
        assert (row.height, row.width) == image.shape[:2]
        assert row.num_bytes == 8 + image.size
        assert row.bpsp == 8 * row.num_bytes / image.size
        assert row.pixel_sha256 == pixel_sha256(image)
        assert (tmp_path / row.stream).stat().st_size == row.num_bytes
        assert row.lossless
        assert row.threads == 2
        assert row.other_load is not None
    assert rows[0].stream == "streams/toy/own/a.own"


def test_a_killed_measurement_goes_on_after_its_last_image(run, images, tmp_path):
    streams = tmp_path / "streams" / "toy" / "own"
    table, _ = run()
    first = [*rows_of(table.drop(columns="cross_entropy_bits"))]
    partial = streams.rename(streams.with_name("own.partial"))
    lines = [
        ResultRow(**row).model_dump_json()
        for row in table.replace({np.nan: None}).to_dict("records")
    ]
    (partial / "rows.jsonl").write_text(lines[0] + "\n" + lines[1][:50])  # killed while it wrote
    (partial / "b.own").write_bytes(b"cut")
    again = [*rows_of(run()[0].drop(columns="cross_entropy_bits"))]
    assert again[0] == first[0]
    assert again[1].encode_s != first[1].encode_s
    assert {path.name for path in streams.iterdir()} == {"a.own", "b.own"}
    assert (streams / "b.own").stat().st_size == again[1].num_bytes
    assert not partial.exists()
    for change in ("image", "stream", "threads"):  # none is taken that is not this measurement's
        streams.rename(partial)
        (partial / "rows.jsonl").write_text(lines[0] + "\n")
        images[0][1][0, 0, 0] ^= change == "image"
        if change == "stream":
            (partial / "a.own").unlink()
        again, _ = run(threads=1 + (change == "threads"))
        assert again.encode_s[0] != first[0].encode_s


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            "pass",
            "image[-1, -1, 2] ^= 1",
            "1 of 105 sub-pixels differ, the first at row 4, column 6",
        ),
        ("pass", "image = image[:-1]", "decoded to uint8 (4, 7, 3), was uint8 (5, 7, 3)"),
        ("pass", "image = image.astype(float)", "decoded to float64"),
        ("pass", "image = None", "NoneType"),
        ("pass", "image = image.astype(object)", "array of objects"),
        ("pass", "raise RuntimeError('no idea')", "decode: RuntimeError: no idea"),
        ("pass", "os._exit(3)", "exit status 3"),
        ("pass", "sys.exit(4)", "exit status 4"),
        ("pass", f"image = (image ^ 1).view({EQUAL})", "105 of 105"),
        # It kept the image in memory instead of writing it.
        ("pass", "image = sys.modules['__main__'].__dict__['kept']", "KeyError"),
        ("return image[9]", "pass", "encode: IndexError"),
        # Lossy: it encodes what it has made of its input.
        ("image &= 0xF0", "pass", "not lossless"),
        (f"{BLIND}; image &= 0xF0", "pass", "not lossless"),
        (
            "(image if image.base is None else image.base).view(np.uint8)[...] = 0",
            "pass",
            "lossless",
        ),
    ],
)
def test_a_failure_is_a_row_and_the_others_go_on(run, tmp_path, before, after, said):
    wide = "image.shape[1] == 7"
    rows, record = run(f"if {wide}:\n            {before}", f"if {wide}:\n            {after}")
    [failure] = rows_of(failed(rows))
    assert (failure.image, failure.height, failure.width) == ("a", 5, 7)
    assert said in failure.reason
    assert (record.measured, with_results(rows).image.tolist()) == (True, ["b"])
    write(tmp_path / "rows.csv", rows)
    assert failed(read(tmp_path / "rows.csv", ResultRow)).reason.tolist() == [failure.reason]


def test_a_lossless_method_may_overwrite_its_input(run):
    overwrite = "data = image.tobytes(); shape = image.shape[:2]; image[...] = 0"
    overwrite += "\n        return bytearray(np.array(shape, '<u4').tobytes() + data)"
    rows, _ = run(overwrite, repeats=3)
    assert (len(rows), len(failed(rows))) == (2, 0)


def test_two_plain_functions_are_a_method(run):
    text = (
        "import numpy as np\ndef encode(image):\n    return bytes(image.shape[:2]) + bytes(image)\n"
    )
    text += "def decode(data):\n"
    text += "    return np.frombuffer(data[2:], np.uint8).reshape(*data[:2], 3)\n"
    rows, record = run(text=text)
    assert (len(rows), record.method, record.key) == (2, "own", "own")
    assert record.version.startswith("own.py ")


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"text": "import no_such_module\n"}, "no_such_module"), ({"before": GONE}, "install it")],
)
def test_a_method_that_cannot_run_is_recorded_not_measured(run, fields, said, capsys):
    rows, record = run(**fields)
    assert (len(rows), record.measured, said in record.reason) == (0, False, True)
    assert said in capsys.readouterr().err
