"""The fallback: round trips, golden streams, and bytes that are not samples.

`tests/data/golden/fallback-<case>.bin` is a stream of the coder that the case names, `.npz` the
samples in it. If one does not decode any more, files written so far are lost: undo the change, or
give it a new code. The bytes of new streams may change with the libraries.
"""

import subprocess
import sys

import numpy as np
import pytest
from golden import GOLDEN, stems, writes
from hypothesis import given, settings
from hypothesis import strategies as st

from coder.errors import CorruptStreamError
from l3c.fileformat import fallback
from l3c.fileformat.fallback import Coder

CASES = {
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


def make(shape, bits, kind, seed):
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


def assert_holds(stream, samples, bits):
    height, width, channels = samples.shape
    found = fallback.decode(stream, (height, width, channels), bits)
    assert found.dtype == samples.dtype
    assert np.array_equal(found, samples)
    assert found.flags.c_contiguous
    assert found.flags.writeable


def decodes(stream, shape, bits):
    """Whether it decodes; then shape and dtype are right. Only CorruptStreamError is raised."""
    try:
        found = fallback.decode(stream, shape, bits)
    except CorruptStreamError:
        return False
    assert (found.shape, found.dtype) == (shape, np.uint16 if bits == 16 else np.uint8)
    assert bits != 1 or found.max() <= 1
    return True


@pytest.mark.parametrize("bits", [1, 8, 16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (1, 4096), (4096, 1), (7, 13), (64, 65)], ids=str)
@settings(max_examples=3, deadline=None, database=None, derandomize=True)
@given(kind=st.sampled_from(["noise", "flat", "few", "smooth"]), seed=st.integers(0, 99))
def test_every_candidate_decodes_and_the_smallest_is_taken(size, channels, bits, kind, seed):
    samples = make((*size, channels), bits, kind, seed)
    stream = fallback.encode(samples, bits)
    assert_holds(stream, samples, bits)
    assert fallback.encode(samples, bits) == stream
    candidates = list(fallback._candidates(samples, bits))
    assert [c[0] for c in candidates] == sorted(c[0] for c in candidates)
    for candidate in candidates:
        assert_holds(candidate, samples, bits)
    assert stream == min(candidates, key=len)


@pytest.mark.parametrize("case", CASES)
def test_golden_streams_decode_for_ever(case):
    coder, shape, bits = CASES[case]
    path = GOLDEN / f"fallback-{case}.bin"
    if writes(path):
        made = make(shape, bits, "few" if coder == Coder.WEBP_BOX else "smooth", len(case))
        np.savez_compressed(path.with_suffix(".npz"), samples=made)
        path.write_bytes(next(c for c in fallback._candidates(made, bits) if c[0] == coder))
    stream = path.read_bytes()
    with np.load(path.with_suffix(".npz")) as stored:
        samples = stored["samples"]
    assert stream[0] == coder
    assert samples.shape == shape
    assert_holds(stream, samples, bits)


def test_golden_streams_are_those_listed():
    assert stems("fallback-*.bin") == {f"fallback-{case}" for case in CASES}
    assert {coder for coder, _, _ in CASES.values()} == set(Coder)


@pytest.mark.parametrize("case", CASES)
def test_damaged_streams(case):
    """Cut short, altered, random, and of another shape than is asked for."""
    _, shape, bits = CASES[case]
    height, width, channels = shape
    stream = (GOLDEN / f"fallback-{case}.bin").read_bytes()
    for length in {*range(min(len(stream), 60)), *range(0, len(stream) - 1, 41)}:
        # The last byte may hold nothing but padding, so it is not taken away here.
        assert not decodes(stream[:length], shape, bits), length
    rng = np.random.default_rng(list(case.encode()))
    for _ in range(60):
        altered = bytearray(stream)
        for place in rng.integers(0, min(len(stream), 200), rng.integers(1, 4)):
            altered[place] = rng.integers(0, 256)
        decodes(bytes(altered), shape, bits)
        decodes(stream[:1] + rng.bytes(int(rng.integers(0, 80))), shape, bits)
        decodes(stream[: int(rng.integers(1, 40))] + rng.bytes(60), shape, bits)
    webp = "webp" in case  # which does not store its size, so that any is tried
    for other in ((height + 1, width, channels), (1, 1, channels), (500, 400, channels)):
        assert not decodes(stream, other, bits) or webp
    assert not decodes(stream, (16384, 1, channels), bits)
    for depth in {8, 16} - {max(bits, 8)}:  # 1 bit is stored as a byte in some
        assert not decodes(stream, shape, depth)
    assert not decodes(stream, (height, width, channels % 4 + 1), bits) or webp


LARGE = """
import resource
import numpy as np
from coder.errors import CorruptStreamError
from l3c.fileformat import fallback

def used():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

stream = open(0, "rb").read()
before = used()
try:
    fallback.decode(stream, (16, 16, 1), 8)
except CorruptStreamError:
    print(used() - before)
"""


def test_a_jpegxl_of_another_shape_costs_no_memory():
    """The small stream of 64 MiB of samples; the library takes memory for the expected shape."""
    stream = b"\1" + fallback._to_jpegxl(np.zeros((8192, 8192, 1), np.uint8), 8, effort=1)
    command = [sys.executable, "-c", LARGE]
    grown = subprocess.run(command, input=stream, capture_output=True, check=True).stdout
    assert int(grown) < 16_384  # KiB
