import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baselines.ppm import from_ppm, to_ppm


@given(st.integers(1, 9), st.integers(1, 9), st.randoms(use_true_random=False))
def test_round_trip(height: int, width: int, random) -> None:
    image = np.frombuffer(random.randbytes(height * width * 3), np.uint8).reshape(height, width, 3)
    assert np.array_equal(from_ppm(to_ppm(image)), image)


def test_exact_bytes() -> None:
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert to_ppm(image) == b"P6\n2 2\n255\n" + bytes(range(12))


def test_greyscale_becomes_three_equal_channels() -> None:
    assert from_ppm(b"P5\n2 1\n255\n\x05\x09").tolist() == [[[5, 5, 5], [9, 9, 9]]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a binary PPM"),
        (b"P3\n1 1\n255\n1 2 3", "not a binary PPM"),
        (b"P6\n0 1\n255\n", "not a binary PPM"),
        (b"P6\n1 1\n65535\n123456", "not a binary PPM"),
        (b"P6\n2 1\n255\n12345", "expected 6 bytes of 2x1 pixels, got 5"),
        (b"P6\n1 1\n255\n1234", "expected 3 bytes of 1x1 pixels, got 4"),
        (b"P6\n999999999 999999999\n255\n123", "got 3"),
    ],
)
def test_bad_files(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_ppm(data)
