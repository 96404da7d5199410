"""Measuring with methods from users' files, good ones and all the ways to be bad."""

import numpy as np
import pytest

from l3c.data.images import pixel_sha256
from l3c.evaluation.measure import LosslessError, Measurement, describe_difference, measure
from l3c.evaluation.methods import MethodSource

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
def run(tmp_path, images):
    """Measures the method above with a line of trouble in its decoder."""

    def run(trouble="", **fields):
        path = tmp_path / "own.py"
        path.write_text(OWN.format(trouble=trouble))
        place = Measurement("toy", tmp_path, tmp_path / "streams" / "toy" / "own", **fields)
        return measure(MethodSource("own", str(path)), images, len(images), place)

    return run


def test_rows_say_what_was_measured(run, images, tmp_path):
    rows, record = run(threads=2, repeats=2)
    assert (record.measured, record.reason, record.version) == (True, "", "own 1")
    assert [row.image for row in rows] == ["a", "b"]
    for row, (_, image) in zip(rows, images, strict=True):
        assert (row.height, row.width) == image.shape[:2]
        assert row.num_bytes == 8 + image.size
        assert row.bpsp == 8 * row.num_bytes / image.size
        assert row.pixel_sha256 == pixel_sha256(image)
        assert (tmp_path / row.stream).stat().st_size == row.num_bytes
        assert row.lossless
        assert row.bits_theory is None
        assert row.threads == 2
    assert rows[0].stream == "streams/toy/own/a.own"


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("image[-1, -1, 2] ^= 1", "1 of 105 sub-pixels differ, the first at row 4, column 6"),
        ("image = image[:-1]", r"decoded to uint8 \(4, 7, 3\), was uint8 \(5, 7, 3\)"),
        ("image = image.astype(float)", "decoded to float64"),
        ("image = None", "decoded to NoneType"),
        ("raise RuntimeError('no idea')", "RuntimeError: no idea"),
        ("os._exit(3)", r"the decoding process ended by itself \(exit status 3\)"),
    ],
)
def test_loss_stops_and_names_method_and_image(run, tmp_path, trouble, said):
    with pytest.raises(
        LosslessError, match=f"method own is not lossless on image a of toy: {said}"
    ):
        run(trouble)
    stream = tmp_path / "streams" / "toy" / "own" / "a.own"
    kept = tmp_path / "lossy" / "toy" / "own" / "a.own"  # streams go if a measurement fails
    assert kept.read_bytes() == stream.read_bytes()


def test_decoder_is_a_process_that_encoded_nothing(run):
    """A method that keeps the image in memory instead of writing it is found out."""
    with pytest.raises(LosslessError, match="KeyError"):
        run("image = sys.modules['__main__'].__dict__['kept']")


def test_missing_method_is_recorded_not_measured(tmp_path, images, capsys):
    path = tmp_path / "gone.py"
    text = OWN.format(trouble="").replace(
        "def version", 'def why_unavailable(self):\n        return "install it"\n\n    def version'
    )
    path.write_text(text)
    rows, record = measure(
        MethodSource("gone", str(path)), images, 2, Measurement("toy", tmp_path, tmp_path)
    )
    assert rows == []
    assert (record.measured, record.reason) == (False, "install it")
    assert "Own is not measured: install it" in capsys.readouterr().err


def test_difference_of_equal_images_is_none(images):
    assert describe_difference(images[0][1], images[0][1].copy()) == ""
