"""The fallback: round trips, golden streams, and bytes that are not samples.

`tests/data/golden/fallback-<case>.bin` is a stream of the coder that the case names, `.npz` the
samples in it. If one does not decode any more, files written so far are lost: undo the change, or
give it a new code. The bytes of new streams may change with the libraries. New cases, and only
those, are written by

    L3C_WRITE_GOLDEN=1 python -m pytest tests/fileformat/test_fallback.py
"""

import os
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coder.errors import CorruptStreamError
from l3c.fileformat import fallback
from l3c.fileformat.fallback import Coder, FallbackError
from l3c.fileformat.jpegxl_header import JpegXLHeader, JpegXLHeaderError, read_header, unbox

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
CASES: dict[str, tuple[Coder, tuple[int, int, int], int]] = {
    "raw-1": (Coder.RAW, (5, 7, 1), 1),
    "raw-8": (Coder.RAW, (5, 7, 4), 8),
    "raw-16": (Coder.RAW, (5, 7, 3), 16),
    "jpegxl-1": (Coder.JPEG_XL, (21, 33, 1), 1),
    "jpegxl-8": (Coder.JPEG_XL, (21, 33, 1), 8),
    "jpegxl-8-alpha": (Coder.JPEG_XL, (21, 33, 2), 8),
    "jpegxl-8-rgb": (Coder.JPEG_XL, (21, 33, 3), 8),
    "jpegxl-8-rgba": (Coder.JPEG_XL, (270, 12, 4), 8),
    "jpegxl-16": (Coder.JPEG_XL, (21, 33, 1), 16),
    "jpegxl-16-rgb": (Coder.JPEG_XL, (21, 33, 3), 16),
    "webp-1": (Coder.WEBP, (21, 33, 1), 1),
    "webp-8": (Coder.WEBP, (21, 33, 1), 8),
    "webp-8-rgb": (Coder.WEBP, (21, 33, 3), 8),
    "webp-8-rgba": (Coder.WEBP, (21, 33, 4), 8),
    "webp-box": (Coder.WEBP_BOX, (21, 33, 1), 8),
    "split-8-grey": (Coder.SPLIT, (21, 33, 2), 8),
    "split-8-rgba": (Coder.SPLIT, (21, 33, 4), 8),
}
SHAPES = [(1, 1), (1, 4096), (4096, 1), (7, 13), (64, 65)]
Samples = np.ndarray[Any, np.dtype[Any]]


def make(shape: tuple[int, int, int], bits: int, kind: str, seed: int) -> Samples:
    rng = np.random.default_rng(seed)
    dtype, top = (np.uint16 if bits == 16 else np.uint8), 1 << bits
    if kind == "noise":
        return rng.integers(0, top, shape).astype(dtype)
    if kind == "flat":
        return np.full(shape, rng.integers(0, top), dtype)
    if kind == "few":  # as indices of a palette
        return rng.permutation(top)[rng.integers(0, min(top, 5), shape)].astype(dtype)
    y, x, c = np.indices(shape)
    noise = rng.integers(0, max(2, top // 32), shape)
    return (((y * (c + 1) + x * 2) * top // 300 + noise) % top).astype(dtype)


def decoded(stream: bytes, samples: Samples, bits: int) -> Samples:
    height, width, channels = samples.shape
    return fallback.decode(stream, (height, width, channels), samples.dtype, bits)


def assert_holds(stream: bytes, samples: Samples, bits: int) -> None:
    found = decoded(stream, samples, bits)
    assert found.dtype == samples.dtype
    assert np.array_equal(found, samples)
    assert found.flags.c_contiguous
    assert found.flags.writeable


@pytest.mark.parametrize("bits", [1, 8, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", SHAPES, ids=str)
@settings(
    max_examples=3,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(kind=st.sampled_from(["noise", "flat", "few", "smooth"]), seed=st.integers(0, 99))
def test_every_candidate_decodes_and_the_smallest_is_taken(
    size: tuple[int, int], channels: int, bits: int, kind: str, seed: int
) -> None:
    samples = make((*size, channels), bits, kind, seed)
    stream = fallback.encode(samples, bits)
    assert_holds(stream, samples, bits)
    assert fallback.encode(samples, bits) == stream
    candidates = list(fallback._candidates(samples, (*size, channels), bits))
    assert [c[0] for c in candidates] == sorted(c[0] for c in candidates)
    for candidate in candidates:
        assert_holds(candidate, samples, bits)
    least = min(map(len, candidates))
    assert stream == next(c for c in candidates if len(c) == least)


def test_all_coders_try_what_they_can() -> None:
    def codes(channels: int, bits: int, width: int = 3) -> list[int]:
        shape = (2, width, channels)
        return [c[0] for c in fallback._candidates(make(shape, bits, "noise", 0), shape, bits)]

    raw, jpegxl, webp, box, split = Coder
    assert codes(1, 8) == [raw, jpegxl, webp, box]
    assert codes(1, 1) == codes(3, 8) == [raw, jpegxl, webp]
    assert codes(2, 8) == codes(4, 16) == [raw, jpegxl, split]
    assert codes(4, 8) == [raw, jpegxl, webp, split]
    assert codes(1, 16) == [raw, jpegxl]
    assert codes(1, 8, 16384) == [raw, jpegxl]  # wider than WebP can be


def test_each_kind_of_image_has_its_coder() -> None:
    y, x = np.indices((96, 128))
    rng = np.random.default_rng(0)
    waves = 60 * np.sin(x / 9) * np.cos(y / 7) + 128
    photograph = (waves + rng.normal(0, 3, x.shape)).astype(np.uint8)
    text = np.kron(rng.integers(0, 2, (1, 16)).repeat(12, 0), np.ones((8, 8))).astype(np.uint8)
    indices = rng.permutation(256)[(x // 3 * 7 + y // 5 * 13) % 97].astype(np.uint8)
    blocks = np.kron(rng.integers(0, 2, (12, 16)), np.full((8, 8), 255)).astype(np.uint8)
    shaded = np.dstack([photograph, blocks])
    assert fallback.encode(photograph[..., None], 8)[0] == Coder.JPEG_XL
    assert fallback.encode(text[..., None], 1)[0] == Coder.WEBP
    assert fallback.encode(indices[..., None], 8)[0] in (Coder.WEBP, Coder.WEBP_BOX)
    assert fallback.encode(shaded, 8)[0] == Coder.SPLIT
    assert fallback.encode(photograph[:1, :1, None], 8) == bytes([Coder.RAW, photograph[0, 0]])


def test_one_bit_is_packed_when_raw() -> None:
    samples = np.array([1, 0, 0, 0, 0, 0, 0, 1, 1], np.uint8).reshape(3, 3, 1)
    assert fallback.encode(samples, 1) == bytes([Coder.RAW, 0b10000001, 0b10000000])


def test_strides_do_not_matter() -> None:
    samples = make((40, 30, 4), 8, "smooth", 0)
    for view in (samples[::2, ::-1], samples.transpose(1, 0, 2), samples[:1, :1, :3]):
        assert_holds(fallback.encode(view, 8), view, 8)
    swapped = make((9, 9, 1), 16, "noise", 0).astype(">u2")
    with pytest.raises(ValueError, match="got >u2 of 16"):
        fallback.encode(swapped, 16)


def test_colors_under_alpha_0_are_kept() -> None:
    samples = make((20, 20, 4), 8, "smooth", 1)
    samples[..., 3] = 0
    for candidate in fallback._candidates(samples, (20, 20, 4), 8):
        assert_holds(candidate, samples, 8)
    samples[..., 3] = 255  # libwebp then leaves alpha out
    for candidate in fallback._candidates(samples, (20, 20, 4), 8):
        assert_holds(candidate, samples, 8)


@pytest.mark.parametrize(
    ("array", "bits", "says"),
    [
        (np.zeros((2, 2, 1), np.uint8), 16, "got uint8 of 16"),
        (np.zeros((2, 2, 1), np.uint16), 8, "got uint16 of 8"),
        (np.zeros((2, 2, 1), np.uint8), 4, "got uint8 of 4"),
        (np.zeros((2, 2, 1), np.float32), 8, "got float32 of 8"),
        (np.zeros((2, 2), np.uint8), 8, r"got \(2, 2\)"),
        (np.zeros((2, 0, 1), np.uint8), 8, r"got \(2, 0, 1\)"),
        (np.zeros((2, 2, 5), np.uint8), 8, r"got \(2, 2, 5\)"),
        (np.full((2, 2, 1), 2, np.uint8), 1, "got up to 2"),
    ],
)
def test_arguments_are_checked(array: Samples, bits: int, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        fallback.encode(array, bits)
    if "up to" not in says:
        with pytest.raises(ValueError, match=says):
            fallback.decode(b"\0", array.shape, array.dtype, bits)  # type: ignore[arg-type]


@pytest.mark.parametrize("case", CASES)
def test_golden_streams_decode_for_ever(case: str) -> None:
    coder, shape, bits = CASES[case]
    path = GOLDEN / f"fallback-{case}.bin"
    if os.environ.get("L3C_WRITE_GOLDEN") and not path.exists():
        write(case)
    stream = path.read_bytes()
    with np.load(path.with_suffix(".npz")) as stored:
        samples = stored["samples"]
    assert stream[0] == coder
    assert samples.shape == shape
    assert_holds(stream, samples, bits)


def test_golden_streams_are_those_listed() -> None:
    assert {path.stem for path in GOLDEN.glob("fallback-*.bin")} == {f"fallback-{c}" for c in CASES}
    assert {coder for coder, _, _ in CASES.values()} == set(Coder)


def write(case: str) -> None:
    coder, shape, bits = CASES[case]
    samples = make(shape, bits, "few" if coder == Coder.WEBP_BOX else "smooth", len(case))
    stream = next(c for c in fallback._candidates(samples, shape, bits) if c[0] == coder)
    np.savez_compressed(GOLDEN / f"fallback-{case}.npz", samples=samples)
    (GOLDEN / f"fallback-{case}.bin").write_bytes(stream)


def golden(case: str) -> tuple[bytes, tuple[int, int, int], int]:
    _, shape, bits = CASES[case]
    return (GOLDEN / f"fallback-{case}.bin").read_bytes(), shape, bits


def samples_or_error(stream: bytes, shape: tuple[int, int, int], bits: int) -> bool:
    """Whether it decodes; then shape and dtype are right. Only FallbackError is raised."""
    dtype = np.dtype(np.uint16 if bits == 16 else np.uint8)
    try:
        found = fallback.decode(stream, shape, dtype, bits)
    except FallbackError:
        return False
    assert (found.shape, found.dtype) == (shape, dtype)
    assert bits != 1 or found.max() <= 1
    return True


@pytest.mark.parametrize("case", CASES)
def test_truncated_streams(case: str) -> None:
    stream, shape, bits = golden(case)
    for length in {*range(min(len(stream), 60)), *range(0, len(stream) - 1, 41)}:
        # The last byte may hold nothing but padding, so it is not taken away here.
        assert not samples_or_error(stream[:length], shape, bits), length


@pytest.mark.parametrize("case", CASES)
def test_altered_and_random_streams(case: str) -> None:
    stream, shape, bits = golden(case)
    rng = np.random.default_rng(list(case.encode()))
    for _ in range(60):
        altered = bytearray(stream)
        for place in rng.integers(0, min(len(stream), 200), rng.integers(1, 4)):
            altered[place] = rng.integers(0, 256)
        samples_or_error(bytes(altered), shape, bits)
        samples_or_error(stream[:1] + rng.bytes(int(rng.integers(0, 80))), shape, bits)
        samples_or_error(stream[: int(rng.integers(1, 40))] + rng.bytes(60), shape, bits)


@pytest.mark.parametrize("case", [case for case in CASES if "webp" not in case])
def test_other_shapes_and_depths(case: str) -> None:
    """WebP is missing here: its size is not stored, so that any that is asked for is tried."""
    stream, (height, width, channels), bits = golden(case)
    for other in ((height + 1, width, channels), (height, width, channels % 4 + 1), (1, 1, 1)):
        assert not samples_or_error(stream, other, bits)
    for depth in {1, 8, 16} - {bits}:
        assert not samples_or_error(stream, (height, width, channels), depth)


@pytest.mark.parametrize("case", [case for case in CASES if "webp" in case])
def test_webp_of_another_shape_stays_within_the_shape_asked_for(case: str) -> None:
    stream, (height, width, channels), bits = golden(case)
    for other in ((height + 1, width, channels), (500, 400, channels), (1, 1, channels)):
        samples_or_error(stream, other, bits)
    assert not samples_or_error(stream, (height, width, channels), 16)
    assert not samples_or_error(stream, (16384, 1, channels), 8)


@pytest.mark.parametrize(
    ("stream", "says"),
    [
        (b"", "missing"),
        (b"\x05abc", "unknown coder 5"),
        (b"\x04abc", "unknown coder 4"),  # one channel cannot be split
        (b"\x00abc", "3 bytes of raw samples, expected 4"),
        (b"\x00abcde", "5 bytes of raw samples, expected 4"),
        (b"\x01", "no JPEG XL codestream"),
        (b"\x02", "WebP: "),
        (b"\x03", "WebP: "),
    ],
)
def test_what_is_wrong_is_said(stream: bytes, says: str) -> None:
    with pytest.raises(FallbackError, match=says):
        fallback.decode(stream, (2, 2, 1), np.uint8, 8)


def test_errors_are_of_the_coder_and_one_line() -> None:
    assert issubclass(FallbackError, CorruptStreamError)
    for case in CASES:
        stream, shape, bits = golden(case)
        with pytest.raises(FallbackError) as caught:
            fallback.decode(stream[:3], shape, np.uint16 if bits == 16 else np.uint8, bits)
        assert "\n" not in str(caught.value)


def test_split_parts_are_checked_and_not_split_again() -> None:
    shape = (2, 2, 2)
    parts = b"\x00abcd", b"\x00efgh"
    good = b"\x04" + len(parts[0]).to_bytes(4, "little") + b"".join(parts)
    assert fallback.decode(good, shape, np.uint8, 8).tobytes() == b"aebfcgdh"
    for bad in (
        good[:4],
        b"\x04" + (0).to_bytes(4, "little") + b"".join(parts),
        b"\x04" + (10).to_bytes(4, "little") + b"".join(parts),
        b"\x04" + (2**32 - 1).to_bytes(4, "little") + b"".join(parts),
        good[:5] + b"\x04" + good[6:],
    ):
        assert not samples_or_error(bad, shape, 8)


class BitWriter:
    """Headers that no encoder would write."""

    def __init__(self) -> None:
        self.value = self.count = 0

    def put(self, *fields: tuple[int, int]) -> "BitWriter":
        for value, bits in fields:
            self.value |= value << self.count
            self.count += bits
        return self

    def stream(self) -> bytes:
        return b"\xff\x0a" + self.value.to_bytes(-(-self.count // 8) + 8, "little")


def header(size: int = 16, **changed: tuple[int, int]) -> bytes:
    """A JPEG XL header of size x size pixels, grey, 8 bits; fields can be put in place of some."""
    fields = {
        "by_eight": (0, 1),
        "height": (3 | (size - 1) << 2, 32),
        "ratio": (1, 3),
        "all_default": (0, 1),
        "extra_fields": (0, 1),
        "floating": (0, 1),
        "depth": (0, 2),
        "modular": (1, 1),
        "extra_channels": (0, 2),
        "alpha": (0, 0),
        "xyb": (0, 1),
        "color_default": (0, 1),
        "icc": (0, 1),
        "space": (1, 2),
    }
    return BitWriter().put(*(fields | changed).values()).stream()


def test_jpegxl_header_as_written_by_hand() -> None:
    assert read_header(header()) == JpegXLHeader(16, 16, 1, 8)
    assert read_header(header(size=2**30)) == JpegXLHeader(2**30, 2**30, 1, 8)
    assert read_header(header(color_default=(1, 1))) == JpegXLHeader(16, 16, 3, 8)
    assert read_header(header(extra_channels=(1, 2), alpha=(1, 1))).channels == 2
    assert read_header(header(ratio=(7, 3))) == JpegXLHeader(16, 32, 1, 8)
    assert read_header(header(depth=(3 | 15 << 2, 8))).bits == 16


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"all_default": (1, 1)}, "XYB"),
        ({"xyb": (1, 1)}, "XYB"),
        ({"extra_fields": (1, 1)}, "animation"),
        ({"floating": (1, 1)}, "floating-point"),
        ({"extra_channels": (3 | 4095 << 2, 14)}, "4096 extra channels"),
        ({"extra_channels": (1, 2), "alpha": (0 | 1 << 1, 3)}, "not alpha"),
        ({"extra_channels": (1, 2), "alpha": (1, 1), "depth": (1, 2)}, "8 bits beside 10"),
        ({"space": (2, 6)}, "neither RGB nor grey"),
    ],
)
def test_jpegxl_that_is_not_plain(changed: dict[str, tuple[int, int]], says: str) -> None:
    with pytest.raises(JpegXLHeaderError, match=says):
        read_header(header(**changed))


def test_jpegxl_header_cut_off() -> None:
    with pytest.raises(JpegXLHeaderError, match="cut off"):
        read_header(b"\xff\x0a\x07")
    with pytest.raises(JpegXLHeaderError, match="codestream"):
        read_header(b"")


def test_the_library_never_sees_a_header_of_another_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would take the memory that the header claims."""
    monkeypatch.setattr(imagecodecs, "jpegxl_decode", lambda *a, **k: pytest.fail("decoded"))
    for stream in (
        header(size=2**30),
        header(extra_channels=(1, 2), alpha=(1, 1)),
        header(depth=(1, 2)),
        header(color_default=(1, 1)),
        header(extra_channels=(3 | 4095 << 2, 14)),
    ):
        with pytest.raises(FallbackError):
            fallback.decode(b"\x01" + stream, (16, 16, 1), np.uint8, 8)


@pytest.mark.parametrize("bits", [1, 8, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@settings(max_examples=10, deadline=None, database=None, derandomize=True)
@given(size=st.tuples(st.integers(1, 600), st.integers(1, 600)))
def test_jpegxl_header_of_the_library(size: tuple[int, int], channels: int, bits: int) -> None:
    samples = np.zeros((*size, channels), np.uint16 if bits == 16 else np.uint8)
    plane = samples[..., 0] if channels == 1 else samples
    file = imagecodecs.jpegxl_encode(plane, lossless=True, effort=1, bitspersample=bits)
    assert read_header(unbox(bytes(file))) == (*size, channels, bits)


def test_unbox_takes_streams_in_parts() -> None:
    stream = header()
    boxes = [(b"ftyp", b"jxl "), (b"jxlp", b"\0\0\0\0" + stream[:5])]
    boxes.append((b"jxlp", b"\x80\0\0\1" + stream[5:]))
    file = b"".join((len(c) + 8).to_bytes(4, "big") + kind + c for kind, c in boxes)
    assert unbox(file) == stream
    large = b"\0\0\0\1jxlc" + (16 + len(stream)).to_bytes(8, "big") + stream + b"rest"
    assert unbox(large) == stream
    assert unbox(b"\0\0\0\0jxlc" + stream) == stream
    assert unbox(b"") == b""
