"""Measuring with methods from users' files, good ones and all the ways to be bad."""

import re

import numpy as np
import pytest

from l3c.bench.measure.files import Measurement, describe_difference, measure
from l3c.bench.measure.methods import MethodSource
from l3c.bench.schema import ResultRow, failed, frame, read, read_rows, write
from l3c.data.images import pixel_sha256

OWN = """
import sys, os
import numpy as np
from baselines.base import Method

class Own(Method):
    name = "Own"
    key = "own"
    suffix = ".own"
    settings = "none"

    def version(self):
        return "own 1"

    def encode(self, image):
        return np.array(image.shape[:2], "<u4").tobytes() + image.tobytes()

    def decode(self, data):
        print("chatter on stdout")  # must not disturb the measurement
        height, width = np.frombuffer(data[:8], "<u4")
        image = np.frombuffer(data[8:], np.uint8).reshape(height, width, 3).copy()
        {trouble}
        return image
"""


@pytest.fixture
def images():
    random = np.random.default_rng(0)
    return [
        (name, random.integers(0, 256, (5, side, 3), np.uint8))
        for name, side in (("a", 7), ("b", 1))
    ]


@pytest.fixture
def measure_text(tmp_path, images):
    """Measures the method of a file with this text."""

    def run(text, **fields):
        path = tmp_path / "own.py"
        path.write_text(text)
        place = Measurement("toy", tmp_path, tmp_path / "streams" / "toy" / "own", **fields)
        return measure(MethodSource("own", str(path)), images, len(images), place)

    return run


@pytest.fixture
def run(measure_text):
    """Measures the method above with a line of trouble in its decoder."""
    return lambda trouble="", **fields: measure_text(OWN.format(trouble=trouble), **fields)


def test_rows_say_what_was_measured(run, images, tmp_path):
    rows, failed, record = run(threads=2, repeats=2)
    assert failed == []
    assert (record.measured, record.reason, record.version) == (True, "", "own 1")
    assert [row.image for row in rows] == ["a", "b"]
    for row, (_, image) in zip(rows, images, strict=True):
        assert (row.height, row.width) == image.shape[:2]
        assert row.num_bytes == 8 + image.size
        assert row.bpsp == 8 * row.num_bytes / image.size
        assert row.pixel_sha256 == pixel_sha256(image)
        assert (tmp_path / row.stream).stat().st_size == row.num_bytes
        assert row.lossless
        assert row.cross_entropy_bits is None
        assert row.threads == 2
        assert row.other_load is not None
    assert rows[0].stream == "streams/toy/own/a.own"


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("image[-1, -1, 2] ^= 1", "1 of 105 sub-pixels differ, the first at row 4, column 6"),
        ("image = image[:-1]", r"decoded to uint8 \(4, 7, 3\), was uint8 \(5, 7, 3\)"),
        ("image = image.astype(float)", "decoded to float64"),
        ("image = None", "decode returned NoneType"),
        ("image = image.astype(object)", "decode returned an array of objects"),
        ("raise RuntimeError('no idea')", "RuntimeError: no idea"),
        ("os._exit(3)", r"its process ended by itself \(exit status 3\)"),
        ("sys.exit(4)", r"its process ended by itself \(exit status 4\)"),
    ],
)
def test_a_failure_is_a_row_and_the_others_go_on(run, tmp_path, trouble, said):
    measured = run(f"if width == 7: {trouble}")
    [failure] = measured.failed
    assert (failure.image, failure.height, failure.width) == ("a", 5, 7)
    assert re.search(said, failure.reason)
    assert measured.record.measured
    assert [row.image for row in measured.rows] == ["b"]
    assert (tmp_path / "streams" / "toy" / "own" / "a.own").stat().st_size == 8 + 105
    write(tmp_path / "rows.csv", frame([*measured.rows, *measured.failed], ResultRow))
    assert read_rows(tmp_path / "rows.csv", ResultRow) == measured.rows
    reasons = [row.reason for row in measured.failed]
    assert failed(read(tmp_path / "rows.csv", ResultRow)).reason.tolist() == reasons


def test_a_failure_to_encode_is_a_row_too(measure_text, images):
    measured = measure_text(OWN.format(trouble="").replace("image.tobytes()", "image[4, 1]", 1))
    assert [row.image for row in measured.failed] == ["a", "b"]
    assert all(row.reason.startswith("encode: ") for row in measured.failed)
    assert measured.rows == []


@pytest.mark.parametrize(
    "change",
    [
        "image &= 0xF0",
        "image[...].reshape(-1)[:] = 0",
        "(image.base if image.base is not None else image).view(np.uint8)[...] = 0",
        "np.argwhere = lambda wrong: []; np.array_equal = lambda a, b: True; image &= 0xF0",
    ],
)
def test_what_a_method_does_to_its_input_is_not_compared_with(measure_text, change):
    """Lossy: what it encodes is what it has made of its input."""
    text = OWN.format(trouble="").replace("return np.array(image.shape", f"{change}; DATA", 1)
    text = text.replace("DATA", "return np.array(image.shape")
    measured = measure_text(text)
    assert [row.image for row in measured.failed] == ["a", "b"]
    assert all("not lossless" in row.reason for row in measured.failed)


def test_a_lossless_method_may_overwrite_its_input(measure_text):
    text = OWN.format(trouble="").replace(
        "        return np.array(image.shape[:2]",
        "        data = image.tobytes()\n"
        "        image[...] = 0\n"
        "        return bytearray(np.array(image.shape[:2]",
    )
    text = text.replace(".tobytes() + image.tobytes()", ".tobytes() + data)")
    measured = measure_text(text, repeats=3)
    assert len(measured.rows) == 2
    assert measured.failed == []


def test_an_array_that_calls_itself_equal_is_not(run):
    own = "type('A', (np.ndarray,), {'__ne__': lambda a, b: np.zeros((1, 1, 1))})"
    measured = run(f"image = (image ^ 1).view({own})")
    assert all("105 of 105" in r.reason or "15 of 15" in r.reason for r in measured.failed)
    assert len(measured.failed) == 2


def test_decoder_is_a_process_that_encoded_nothing(run):
    """A method that keeps the image in memory instead of writing it is found out."""
    measured = run("image = sys.modules['__main__'].__dict__['kept']")
    assert all("KeyError" in row.reason for row in measured.failed)
    assert len(measured.failed) == 2


FUNCTIONS = """
import sys
import numpy as np

def encode(image):
    print("busy", sys.stdin.read())  # the streams are not those of the measurement
    return bytes(image.shape[:2]) + bytes(image)

def decode(data):
    return np.frombuffer(data[2:], np.uint8).reshape(*data[:2], 3)
"""


def test_two_plain_functions_are_a_method(measure_text):
    measured = measure_text(FUNCTIONS)
    assert len(measured.rows) == 2
    assert (measured.record.method, measured.record.key) == ("own", "own")
    assert measured.record.version.startswith("own.py ")


def test_a_method_that_cannot_be_loaded_is_recorded(measure_text):
    measured = measure_text("import no_such_module\n")
    assert (measured.rows, measured.failed) == ([], [])
    assert not measured.record.measured
    assert "no_such_module" in measured.record.reason


def test_missing_method_is_recorded_not_measured(tmp_path, images, capsys):
    path = tmp_path / "gone.py"
    text = OWN.format(trouble="").replace(
        "def version", 'def why_unavailable(self):\n        return "install it"\n\n    def version'
    )
    path.write_text(text)
    rows, _, record = measure(
        MethodSource("gone", str(path)), images, 2, Measurement("toy", tmp_path, tmp_path)
    )
    assert rows == []
    assert (record.measured, record.reason) == (False, "install it")
    assert "Own is not measured: install it" in capsys.readouterr().err


def test_a_method_that_has_gone_is_said(run, tmp_path, measure_text):
    measured = run()
    write(tmp_path / "rows.csv", frame(measured.rows, ResultRow))
    gone = OWN.format(trouble="").replace(
        "def version", 'def why_unavailable(self):\n        return "install it"\n\n    def version'
    )
    record = measure_text(gone).record
    assert record.reason.startswith("install it; ")
    assert "own 1" in record.reason  # the version that was there


def test_difference_of_equal_images_is_none(images):
    assert describe_difference(images[0][1], images[0][1].copy()) == ""
