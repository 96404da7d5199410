"""Feeds mutated files to the container's parser: only a CoderError may come out, and quickly.

Valid files are flipped, cut, spliced and filled with extreme numbers. In half of the inputs only
the header's fields are changed, and its length and checksum made to fit, so that the parser gets
to see them; in the others the whole file, with or without a new checksum. What is accepted is
written again, which must give the same bytes, and its tiles and parts are read.
"""

import contextlib
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from fuzzers import answers_to, changed, source

from coder.errors import CoderError
from l3c.fileformat.container import (
    LOSSY_VERSION,
    MAGIC,
    Container,
    Tile,
    pack,
    pack_parts,
    split_parts,
    unpack,
)

FIELDS = len(MAGIC) + 2  # where the fields of a header start whose length has one byte


def corpus() -> list[bytes]:
    """Valid files with made-up payloads of three parts, each with a header below 128 bytes."""
    files = []
    for size, arithmetic, sections in (
        ((5, 7, 1, 1), 1, ()),
        ((512, 512, 1, 1), 0, ()),
        ((40, 1000, 2, 3), 1, ((2, b"II*\0"), (127, b""))),
        ((2**20 + 1, 1, 9, 1), 0, ((1, bytes(140)),)),
    ):
        height, width, rows, cols = size
        tile = Tile.of(pack_parts([b"abc", b"", bytes(130)]), np.zeros((1, 1, 3), np.uint8))
        model, tiles = bytes(range(8 * arithmetic)), (tile,) * (rows * cols)
        files.append(
            pack(Container(4, height, width, arithmetic, model, rows, cols, sections, tiles))
        )
    return files


def lossy_corpus() -> list[bytes]:
    """The same of lossy files."""
    tile = Tile.of(pack_parts([bytes(130)]), np.zeros((1, 1, 3), np.uint8))
    plain = Container(4, 5, 7, 3, bytes(range(8)), 1, 1, (), (tile,), LOSSY_VERSION)
    more = ((1, bytes(140)), (3, b""), (127, b"II*\0"))
    return [pack(each) for each in (plain, replace(plain, width=9000, sections=more))]


def mutated(files: list[bytes]) -> Iterator[bytes]:
    """Hostile files without end, made of valid ones of one kind."""
    fields = [(f[FIELDS : FIELDS + f[FIELDS - 1]], f) for f in files]
    rng = source()
    while True:
        pick = int(rng.random() * 8)
        if pick < 4:
            inside, file = rng.choice(fields)
            rest = file[FIELDS + len(inside) + 4 :]
            head = wrapped(file, changed(rng, inside, files))
            yield head + (rest if pick else changed(rng, rest, files))
        else:
            file = changed(rng, rng.choice(files), files)
            yield with_checksum(file) if pick < 6 else file


def wrapped(file: bytes, fields: bytes) -> bytes:
    """A header of these fields, for the file's kind, whose length and checksum fit."""
    size = len(fields)
    number = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
    head = file[: FIELDS - 1] + number + fields
    return head + zlib.crc32(head).to_bytes(4, "big")


def with_checksum(data: bytes) -> bytes:
    """The file with the checksum that fits the header's length, if there is room for it."""
    end = FIELDS + data[FIELDS - 1] if len(data) >= FIELDS else len(data)
    if end + 4 > len(data):
        return data
    return data[:end] + zlib.crc32(data[:end]).to_bytes(4, "big") + data[end + 4 :]


def run(data: bytes, damaged: bool) -> str:
    """What the parser says, in a word. Anything but a CoderError is raised."""
    try:
        found = unpack(data, damaged=damaged)
    except CoderError as error:
        str(error)
        return type(error).__name__
    if not damaged:
        if pack(found) != data:
            raise AssertionError("a file with two spellings")
    elif found.flaws:
        return "salvaged"
    if len(found.tiles) <= 64:
        for rectangle, tile in [*found.placed().items()][-3:]:
            with contextlib.suppress(CoderError):
                tile.check(rectangle)
            with contextlib.suppress(CoderError):
                split_parts(tile.payload or b"", 3)
    return "accepted"


def fuzz(inputs: int, lossy: bool = False) -> tuple[Counter[str], list[str]]:
    """Runs the inputs."""
    return answers_to(inputs, mutated(lossy_corpus() if lossy else corpus()), run)
