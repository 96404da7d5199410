"""The container: round trips, FORMAT.md's example, golden files, and a named refusal of the rest.

`tests/data/golden/container-<case>.l3c` are files that every later version must parse to the
containers in GOLDEN_CASES.
"""

import dataclasses
import itertools
import pickle
import re
import time
import tracemalloc
import zlib
from pathlib import Path

import fuzz_files
import numpy as np
import pytest
from golden import GOLDEN, stems, writes
from hypothesis import given
from hypothesis import strategies as st

from coder.errors import CoderError
from coder.leb128 import join
from l3c import fileformat
from l3c.coding import decode_picture
from l3c.fileformat import errors
from l3c.fileformat.container import (
    MAGIC,
    VERSIONS,
    Container,
    Tile,
    pack,
    pixels_crc,
    unpack,
)
from l3c.fileformat.tiles import MAX_SIDE, tile_rectangles
from l3c.lossy import decode_lossy

RGB, RGBA = 4, 5


def leb128(value):
    """The number as FORMAT.md says, written once more."""
    groups = [value & 127]
    while value := value >> 7:
        groups.append(value & 127)
    return bytes([*(group | 128 for group in groups[:-1]), groups[-1]])


def wrapped(fields, rest=b""):
    """A file with any fields in its header, whose length and checksum fit."""
    head = MAGIC + b"\2" + leb128(len(fields)) + fields
    return head + zlib.crc32(head).to_bytes(4, "big") + rest


def a_tile(payload=b"\x01\x02\x03"):
    return Tile.of(payload, np.full((8, 8, 3), 7, np.uint8))


def a_container(rows=1, cols=1, **changes):
    """One whose tiles have 8x8 pixels, and payloads of different lengths."""
    tiles = tuple(a_tile(bytes(range(3 * i))) for i in range(1, rows * cols + 1))
    made = Container(RGB, 8 * rows, 8 * cols, 1, bytes(range(8)), rows, cols, (), tiles)
    return dataclasses.replace(made, **changes)


LOSSY = Container(4, 300, 5, 3, b"modelxyz", 1, 1, ((1, b"icc"), (3, b"")), (a_tile(),), 1)
SAMPLE = a_container(2, 2, sections=((1, b"profile"), (2, b"II*\0"), (90, b"")))

SECTIONS = st.dictionaries(st.integers(0, 127), st.binary(max_size=200))


@st.composite
def containers(draw):
    rows, cols = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    # All but the last row of tiles end at multiples of 8, and no tile may be too large.
    height, width = (max(draw(st.integers(1, 1000)), 8 * (n - 1) + 1) for n in (rows, cols))
    changes = {"height": height, "width": width, "mode": draw(st.integers(0, 255))}
    arithmetic = draw(st.sampled_from([0, 1, 2, 3, 4]))
    model = draw(st.binary(min_size=8, max_size=8)) if arithmetic else b""
    sections = tuple(sorted(draw(SECTIONS).items()))
    version = draw(st.sampled_from(VERSIONS))
    made = a_container(rows, cols, arithmetic=arithmetic, model=model, sections=sections, **changes)
    return dataclasses.replace(made, version=version)


@given(containers())
def test_round_trip(container):
    assert unpack(pack(container)) == container
    assert unpack(memoryview(bytearray(pack(container))), damaged=True) == container


WRONG = {
    "height": [0, -1, 2**20],
    "width": [2**31],
    "mode": [256],
    "arithmetic": [5, 0],
    "model": [b"short", bytes(9)],
    "version": [1, 4],
    "rows": [2],
    "cols": [0],
    "tiles": [
        (),
        (a_tile(),) * 2,
        (Tile(None, 0, 0),),
        (Tile(b"", -1, 0),),
        (Tile(b"", 0, 2**32),),
    ],
    "sections": [((1, b""), (1, b"")), ((128, b""),)],
}


WRONG_OF_LOSSY = {
    **{"height": [0, 1 << 24], "model": [b"short"], "sections": [((200, b""),)], "mode": [5]},
    **{"rows": [2], "tiles": [(Tile(None, 0, 0),)]},
}


@pytest.mark.parametrize(
    ("container", "field", "value"),
    [(a_container(), f, value) for f in WRONG for value in WRONG[f]]
    + [(LOSSY, f, value) for f in WRONG_OF_LOSSY for value in WRONG_OF_LOSSY[f]],
)
def test_pack_refuses_what_unpack_would(container, field, value):
    with pytest.raises(ValueError) as caught:
        pack(dataclasses.replace(container, **{field: value}))
    assert not isinstance(caught.value, CoderError)


def test_lossy_files_are_never_taken_for_others():
    data = pack(LOSSY)
    assert data[:8] == b"\x8fL3Y\r\n\x1a\n"
    assert unpack(data) == LOSSY
    assert (LOSSY.lossy, SAMPLE.lossy) == (True, False)
    large = dataclasses.replace(LOSSY, height=3000, width=2000)  # more pixels than other tiles have
    assert unpack(pack(large)).placed() == {(0, 0, 3000, 2000): a_tile()}
    for decode in (decode_picture, decode_lossy):
        with pytest.raises(errors.NotL3CError):
            decode(pack(LOSSY if decode == decode_picture else SAMPLE), None)
    with pytest.raises(errors.UnsupportedFormatError):
        unpack(MAGIC + data[8:])
    with pytest.raises(errors.NewerFormatError):
        unpack(data[:8] + b"\2" + data[9:])


def test_checksum_of_pixels():
    small = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert pixels_crc(small) == zlib.crc32(bytes(range(24)))
    assert pixels_crc(small[:, ::-1].transpose(1, 0, 2)[:, :, :1]) != pixels_crc(small)
    large = np.array([[[0x0102, 0xFFFE]]], np.uint16)
    assert pixels_crc(large) == pixels_crc(large.astype(">u2")) == zlib.crc32(b"\2\1\xfe\xff")


def test_format_md_shows_the_example():
    """3x17 RGB pixels (10, 20, 30), two tiles with made-up streams, and an Exif section."""
    payloads = [
        join([b"\xaa\xbb", b"", b"\x01\x02\x03"]),
        join([b"\xcc", b"\xdd", b""]),
    ]
    pixels = [np.full((3, width, 3), (10, 20, 30), np.uint8) for width in (8, 9)]
    tiles = tuple(map(Tile.of, payloads, pixels))
    example = Container(RGB, 3, 17, 1, bytes(range(8)), 1, 2, ((2, b"II*\0"),), tiles)
    assert tile_rectangles(3, 17, 1, 2) == [(0, 0, 3, 8), (0, 8, 3, 9)]
    text = (Path(fileformat.__file__).parent / "FORMAT.md").read_text(encoding="utf-8")
    shown = re.findall(r"^    ((?:[0-9a-f]{2} )*[0-9a-f]{2})(?:  |$)", text, re.MULTILINE)
    assert pack(example).hex(" ") == " ".join(shown)
    assert unpack(bytes.fromhex("".join(shown))) == example


GOLDEN_CASES = {
    "one-tile": a_container(),
    "sections": SAMPLE,
    "fallback": a_container(
        3, 1, mode=RGBA, arithmetic=0, model=b"", height=23, width=3, sections=((5, bytes(200)),)
    ),
    "largest": a_container(height=8, width=2**17, tiles=(a_tile(bytes(range(256)) * 2),)),
    "mixed": a_container(1, 2, height=8, width=16, version=3),
    "unknown": a_container(mode=255, sections=((0, b"a"), (127, b"z"))),
}


@pytest.mark.parametrize("case", GOLDEN_CASES)
def test_golden_files_are_parsed_for_ever(case):
    path = GOLDEN / f"container-{case}.l3c"
    if writes(path):
        path.write_bytes(pack(GOLDEN_CASES[case]))
    container = unpack(path.read_bytes())
    assert container == GOLDEN_CASES[case]
    for tile in container.tiles:
        tile.check((0, 0, 1, 1))
    assert pack(container) == path.read_bytes()  # while this format is the one written


def test_golden_files_are_those_listed():
    assert stems("container-*") == {f"container-{case}" for case in GOLDEN_CASES}


def regions(container):
    """Where the parts of a file lie."""
    data = pack(container)
    fields = len(MAGIC) + 2  # after the header's length, which has one byte here
    header = fields + data[fields - 1] + 4
    sections = header + sum(len(content) for _, content in container.sections)
    return {
        "signature": range(8),
        "version": range(8, 9),
        "length": range(9, 10),
        "fields": range(fields, header),
        "sections": range(header, sections),
        "tiles": range(sections, len(data)),
    }


BOTH = pytest.mark.parametrize("container", [SAMPLE, LOSSY], ids=["lossless", "lossy"])


@BOTH
def test_every_flipped_bit_is_named(container):
    data = pack(container)
    expected = {
        "signature": {errors.NotL3CError},
        "version": {
            errors.NewerFormatError,
            errors.UnsupportedFormatError,
            errors.HeaderAlteredError,
        },
        "length": {errors.HeaderAlteredError, errors.TruncatedError},
        "fields": {errors.HeaderAlteredError},
        "sections": {errors.SectionAlteredError},
        "tiles": {errors.TileAlteredError},
    }
    for region, where in regions(container).items():
        for at, bit in itertools.product(where, range(8)):
            changed = bytearray(data)
            changed[at] ^= 1 << bit
            found, tiles = [], {}
            try:
                tiles = unpack(bytes(changed)).placed()
            except CoderError as error:
                found.append(error)
            for rectangle, tile in tiles.items():
                try:
                    tile.check(rectangle)
                except errors.TileAlteredError as error:
                    found.append(error)
            assert [type(each) in expected[region] for each in found] == [True], (region, at)


@BOTH
def test_every_truncation_is_named(container):
    data = pack(container)
    for size in range(len(data)):
        with pytest.raises(errors.TruncatedError):
            unpack(data[:size])
    for extra in (b"\0", data):
        with pytest.raises(errors.TrailingBytesError):
            unpack(data + extra)


def test_damaged_files_give_what_is_left():
    data, where = pack(SAMPLE), regions(SAMPLE)
    header, sections = where["fields"].stop, where["sections"].stop
    ends = list(itertools.accumulate(len(tile.payload or b"") for tile in SAMPLE.tiles))
    for size in range(len(data)):
        if size < header:
            with pytest.raises(errors.TruncatedError):
                unpack(data[:size], damaged=True)
            continue
        left = unpack(data[:size], damaged=True)
        lost = {kind for kind, end in ((1, 7), (2, 11)) if size < header + end}
        assert {flaw.kind for flaw in left.flaws[size < len(data) :]} == lost
        assert dict(left.sections) == {k: v for k, v in SAMPLE.sections if k not in lost}
        missing = [tile.payload is None for tile in left.tiles]
        assert missing == [size < sections + end for end in ends]
        for tile, whole in zip(left.tiles, SAMPLE.tiles, strict=True):
            assert tile.payload in (None, whole.payload)
            assert dataclasses.replace(tile, payload=whole.payload) == whole
    assert unpack(data + b"more", damaged=True) == SAMPLE
    changed = bytearray(data)
    changed[header] ^= 1
    left = unpack(changed, damaged=True)
    assert ([flaw.kind for flaw in left.flaws], left.sections) == ([1], SAMPLE.sections[1:])
    assert left.tiles == SAMPLE.tiles
    changed[where["fields"].start + 1] ^= 1
    with pytest.raises(errors.HeaderAlteredError):
        unpack(changed, damaged=True)


def test_tiles_are_checked_and_errors_travel_between_processes():
    rectangle = (16, 8, 3, 5)
    a_tile().check_pixels(np.full((8, 8, 3), 7, np.uint8), rectangle)
    found = [errors.SectionAlteredError(3), errors.NewerFormatError("mode 9")]
    for expected, check in (
        (errors.TileAlteredError, dataclasses.replace(a_tile(), payload=b"\1\2").check),
        (errors.TileMissingError, Tile(None, 0, 0).check),
        (errors.NotExactError, lambda r: a_tile().check_pixels(np.zeros((8, 8, 3), np.uint8), r)),
    ):
        with pytest.raises(expected) as caught:
            check(rectangle)
        assert "8,16,5,3" in str(caught.value)
        found.append(caught.value)
    for error in found:
        copy = pickle.loads(pickle.dumps(error))
        assert (str(copy), vars(copy)) == (str(error), vars(error))


MODEL = bytes(range(8))
ONE = b"\1\1"  # one row, one column of tiles
SIZE = b"\x08\x08"
TILE = b"\0" + bytes(8)
CRC = bytes(4)
EIGHT = b"\4\0" + SIZE + ONE  # the fields of 8x8 pixels without a model, up to the sections
MOST = 2 * leb128(MAX_SIDE)
HOSTILE = {
    errors.NotL3CError: {"other file": b"\x89PNG\r\n\x1a\n" + bytes(60)},
    errors.UnsupportedFormatError: {"draft": MAGIC + b"\1" + bytes(60)},
    errors.NewerFormatError: {
        "next version": MAGIC + b"\4",
        "arithmetic": wrapped(b"\4\5" + SIZE),
        "critical section": wrapped(EIGHT + b"\1\x80\0" + CRC + TILE),
    },
    errors.TruncatedError: {
        "empty": b"",
        "endless header": MAGIC + b"\2\xff\xff\xff\xff\x7f",
        "endless section": wrapped(EIGHT + b"\1\1" + leb128(2**35 - 1) + CRC + TILE, b"abc"),
        "long sections": wrapped(EIGHT + b"\2\1\3" + CRC + b"\2\1" + CRC + TILE, b"abc"),
        "endless tile": wrapped(EIGHT + b"\0" + leb128(2**35 - 1) + bytes(8)),
    },
    errors.TrailingBytesError: {"rest": wrapped(EIGHT + b"\0" + TILE, b"x")},
    errors.HeaderAlteredError: {
        "long length": MAGIC + b"\2" + b"\xff" * 6,
        "padded length": MAGIC + b"\2\x80\0" + CRC,
        "no size": wrapped(b"\4\1"),
        "zero height": wrapped(b"\4\1\0\1" + MODEL + ONE),
        "2^31 sides": wrapped(b"\4\1" + MOST + MODEL + ONE + b"\0" + TILE),
        "2^44 tiles": wrapped(b"\4\1" + MOST + MODEL + 2 * leb128(2**22) + b"\0" + TILE),
        "tile too large": wrapped(b"\4\0\x08" + leb128(2**17 + 1) + ONE + b"\0" + TILE),
        "too many rows": wrapped(b"\4\0" + SIZE + b"\2\1\0" + 2 * TILE),
        "padded height": wrapped(b"\4\0\x88\0\x08" + ONE + b"\0" + TILE),
        "255 sections": wrapped(EIGHT + b"\xff\1\0" + CRC),
        "section twice": wrapped(EIGHT + b"\2" + 2 * (b"\1\0" + CRC) + TILE),
        "no tile": wrapped(EIGHT + b"\0"),
        "two tiles for one": wrapped(EIGHT + b"\0" + 2 * TILE),
    },
}


@pytest.mark.parametrize(("expected", "case"), [(e, case) for e in HOSTILE for case in HOSTILE[e]])
def test_hostile_files_cost_nothing(expected, case):
    data = HOSTILE[expected][case]
    tracemalloc.start()
    try:
        start = time.perf_counter()
        with pytest.raises(expected) as caught:
            unpack(data)
        seconds = time.perf_counter() - start
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert type(caught.value) is expected
    assert peak < 65_536
    assert seconds < 0.1  # microseconds, but the machine may be busy


@pytest.mark.parametrize("files", [GOLDEN_CASES.values(), [LOSSY]], ids=["lossless", "lossy"])
def test_fuzzing_finds_nothing(files):
    answers, findings = fuzz_files.fuzz(5000, [pack(file) for file in files], fuzz_files.parse)
    assert findings == []
    assert {"accepted", "salvaged", "HeaderAlteredError", "NewerFormatError"} <= set(answers)
