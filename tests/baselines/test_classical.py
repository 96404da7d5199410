"""Every classical codec through the same questions: round trip, bad bytes, what is recorded.

The example of the documentation among them.
"""

import pickle
from pathlib import Path

import numpy as np
import pytest
from tiny_models import noise, smooth

from baselines.base import DecodeError, UnavailableError, check_image, check_method
from baselines.ppm import from_ppm
from baselines.raw import Raw
from baselines.registry import METHODS, get_method

# WebP and JPEG 2000 carry no checksum, FLIF's can be switched off by damage, and raw pixels are
# all valid.
CHECKSUMMED = ("png", "jpegxl_e7")


PHOTO = smooth(48, 64)  # large enough for every format to write all its parts
IMAGES = {
    "1x1": noise(1, 1, 3),
    "3x5": noise(3, 5, 3),
    "one row": smooth(1, 33),
    "one column": smooth(33, 1),
    "odd": smooth(31, 45),
    "noise": noise(37, 29, 3),
    "black": np.zeros((16, 16, 3), np.uint8),
    "white": np.full((16, 16, 3), 255, np.uint8),
    "flat": np.full((9, 17, 3), (200, 3, 90), np.uint8),
    "greyscale": np.repeat(noise(12, 20, 1), 3, axis=2),
    "one channel": noise(8, 8, 3) * np.array([0, 1, 0], np.uint8),
    "view": PHOTO[::-2, 1::3],
}
EXAMPLE = str(Path(__file__).parents[2] / "docs" / "my_method.py")


@pytest.fixture(params=[*METHODS, EXAMPLE])
def method(request):
    method = get_method(request.param)
    if reason := method.why_unavailable():
        pytest.skip(reason)
    return method


@pytest.mark.parametrize("image", IMAGES.values(), ids=IMAGES)
def test_round_trip(method, image):
    original = image.copy()
    decoded = method.decode(method.encode(image))
    assert (decoded.dtype, decoded.flags.c_contiguous) == (np.uint8, True)
    assert np.array_equal(decoded, original)
    assert np.array_equal(image, original)  # the encoder left its argument alone


def test_corrupted_bytes(method):
    data = method.encode(PHOTO)
    middle = len(data) // 2
    damaged = [b"not an image at all" * 20, data[::-1], bytes(byte ^ 255 for byte in data)]
    damaged += [data[:size] for size in (0, 1, 5, 20, middle, -20)]
    if method.key in CHECKSUMMED:
        damaged.append(data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :])
    for wrong in damaged:
        with pytest.raises(DecodeError, match=f"^{method.name}: cannot decode: ."):
            method.decode(wrong)


def test_what_rows_record(method):
    check_method(method)
    assert method.available()
    assert any(character.isdigit() for character in method.version())
    assert method.settings
    assert method.cross_entropy_bits(np.zeros((4, 4, 3), np.uint8)) is None
    assert method.in_process == (method.key != "flif")
    with pytest.raises(ValueError, match=r"\(H, W, 3\)"):
        method.encode(np.zeros((4, 4), np.uint8))


def test_settings_are_what_the_encoder_was_told():
    assert get_method("jpegxl_e7").settings == "lossless=True, effort=7, numthreads=1"
    assert get_method("jpegxl_e9").settings == "lossless=True, effort=9, numthreads=1"


def test_a_missing_library_is_said(monkeypatch):
    monkeypatch.setattr("baselines._imagecodecs.imagecodecs", None)
    method = get_method("png")
    assert not method.available()
    assert "pip install imagecodecs" in method.why_unavailable()
    with pytest.raises(RuntimeError, match=r"PNG is not available: .*imagecodecs is missing"):
        method.encode(np.zeros((4, 4, 3), np.uint8))


# What all methods share.


@pytest.mark.parametrize(
    "image",
    [
        [[[1, 2, 3]]],
        np.zeros((4, 4, 3)),
        np.zeros((4, 4, 3), np.uint16),
        *(np.zeros(shape, np.uint8) for shape in ((4, 4), (4, 4, 4), (3, 4, 4), (0, 4, 3))),
    ],
)
def test_what_is_no_image_is_refused(image):
    check_image(np.zeros((1, 2, 3), np.uint8))
    with pytest.raises((TypeError, ValueError), match="got "):
        check_image(image)


@pytest.mark.parametrize("error", [DecodeError("PNG", "cut off"), UnavailableError("FLIF", "gone")])
def test_errors_survive_the_way_between_processes(error):
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), copy.method, copy.reason) == (type(error), error.method, error.reason)
    assert error.reason in str(copy)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [("name", ""), ("key", "JPEG XL"), ("key", "a/b"), ("suffix", "png"), ("suffix", ".a/b")],
)
def test_unusable_names_are_refused(attribute, value):
    method = Raw()
    setattr(method, attribute, value)
    with pytest.raises(ValueError, match=rf"Raw\.{attribute}: expected .*got {value!r}"):
        check_method(method)


# PPM, in which raw pixels are stored, the 8 bpsp control, and FLIF speaks.


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"P3\n1 1\n255\n1 2 3",
        b"P6\n0 1\n255\n",
        b"P6\n1 1\n65535\n123456",
        b"P6\n2 1\n255\n12345",
        b"P6\n1 1\n255\n1234",
        b"P6\n999999999 999999999\n255\n123",
    ],
)
def test_bad_ppm_files(data):
    with pytest.raises(ValueError, match=r"not a binary PPM|expected \d+ bytes of .* got \d+"):
        from_ppm(data)
