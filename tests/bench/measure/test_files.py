"""Measuring with methods from users' files, good ones and all the ways to be bad."""

import numpy as np
import pandas as pd
import pytest
from own_method import own_method
from tiny_models import noise

from l3c.bench.measure.files import measure
from l3c.bench.schema import ResultRow, failed, failure_texts, read, rows_of, write
from l3c.bench.schema import measured as with_results
from l3c.data.images import pixel_sha256

EQUAL = "type('A', (np.ndarray,), {'__ne__': lambda a, b: np.zeros((1, 1, 1))})"
BASE = "(image if image.base is None else image.base)"
BLIND = "np.argwhere = lambda wrong: []; np.array_equal = lambda a, b: True"


@pytest.fixture
def images():
    return [("a", noise(5, 7, 3)), ("b", noise(5, 1, 3))]


@pytest.fixture
def run(tmp_path, images):
    """Measures a user's method, with other lines or settings."""

    def run(images=images, threads=1, repeats=1, **method):
        place = {"dataset": "toy", "run": tmp_path, "streams": tmp_path / "streams" / "toy" / "own"}
        source, given = own_method(tmp_path, **method), {"threads": threads, "repeats": repeats}
        return measure(source, images, len(images), **place, **given)

    return run


def test_rows_say_what_was_measured(run, images, tmp_path):
    chatter = "print('chatter on stdout', sys.stdin.read())"  # must not disturb the measurement
    table = run(threads=2, repeats=2, before=chatter, after=chatter)
    assert failed(table).empty
    rows = [*rows_of(table)]
    assert table.cross_entropy_bits.isna().all()
    assert {*table.version} == {"own 1"}
    for row, (name, image) in zip(rows, images, strict=True):
        assert (row.image, row.height, row.width) == (name, *image.shape[:2])
        assert (row.num_bytes, row.bpsp) == (8 + image.size, 8 * (8 + image.size) / image.size)
        assert row.pixel_sha256 == pixel_sha256(image)
        assert row.stream == f"streams/toy/own/{name}.own"
        assert (tmp_path / row.stream).stat().st_size == row.num_bytes
        assert (row.lossless, row.threads, row.other_load is None) == (True, 2, False)


def test_a_killed_measurement_goes_on_after_its_last_image(run, images, tmp_path):
    streams = tmp_path / "streams" / "toy" / "own"
    first = run().replace({np.nan: None}).assign(encode_s=99.0)  # no clock of this test says so
    partial = streams.rename(streams.with_name("own.partial"))
    lines = [ResultRow(**row).model_dump_json() for row in first.to_dict("records")]
    (partial / "rows.jsonl").write_text(lines[0] + "\n" + lines[1][:50])  # killed while it wrote
    (partial / "b.own").write_bytes(b"cut")
    again = run().replace({np.nan: None})
    pd.testing.assert_frame_equal(again[:1], first[:1])
    assert again.encode_s[1] != first.encode_s[1]
    assert {path.name for path in streams.iterdir()} == {"a.own", "b.own"}
    assert (streams / "b.own").stat().st_size == again.num_bytes[1]
    assert not partial.exists()
    for change in ("image", "stream", "threads"):  # none is taken that is not this measurement's
        streams.rename(partial)
        (partial / "rows.jsonl").write_text(lines[0] + "\n")
        images[0][1][0, 0, 0] ^= change == "image"
        if change == "stream":
            (partial / "a.own").unlink()
        again = run(threads=1 + (change == "threads"))
        assert again.encode_s[0] != first.encode_s[0]


FAILURES = [  # before encoding or after decoding: a line, and what is said of it
    ("after", "image[-1, -1, 2] ^= 1", "1 of 15 sub-pixels differ, the first at row 4, column 0"),
    ("after", "image = image[:-1]", "decoded to uint8 (4, 2, 3), was uint8 (5, 2, 3)"),
    ("after", "image = image.astype(float)", "decoded to float64"),
    ("after", "image = None", "NoneType"),
    ("after", "image = image.astype(object)", "not an array of numbers"),
    ("after", "raise RuntimeError('no idea')", "decode: RuntimeError: no idea"),
    ("after", "os._exit(3)", "exit status 3"),
    ("after", "sys.exit(4)", "exit status 4"),
    ("after", f"image = (image ^ 1).view({EQUAL})", "135 of 135"),
    # It kept the image in memory instead of writing it.
    ("after", "image = sys.modules['__main__'].__dict__['kept']", "KeyError"),
    ("before", "return image[9]", "encode: IndexError"),
    ("before", "return b''", "encode: ValueError: returned no bytes"),
    # Lossy: it encodes what it has made of its input.
    ("before", "image &= 0xF0", "not lossless"),
    ("before", f"{BLIND}; image &= 0xF0", "not lossless"),
    ("before", f"{BASE}.view(np.uint8)[...] = 0", "not lossless"),
]


def test_failures_are_rows_and_the_others_go_on(run, tmp_path):
    """Each on the image that is as wide as its number; the last image is good."""
    method = {"before": "if False: pass", "after": "if False: pass"}
    for width, (where, line, _) in enumerate(FAILURES, 1):
        method[where] += f"\n        elif image.shape[1] == {width}: {line}"
    images = [(str(width), noise(5, width, 3)) for width in range(1, len(FAILURES) + 2)]
    rows = run(images, **method)
    found = failed(rows)
    assert [*zip(found.height, found.width, strict=True)] == [(5, i + 1) for i in range(len(found))]
    for reason, (_, _, said) in zip(found.reason, FAILURES, strict=True):
        assert said in reason
    assert with_results(rows).image.tolist() == [images[-1][0]]
    write(tmp_path / "rows.csv", rows)
    assert failed(read(tmp_path / "rows.csv", ResultRow)).equals(found)


def test_a_cross_entropy_that_fails_is_a_failure_of_the_image(run):
    rows = run(before="Own.cross_entropy_bits = lambda self, image: 1 / 0")
    assert failed(rows).reason.str.contains("ZeroDivisionError").tolist() == [True, True]


def test_a_lossless_method_may_overwrite_its_input(run):
    overwrite = "data = image.tobytes(); shape = image.shape[:2]; image[...] = 0"
    overwrite += "\n        return bytearray(np.array(shape, '<u4').tobytes() + data)"
    rows = run(before=overwrite, repeats=3)
    assert (len(rows), len(failed(rows))) == (2, 0)


@pytest.mark.parametrize("method", [{"text": "import install_it\n"}, {"missing": "install_it"}])
def test_a_method_that_cannot_run_is_recorded_not_measured(run, method, capsys):
    rows = run(**method)
    assert (with_results(rows).empty, failed(rows).empty) == (True, True)
    assert "install_it" in failure_texts(rows)["toy", "own"]
    assert "install_it" in capsys.readouterr().err
