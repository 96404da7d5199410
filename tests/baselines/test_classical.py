"""Every classical codec through the same questions: round trip, bad bytes, what is recorded."""

import numpy as np
import pytest

from baselines.base import DecodeError, Image, Method, check_method
from baselines.jpeg2000 import Jpeg2000
from baselines.registry import METHODS, get_method

# WebP and JPEG 2000 carry no checksum, FLIF's can be switched off by damage, and raw pixels are
# all valid.
CHECKSUMMED = ("png", "jpegxl_e7")


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> Method:
    method = get_method(request.param)
    if reason := method.why_unavailable():
        pytest.skip(reason)
    return method


def test_round_trip(method: Method, image: Image) -> None:
    original = image.copy()
    decoded = method.decode(method.encode(image))
    assert decoded.dtype == np.uint8
    assert decoded.flags.c_contiguous
    assert np.array_equal(decoded, original)
    assert np.array_equal(image, original)  # the encoder left its argument alone


def test_views_are_encoded_as_they_look(method: Method, photo_like: Image) -> None:
    view = photo_like[::-2, 1::3]
    assert np.array_equal(method.decode(method.encode(view)), view)


def test_what_is_no_image_is_refused(method: Method) -> None:
    with pytest.raises(ValueError, match=r"\(H, W, 3\)"):
        method.encode(np.zeros((4, 4), np.uint8))


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(lambda data: b"", id="empty"),
        pytest.param(lambda data: data[:1], id="one byte"),
        pytest.param(lambda data: data[:20], id="20 bytes"),
        pytest.param(lambda data: data[: len(data) // 2], id="half"),
        pytest.param(lambda data: data[:-20], id="20 bytes short"),
        pytest.param(lambda data: bytes(reversed(data)), id="reversed"),
        pytest.param(lambda data: bytes(byte ^ 255 for byte in data), id="inverted"),
        pytest.param(lambda data: b"not an image at all" * 20, id="text"),
    ],
)
def test_corrupted_bytes(method: Method, photo_like: Image, bad) -> None:
    with pytest.raises(DecodeError, match=f"^{method.name}: cannot decode: ."):
        method.decode(bad(method.encode(photo_like)))


@pytest.mark.parametrize("key", CHECKSUMMED)
def test_a_flipped_byte_is_noticed(key: str, photo_like: Image) -> None:
    method = get_method(key)
    data = bytearray(method.encode(photo_like))
    data[len(data) // 2] ^= 255
    with pytest.raises(DecodeError):
        method.decode(bytes(data))


def test_what_rows_record(method: Method) -> None:
    check_method(method)
    assert method.available()
    assert any(character.isdigit() for character in method.version())
    assert method.settings
    assert method.cross_entropy_bits(np.zeros((4, 4, 3), np.uint8)) is None
    assert method.in_process == (method.key != "flif")


def test_settings_are_what_the_encoder_was_told() -> None:
    assert get_method("jpegxl_e7").settings == "lossless=True, effort=7, numthreads=1"
    assert get_method("jpegxl_e9").settings == "lossless=True, effort=9, numthreads=1"


def test_raw_is_the_8_bpsp_control(photo_like: Image) -> None:
    data = get_method("raw").encode(photo_like)
    assert len(data) == photo_like.size + len(b"P6\n64 48\n255\n")


def test_jpeg2000_uses_its_colour_transform() -> None:
    """Without it the codec is no fair baseline: photographs came out near 4.4 instead of 3.2."""
    luma = np.random.default_rng(0).integers(0, 256, (64, 64, 1), dtype=np.uint8)
    grey = np.repeat(luma, 3, axis=2)
    # With R = G = B the transform leaves one channel of three to code: 8 of 24 bits.
    assert len(Jpeg2000().encode(grey)) < 0.4 * grey.size


def test_a_missing_library_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("baselines._imagecodecs.imagecodecs", None)
    method = get_method("png")
    assert not method.available()
    assert "pip install imagecodecs" in method.why_unavailable()
    with pytest.raises(RuntimeError, match=r"PNG is not available: .*imagecodecs is missing"):
        method.encode(np.zeros((4, 4, 3), np.uint8))
