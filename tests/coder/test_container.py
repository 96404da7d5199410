"""The container: FORMAT.md's example as exact bytes, round trips, and what is refused."""

import re
import struct
import tracemalloc
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import coder
from coder.container import MAX_SIDE, Container, pack, unpack
from coder.errors import CoderError, CorruptStreamError, UnsupportedFormatError

PIXELS = bytes([10, 20, 30])
EXAMPLE = Container(1, 1, bytes(range(8)), zlib.crc32(PIXELS), (b"\xaa\xbb", b"", b"\1\2\3"))
EXAMPLE_BYTES = bytes.fromhex(
    "8f4c33430d0a1a0a 01 03 00000001 00000001 0001020304050607 2677b6f2"
    "00000002 00000000 00000003 bbce743c aabb 010203"
)


def test_example_is_written_as_documented() -> None:
    assert pack(EXAMPLE) == EXAMPLE_BYTES
    assert unpack(EXAMPLE_BYTES) == EXAMPLE


def test_format_md_shows_the_example() -> None:
    text = (Path(coder.__file__).parent / "FORMAT.md").read_text(encoding="utf-8")
    shown = re.findall(r"^    ((?:[0-9a-f]{2} )*[0-9a-f]{2})(?:  |$)", text, re.MULTILINE)
    assert bytes.fromhex("".join(shown)) == EXAMPLE_BYTES


containers = st.builds(
    Container,
    height=st.integers(1, MAX_SIDE),
    width=st.integers(1, MAX_SIDE),
    model=st.binary(min_size=8, max_size=8),
    pixels_crc=st.integers(0, 2**32 - 1),
    streams=st.lists(st.binary(max_size=40), max_size=255).map(tuple),
)


@given(containers)
def test_round_trip(container: Container) -> None:
    assert unpack(pack(container)) == container


@given(containers.map(pack), st.data())
def test_every_truncation_is_noticed(data: bytes, draw: st.DataObject) -> None:
    with pytest.raises(CoderError):
        unpack(data[: draw.draw(st.integers(0, len(data) - 1))])
    with pytest.raises(CorruptStreamError, match="streams of"):
        unpack(data + draw.draw(st.binary(min_size=1, max_size=9)))


def test_every_flipped_bit_of_the_header_is_noticed() -> None:
    for bit in range(8 * (len(EXAMPLE_BYTES) - 5)):
        changed = bytearray(EXAMPLE_BYTES)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(CoderError):
            unpack(bytes(changed))


def header(version: int, scales: int, height: int, width: int, sizes: list[int]) -> bytes:
    """A header with any numbers in it, whose checksum fits."""
    head = EXAMPLE_BYTES[:8] + struct.pack(">BBII8sI", version, scales, height, width, bytes(8), 0)
    head += b"".join(struct.pack(">I", size) for size in sizes)
    return head + struct.pack(">I", zlib.crc32(head))


def test_impossible_headers_are_named() -> None:
    with pytest.raises(UnsupportedFormatError, match="not an L3C file"):
        unpack(b"\x89PNG\r\n\x1a\n" + bytes(60))
    with pytest.raises(UnsupportedFormatError, match="container format 2; this release reads"):
        unpack(header(2, 0, 1, 1, []))
    with pytest.raises(CorruptStreamError, match="ends inside the header"):
        unpack(b"")
    with pytest.raises(CorruptStreamError, match="ends inside the header"):
        unpack(header(1, 255, 1, 1, []))
    with pytest.raises(CorruptStreamError, match="checksum does not fit"):
        unpack(header(1, 1, 1, 1, [0])[:-1] + b"\0")
    for height, width in [(0, 1), (1, 0), (MAX_SIDE + 1, 1), (2**32 - 1, 2**32 - 1)]:
        with pytest.raises(CorruptStreamError, match=f"image of {height}x{width} pixels"):
            unpack(header(1, 1, height, width, [0]))
    with pytest.raises(CorruptStreamError, match="streams of 8589934590 bytes announced, 0 are"):
        unpack(header(1, 2, 1, 1, [2**32 - 1] * 2))


def test_any_number_of_streams() -> None:
    assert unpack(header(1, 0, 1, 1, [])).streams == ()
    assert unpack(header(1, 255, 1, 1, [0] * 255)).streams == (b"",) * 255
    largest = unpack(header(1, 255, MAX_SIDE, MAX_SIDE, [1] * 255) + bytes(255))
    assert largest.streams == (b"\0",) * 255


@settings(max_examples=300)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.binary(max_size=80).map(lambda rest: EXAMPLE_BYTES[:8] + rest),
        st.builds(
            header,
            st.sampled_from([0, 1, 1, 1, 255]),
            st.integers(0, 255),
            st.integers(0, 2**32 - 1),
            st.integers(0, 2**32 - 1),
            st.lists(st.integers(0, 2**32 - 1), max_size=6),
        ),
    )
)
def test_any_bytes_are_a_container_or_an_error(data: bytes) -> None:
    tracemalloc.start()
    try:
        unpack(data)
    except CoderError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 100_000 + 4 * len(data)  # sizes in a header take no memory
