"""Lossy codecs: rate and distortion go together over the points; bad bytes are refused."""

import re

import numpy as np
import pytest
from tiny_models import smooth

from baselines.base import DecodeError, UnavailableError
from baselines.lossy import LOSSY_METHODS

METHODS = [pytest.param(make(), id=key) for key, make in LOSSY_METHODS.items()]


PICTURE = smooth(96, 128)


@pytest.mark.parametrize("method", METHODS)
def test_a_higher_rate_is_a_better_picture(method):
    if method.why_unavailable():
        with pytest.raises(UnavailableError):
            method.encode(PICTURE, method.points[0])
        pytest.skip(method.why_unavailable())
    sizes, errors = [], []
    middle = method.points[len(method.points) // 2]
    for point in (method.points[0], middle, method.points[-1]):
        data = method.encode(PICTURE, point)
        decoded = method.decode(data)
        assert (decoded.shape, decoded.dtype) == (PICTURE.shape, np.uint8)
        assert method.encode(PICTURE, point) == data
        assert 0 <= method.header_bytes(data) < len(data)
        sizes.append(len(data))
        errors.append(float(((decoded.astype(float) - PICTURE) ** 2).mean()))
    assert sizes == sorted(sizes)
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.8 * errors[0]
    assert re.search(r"\d", method.version())


@pytest.mark.parametrize("method", METHODS)
def test_bad_input_is_refused(method):
    if method.why_unavailable():
        pytest.skip(method.why_unavailable())
    with pytest.raises(DecodeError):
        method.decode(b"no such file")
    with pytest.raises(ValueError):
        method.encode(PICTURE[:, :, 0], method.points[0])
    for point in (min(method.points) - 1, max(method.points) + 1):
        with pytest.raises(ValueError):
            method.encode(PICTURE, point)


def test_keys_and_points_are_in_order():
    for key, make in LOSSY_METHODS.items():
        assert make().key == key
        assert re.fullmatch(r"[a-z0-9_]+", key)
        points = make().points
        assert list(points) in (sorted(points), sorted(points, reverse=True))
