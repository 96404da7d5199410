"""The container: round trips, FORMAT.md's example, golden files, and a named refusal of the rest.

`tests/data/golden/container-<case>.l3c` are files that every later version must parse to the values
in container.json. New cases, and only those, are written by

    L3C_WRITE_GOLDEN=1 python -m pytest tests/fileformat/test_container.py
"""

import dataclasses
import itertools
import json
import os
import pickle
import re
import time
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fuzzers import fuzzer
from hypothesis import given, settings
from hypothesis import strategies as st

from coder.errors import CoderError, CorruptStreamError
from l3c import fileformat
from l3c.fileformat.container import (
    MAGIC,
    VERSIONS,
    Container,
    Tile,
    pack,
    pack_parts,
    pixels_crc,
    split_parts,
    unpack,
)
from l3c.fileformat.errors import (
    HeaderAlteredError,
    NewerFormatError,
    NotExactError,
    NotL3CError,
    SectionAlteredError,
    TileAlteredError,
    TileMissingError,
    TrailingBytesError,
    TruncatedError,
    UnsupportedFormatError,
)
from l3c.fileformat.tiles import MAX_SIDE, tile_grid, tile_rectangles

TESTS = Path(__file__).parent.parent
GOLDEN = TESTS / "data" / "golden"
RGB, RGBA = 4, 5


def leb128(value: int) -> bytes:
    """The number as FORMAT.md says, written once more."""
    groups = [value & 127]
    while value := value >> 7:
        groups.append(value & 127)
    return bytes([*(group | 128 for group in groups[:-1]), groups[-1]])


def u32(value: int) -> bytes:
    return value.to_bytes(4, "big")


def wrapped(fields: bytes, rest: bytes = b"") -> bytes:
    """A file with any fields in its header, whose length and checksum fit."""
    head = MAGIC + b"\2" + leb128(len(fields)) + fields
    return head + u32(zlib.crc32(head)) + rest


def a_tile(payload: bytes = b"\1\2\3") -> Tile:
    return Tile.of(payload, np.full((8, 8, 3), 7, np.uint8))


def a_container(rows: int = 1, cols: int = 1, **changes: Any) -> Container:
    """One whose tiles have 8x8 pixels, and payloads of different lengths."""
    tiles = tuple(a_tile(bytes(range(3 * i))) for i in range(1, rows * cols + 1))
    made = Container(RGB, 8 * rows, 8 * cols, 1, bytes(range(8)), rows, cols, (), tiles)
    return dataclasses.replace(made, **changes)


SAMPLE = a_container(2, 2, sections=((1, b"profile"), (2, b"II*\0"), (90, b"")))


@st.composite
def containers(draw: st.DrawFn) -> Container:
    rows, cols = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    # All but the last row of tiles end at multiples of 8, and no tile may be too large.
    side = st.integers(1, 1000)
    height, width = (max(draw(side), 8 * (n - 1) + 1) for n in (rows, cols))
    arithmetic = draw(st.sampled_from([0, 1, 2, 3]))
    crc = st.integers(0, 2**32 - 1)
    tile = st.builds(Tile, st.binary(max_size=200), crc, crc)
    return Container(
        mode=draw(st.integers(0, 255)),
        height=height,
        width=width,
        arithmetic=arithmetic,
        model=draw(st.binary(min_size=8, max_size=8)) if arithmetic else b"",
        rows=rows,
        cols=cols,
        sections=tuple(
            sorted(draw(st.dictionaries(st.integers(0, 127), st.binary(max_size=200))).items())
        ),
        tiles=tuple(draw(tile) for _ in range(rows * cols)),
        version=draw(st.sampled_from(VERSIONS)),
    )


# Round trips


@given(containers())
def test_round_trip(container: Container) -> None:
    assert unpack(pack(container)) == container
    assert unpack(memoryview(bytearray(pack(container))), damaged=True) == container


def test_sections_are_written_in_the_order_of_their_kinds() -> None:
    shuffled = dataclasses.replace(SAMPLE, sections=SAMPLE.sections[::-1])
    assert pack(shuffled) == pack(SAMPLE)


def test_payloads_are_views() -> None:
    data = pack(SAMPLE)
    for tile in unpack(data).tiles:
        assert isinstance(tile.payload, memoryview)
        assert tile.payload.obj is data


def test_overhead_of_one_tile() -> None:
    for height, width in [(1, 1), (512, 512), (8, 65536), (65536, 8), (720, 728)]:
        assert tile_grid(height, width) == (1, 1)
        payload = bytes(3 * height * width)
        whole = pack(a_container(height=height, width=width, tiles=(a_tile(payload),)))
        assert len(whole) - len(payload) <= 44


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"height": 0}, r"height must be in 1\.\.2147483647 pixels, got 0"),
        ({"width": 2**31}, "got 2147483648"),
        ({"mode": 256}, r"mode must be in 0\.\.255"),
        ({"arithmetic": 4}, "arithmetic must be one of"),
        ({"arithmetic": 0}, "model must have 0 bytes, got 8"),
        ({"model": b"short"}, "model must have 8 bytes, got 5"),
        ({"rows": 2}, "2x1 tiles cannot cut an image of 8x8 pixels"),
        ({"cols": 0}, "1x0 tiles cannot cut an image"),
        ({"height": 2**20}, r"one has more than 2\^20 pixels"),
        ({"tiles": ()}, "0 tiles do not make a grid of 1x1"),
        ({"tiles": (Tile(None, 0, 0),)}, "a tile has no payload"),
        ({"tiles": (Tile(b"", -1, 0),)}, "a checksum must be in"),
        ({"tiles": (Tile(b"", 0, 2**32),)}, "a checksum must be in"),
        ({"sections": ((1, b""), (1, b""))}, "kinds of sections must differ"),
        ({"sections": ((128, b""),)}, "kinds of sections must differ"),
    ],
)
def test_pack_refuses_what_unpack_would(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        pack(dataclasses.replace(a_container(), **changes))
    assert not isinstance(caught.value, CoderError)


def test_checksum_of_pixels() -> None:
    small = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert pixels_crc(small) == zlib.crc32(bytes(range(24)))
    assert pixels_crc(small[:, ::-1].transpose(1, 0, 2)[:, :, :1]) != pixels_crc(small)
    large = np.array([[[0x0102, 0xFFFE]]], np.uint16)
    assert pixels_crc(large) == pixels_crc(large.astype(">u2")) == zlib.crc32(b"\2\1\xfe\xff")
    with pytest.raises(TypeError, match="uint8 or uint16, got int64"):
        pixels_crc(small.astype(np.int64))


# Parts


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=6))
def test_parts_round_trip(parts: list[bytes]) -> None:
    data = pack_parts(parts)
    assert split_parts(data, len(parts)) == split_parts(memoryview(data), len(parts)) == parts
    assert data == b"".join([*(leb128(len(part)) for part in parts[:-1]), *parts])


@given(st.binary(max_size=40), st.integers(1, 6))
def test_any_bytes_are_parts_or_an_error(data: bytes, n: int) -> None:
    try:
        parts = split_parts(data, n)
    except CorruptStreamError:
        return
    assert pack_parts(parts) == data


def test_wrong_parts_are_named() -> None:
    with pytest.raises(CorruptStreamError, match="parts of 5 bytes where 1 are there"):
        split_parts(b"\5a", 2)
    with pytest.raises(CorruptStreamError, match="end inside a number"):
        split_parts(b"\1", 3)
    with pytest.raises(CorruptStreamError, match="not in its shortest form"):
        split_parts(b"\x81\0a", 2)
    with pytest.raises(CorruptStreamError, match="more than five bytes"):
        split_parts(b"\xff\xff\xff\xff\xff\0", 2)
    for wrong in (lambda: split_parts(b"", 0), lambda: pack_parts([])):
        with pytest.raises(ValueError, match="at least one part"):
            wrong()


# FORMAT.md


def test_format_md_shows_the_example() -> None:
    """3x17 RGB pixels (10, 20, 30), two tiles with made-up streams, and an Exif section."""
    payloads = [
        pack_parts([b"\xaa\xbb", b"", b"\x01\x02\x03"]),
        pack_parts([b"\xcc", b"\xdd", b""]),
    ]
    pixels = [np.full((3, width, 3), (10, 20, 30), np.uint8) for width in (8, 9)]
    example = Container(
        mode=RGB,
        height=3,
        width=17,
        arithmetic=1,
        model=bytes(range(8)),
        rows=1,
        cols=2,
        sections=((2, b"II*\0"),),
        tiles=tuple(map(Tile.of, payloads, pixels)),
    )
    assert tile_rectangles(3, 17, 1, 2) == [(0, 0, 3, 8), (0, 8, 3, 9)]
    text = (Path(fileformat.__file__).parent / "FORMAT.md").read_text(encoding="utf-8")
    shown = re.findall(r"^    ((?:[0-9a-f]{2} )*[0-9a-f]{2})(?:  |$)", text, re.MULTILINE)
    assert pack(example).hex(" ") == " ".join(shown)
    assert unpack(bytes.fromhex("".join(shown))) == example


# Golden files


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


def as_values(container: Container) -> dict[str, Any]:
    """The container as JSON stores it."""
    values = {f.name: getattr(container, f.name) for f in dataclasses.fields(container)}
    values["model"] = container.model.hex()
    values["sections"] = [[kind, content.hex()] for kind, content in container.sections]
    values["tiles"] = [
        [bytes(tile.payload or b"").hex(), tile.payload_crc, tile.pixels_crc]
        for tile in container.tiles
    ]
    values["damaged_sections"] = list(container.damaged_sections)
    return values


@pytest.mark.parametrize("case", GOLDEN_CASES)
def test_golden_files_are_parsed_for_ever(case: str) -> None:
    path, stated = GOLDEN / f"container-{case}.l3c", GOLDEN / "container.json"
    if os.environ.get("L3C_WRITE_GOLDEN") and not path.exists():
        path.write_bytes(pack(GOLDEN_CASES[case]))
        known = json.loads(stated.read_text(encoding="utf-8")) if stated.exists() else {}
        known[case] = as_values(GOLDEN_CASES[case])
        stated.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
    container = unpack(path.read_bytes())
    assert as_values(container) == json.loads(stated.read_text(encoding="utf-8"))[case]
    for tile in container.tiles:
        tile.check((0, 0, 1, 1))
    assert pack(GOLDEN_CASES[case]) == path.read_bytes()  # while this format is the one written


def test_golden_files_are_those_listed() -> None:
    listed = json.loads((GOLDEN / "container.json").read_text(encoding="utf-8"))
    assert set(listed) == set(GOLDEN_CASES)
    assert {p.stem for p in GOLDEN.glob("container-*.l3c")} == {f"container-{c}" for c in listed}


# Altered files


def regions(container: Container) -> dict[str, range]:
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


def test_every_flipped_bit_is_named() -> None:
    data = pack(SAMPLE)
    rectangles = tile_rectangles(SAMPLE.height, SAMPLE.width, 2, 2)
    expected: dict[str, tuple[type[CoderError], ...]] = {
        "signature": (NotL3CError,),
        "version": (NewerFormatError, UnsupportedFormatError, HeaderAlteredError),
        "length": (HeaderAlteredError, TruncatedError),
        "fields": (HeaderAlteredError,),
        "sections": (SectionAlteredError,),
    }
    for region, where in regions(SAMPLE).items():
        for at, bit in itertools.product(where, range(8)):
            changed = bytearray(data)
            changed[at] ^= 1 << bit
            if region != "tiles":
                with pytest.raises(CoderError) as caught:
                    unpack(bytes(changed))
                assert type(caught.value) in expected[region], (region, at)
                continue
            wrong = []
            for tile, rectangle in zip(unpack(changed).tiles, rectangles, strict=True):
                try:
                    tile.check(rectangle)
                except TileAlteredError as error:
                    wrong.append(error.rectangle)
            assert len(wrong) == 1
            assert wrong[0] in rectangles


def test_every_truncation_is_named() -> None:
    data = pack(SAMPLE)
    header = regions(SAMPLE)["fields"].stop
    for size in range(len(data)):
        with pytest.raises(TruncatedError, match="inside" if size < header else "ends early"):
            unpack(data[:size])
    for extra in (b"\0", data):
        with pytest.raises(TrailingBytesError, match="goes on after its end"):
            unpack(data + extra)


@given(containers(), st.data())
def test_truncations_of_any_file_are_named(container: Container, draw: st.DataObject) -> None:
    data = pack(container)
    with pytest.raises(TruncatedError):
        unpack(data[: draw.draw(st.integers(0, len(data) - 1))])


def test_damaged_files_give_what_is_left() -> None:
    data, where = pack(SAMPLE), regions(SAMPLE)
    for size in range(where["fields"].stop, len(data)):
        left = unpack(data[:size], damaged=True)
        there, lost = dict(left.sections), set(left.damaged_sections)
        assert there.keys() | lost == {1, 2, 90}
        assert not there.keys() & lost
        assert there.items() <= dict(SAMPLE.sections).items()
        assert lost == {k for k, end in ((1, 7), (2, 11)) if size < where["fields"].stop + end}
        missing = set(left.missing_tiles)
        for i, (tile, whole) in enumerate(zip(left.tiles, SAMPLE.tiles, strict=True)):
            assert tile == (
                Tile(None, whole.payload_crc, whole.pixels_crc) if i in missing else whole
            )
        end = where["sections"].stop
        ends = [end := end + len(tile.payload or b"") for tile in SAMPLE.tiles]
        assert missing == {i for i, end in enumerate(ends) if size < end}
    assert unpack(data + b"more", damaged=True) == SAMPLE
    changed = bytearray(data)
    changed[where["sections"].start] ^= 1
    left = unpack(changed, damaged=True)
    assert left.damaged_sections == (1,)
    assert left.sections == SAMPLE.sections[1:]
    assert left.tiles == SAMPLE.tiles
    for size in range(where["fields"].stop):
        with pytest.raises(TruncatedError):
            unpack(data[:size], damaged=True)
    changed[where["fields"].start + 1] ^= 1
    with pytest.raises(HeaderAlteredError):
        unpack(changed, damaged=True)


def test_messages_say_what_happened_and_what_to_do() -> None:
    rectangle = (16, 8, 3, 5)
    again = "get the file again from where it came from"
    with pytest.raises(TileAlteredError, match=r"tile 8,16,5,3 .*was altered") as caught:
        dataclasses.replace(a_tile(), payload=b"\1\2").check(rectangle)
    assert f"{again}, or salvage the other tiles" in str(caught.value)
    with pytest.raises(TileMissingError, match=f"tile 8,16,5,3 .*ends before it; {again}"):
        Tile(None, 0, 0).check(rectangle)
    with pytest.raises(NotExactError, match=r"8,16,5,3 .*intact, but decodes to other pixels"):
        a_tile().check_pixels(np.zeros((8, 8, 3), np.uint8), rectangle)
    a_tile().check_pixels(np.full((8, 8, 3), 7, np.uint8), rectangle)
    assert "section of kind 3 (metadata) was altered" in str(SectionAlteredError(3))
    for error in (TileAlteredError(rectangle), NotExactError(rectangle), SectionAlteredError(3)):
        copy = pickle.loads(pickle.dumps(error))  # errors travel between processes
        assert (str(copy), vars(copy)) == (str(error), vars(error))


# Hostile files

MODEL = bytes(range(8))
ONE = b"\1\1"  # one row, one column of tiles
SIZE = b"\x08\x08"
TILE = b"\0" + bytes(8)
HOSTILE: dict[str, tuple[bytes, type[CoderError], str]] = {
    "other file": (b"\x89PNG\r\n\x1a\n" + bytes(60), NotL3CError, "not an L3C file"),
    "empty": (b"", TruncatedError, "file of 0 bytes ends inside the header"),
    "next version": (MAGIC + b"\4", NewerFormatError, "container format 4; this release reads"),
    "draft": (MAGIC + b"\1" + bytes(60), UnsupportedFormatError, "format 1 was a draft"),
    "endless header": (MAGIC + b"\2\xff\xff\xff\xff\x7f", TruncatedError, "inside the header"),
    "long length": (MAGIC + b"\2" + b"\xff" * 6, HeaderAlteredError, "more than five bytes"),
    "padded length": (MAGIC + b"\2\x80\0" + bytes(4), HeaderAlteredError, "shortest form"),
    "no fields": (wrapped(b""), HeaderAlteredError, "no room for its fields"),
    "no size": (wrapped(b"\4\1"), HeaderAlteredError, "end inside a number"),
    "arithmetic": (wrapped(b"\4\4" + SIZE), NewerFormatError, "arithmetic 4, unknown"),
    "zero height": (wrapped(b"\4\1\0\1"), HeaderAlteredError, "image of 0x1 pixels"),
    "zero width": (wrapped(b"\4\1\1\0"), HeaderAlteredError, "image of 1x0 pixels"),
    "2^32 sides": (
        wrapped(b"\4\1" + 2 * leb128(2**32) + MODEL + ONE + b"\0" + TILE),
        HeaderAlteredError,
        "image of 4294967296x4294967296 pixels",
    ),
    "2^31 sides": (
        wrapped(b"\4\1" + 2 * leb128(MAX_SIDE) + MODEL + ONE + b"\0" + TILE),
        HeaderAlteredError,
        r"one has more than 2\^20 pixels",
    ),
    "2^31 sides in 2^44 tiles": (
        wrapped(b"\4\1" + 2 * leb128(MAX_SIDE) + MODEL + 2 * leb128(2**22) + b"\0" + TILE),
        HeaderAlteredError,
        "no room for 4194304x4194304 tiles",
    ),
    "tile too large": (
        wrapped(b"\4\0" + leb128(8) + leb128(2**17 + 1) + ONE + b"\0" + TILE),
        HeaderAlteredError,
        r"more than 2\^20",
    ),
    "too many rows": (wrapped(b"\4\0" + SIZE + b"\2\1\0"), HeaderAlteredError, "2x1 tiles cannot"),
    "no columns": (wrapped(b"\4\0" + SIZE + b"\1\0\0"), HeaderAlteredError, "1x0 tiles cannot"),
    "padded height": (
        wrapped(b"\4\0\x88\0\x08" + ONE + b"\0" + TILE),
        HeaderAlteredError,
        "shortest form",
    ),
    "no sections": (wrapped(b"\4\0" + SIZE + ONE), HeaderAlteredError, "before its sections"),
    "255 sections": (
        wrapped(b"\4\0" + SIZE + ONE + b"\xff\1\0" + bytes(4)),
        HeaderAlteredError,
        "inside its 255 sections",
    ),
    "section cut": (wrapped(b"\4\0" + SIZE + ONE + b"\1\1\0"), HeaderAlteredError, "no room for 1"),
    "section twice": (
        wrapped(b"\4\0" + SIZE + ONE + b"\2" + 2 * (b"\1\0" + bytes(4)) + TILE),
        HeaderAlteredError,
        "section of kind 1 after one of kind 1",
    ),
    "critical section": (
        wrapped(b"\4\0" + SIZE + ONE + b"\1\x80\0" + bytes(4) + TILE),
        NewerFormatError,
        "section of kind 128, unknown to this release",
    ),
    "endless section": (
        wrapped(b"\4\0" + SIZE + ONE + b"\1\1" + leb128(2**35 - 1) + bytes(4) + TILE, b"abc"),
        TruncatedError,
        "file of 43 bytes ends early: its header announces 34359738407",
    ),
    "sections together too long": (
        wrapped(
            b"\4\0" + SIZE + ONE + b"\2\1\3" + u32(zlib.crc32(b"abc")) + b"\2\1" + bytes(4) + TILE,
            b"abc",
        ),
        TruncatedError,
        "ends early",
    ),
    "no tile": (wrapped(b"\4\0" + SIZE + ONE + b"\0"), HeaderAlteredError, "no room for 1x1 tiles"),
    "endless tile": (
        wrapped(b"\4\0" + SIZE + ONE + b"\0" + leb128(2**35 - 1) + bytes(8)),
        TruncatedError,
        "ends early",
    ),
    "tile cut": (
        wrapped(b"\4\0" + SIZE + ONE + b"\0\x80\1" + bytes(7)),
        HeaderAlteredError,
        "its fields take 17 bytes of 16",
    ),
    "two tiles for one": (
        wrapped(b"\4\0" + SIZE + ONE + b"\0" + 2 * TILE),
        HeaderAlteredError,
        "its fields take 16 bytes of 25",
    ),
    "rest": (wrapped(b"\4\0" + SIZE + ONE + b"\0" + TILE, b"x"), TrailingBytesError, "goes on"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_cost_nothing(case: str) -> None:
    data, expected, message = HOSTILE[case]
    with pytest.raises(expected, match=message) as caught:
        unpack(data)
    assert type(caught.value) is expected
    tracemalloc.start()
    try:
        start = time.perf_counter()
        with pytest.raises(expected):
            unpack(data)
        seconds = time.perf_counter() - start
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 65_536
    assert seconds < 0.1  # microseconds, but the machine may be busy


def test_readers_take_tiles_that_writers_do_not_make() -> None:
    fields = b"\4\0" + leb128(1024) + leb128(1024) + ONE + b"\0" + TILE
    container = unpack(wrapped(fields))
    assert (container.height, container.width, container.rows) == (1024, 1024, 1)
    assert tile_grid(1024, 1024) != (1, 1)


@settings(max_examples=300)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=80).map(lambda rest: MAGIC + b"\2" + rest),
        st.binary(max_size=80).map(wrapped),
        st.builds(
            lambda numbers, rest: wrapped(b"\4\0" + b"".join(map(leb128, numbers)) + rest),
            st.lists(st.integers(0, 2**35 - 1), max_size=6),
            st.binary(max_size=30),
        ),
    ),
    st.booleans(),
)
def test_any_bytes_are_a_container_or_an_error(data: bytes, damaged: bool) -> None:
    tracemalloc.start()
    try:
        unpack(data, damaged=damaged)
    except CoderError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 65_536


def test_fuzzing_finds_nothing() -> None:
    answers, findings, _ = fuzzer("fuzz_container").fuzz(5000, seed=0)
    assert findings == []
    assert {"accepted", "salvaged", "HeaderAlteredError", "NewerFormatError"} <= set(answers)
