"""Where the time of coding goes: what is reported, and that it fits into the whole."""

import time

import numpy as np
import pytest
from tiny_models import integers, smooth, tiny

from l3c.coding import decode_picture, encode_picture
from l3c.images.picture import Picture
from l3c.stopwatch import Stopwatch, is_timed, timed
from l3c.tile_coding import Choice

SCALES = ("x", "z1", "z2")


def test_seconds_are_added_up() -> None:
    stopwatch = Stopwatch()
    for _ in range(2):
        with stopwatch.time("coder", "x"):
            time.sleep(0.01)
    with pytest.raises(KeyError), stopwatch.time("network"):
        raise KeyError
    assert set(stopwatch.seconds) == {("coder", "x"), ("network", "")}
    assert stopwatch.seconds["coder", "x"] >= 0.02
    with stopwatch, timed("container"):
        assert is_timed()
    with timed("network", "x"):
        assert not is_timed()
    assert set(stopwatch.seconds) == {("coder", "x"), ("network", ""), ("container", "")}


@pytest.mark.parametrize("kind", ["l3c", "interlaced", "rgb_shared"])
def test_the_codec_reports_every_phase_of_every_scale(kind: str) -> None:
    codec = tiny(kind).codec("cpu", integers(kind))
    picture = Picture.from_array(smooth(48, 40))
    start = time.perf_counter()
    with Stopwatch() as encoding:
        data = encode_picture(picture, codec, choice=Choice.NETWORK)
    middle = time.perf_counter()
    with Stopwatch() as decoding:
        decoded = decode_picture(data, lambda *_: codec).picture
    end = time.perf_counter()
    assert np.array_equal(decoded.samples, picture.samples)
    assert data == encode_picture(picture, codec, choice=Choice.NETWORK)
    both = {(part, scale) for part in ("network", "coder") for scale in SCALES}
    both |= {("range_coder", "z3"), ("container", "")}
    assert set(encoding.seconds) == both | {("network", "")}  # extractors, all scales
    assert set(decoding.seconds) == both
    for stopwatch, total in ((encoding, middle - start), (decoding, end - middle)):
        assert all(seconds > 0 for seconds in stopwatch.seconds.values())
        assert sum(stopwatch.seconds.values()) <= total
