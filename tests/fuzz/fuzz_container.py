"""Feeds mutated files to the container's parser: only a CoderError may come out, and quickly.

    python tests/fuzz/fuzz_container.py --inputs 200000 --seed 1     # --lossy: that of .l3y files

Valid files are flipped, cut, spliced and filled with extreme numbers. In half of the inputs only
the header's fields are changed, and its length and checksum made to fit, so that the parser gets
to see them; in the others the whole file, with or without a new checksum. What is accepted is
written again, which must give the same bytes, and its tiles and parts are read.
"""

import argparse
import contextlib
import random
import sys
import time
import zlib
from collections import Counter
from dataclasses import replace

import numpy as np

from coder.errors import CoderError
from l3c.fileformat.container import (
    LOSSY_VERSION,
    MAGIC,
    Container,
    Tile,
    is_lossy,
    pack,
    pack_parts,
    split_parts,
    unpack,
)
from l3c.fileformat.tiles import tile_rectangles

NUMBERS = [bytes.fromhex(n) for n in ("00", "01", "7f", "8000", "8001", "ff7f", "808001")]
NUMBERS += [bytes.fromhex(n) for n in ("ffffffff07", "8080808008", "8080808010", "ffffffff7f")]
NUMBERS += [bytes.fromhex(n) for n in ("8080808000", "ffffffffff", "ffffffffffff01", "00000000")]
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


class Mutator:
    """An endless source of hostile files, given by its seed and valid ones of one kind."""

    def __init__(self, seed: int, files: list[bytes]) -> None:
        self.files = files
        self.fields = [(f[FIELDS : FIELDS + f[FIELDS - 1]], f) for f in self.files]
        self.random = random.Random(seed)

    def __call__(self) -> bytes:
        """The next input."""
        pick = int(self.random.random() * 8)
        if pick < 4:
            fields, file = self.random.choice(self.fields)
            rest = file[FIELDS + len(fields) + 4 :]
            return wrapped(file, self.changed(fields)) + (rest if pick else self.changed(rest))
        changed = self.changed(self.random.choice(self.files))
        return with_checksum(changed) if pick < 6 else changed

    def changed(self, data: bytes) -> bytes:
        """The bytes with one to four changes."""
        rng, out = self.random, bytearray(data)
        for _ in range(1 + int(rng.random() ** 3 * 4)):
            at = rng.randrange(len(out) + 1)
            kind = rng.choice(["bit", "byte", "number", "cut", "splice", "end"])
            if kind == "bit" and at < len(out):
                out[at] ^= 1 << rng.randrange(8)
            elif kind == "byte" and at < len(out):
                out[at] = rng.randrange(256)
            elif kind == "number":
                out[at : at + rng.randrange(6)] = rng.choice(NUMBERS)
            elif kind == "cut":
                del out[at : at + rng.choice((1, 1, 2, 3, 9, 1000))]
            elif kind == "splice":
                other = rng.choice(self.files)
                start = rng.randrange(len(other))
                out[at : at + rng.randrange(20)] = other[start : start + rng.randrange(1, 21)]
            elif kind == "end":
                out += bytes(rng.randrange(1, 5))
        return bytes(out)


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
        found = unpack(data, damaged=damaged, lossy=is_lossy(data))
    except CoderError as error:
        str(error)
        return type(error).__name__
    if not damaged:
        if pack(found) != data:
            raise AssertionError("a file with two spellings")
    elif found.damaged_sections or any(tile.payload is None for tile in found.tiles):
        return "salvaged"
    if len(found.tiles) <= 64 and found.version != LOSSY_VERSION:
        rectangles = tile_rectangles(found.height, found.width, found.rows, found.cols)
        for tile, rectangle in zip(found.tiles[-3:], rectangles[-3:], strict=True):
            with contextlib.suppress(CoderError):
                tile.check(rectangle)
            with contextlib.suppress(CoderError):
                split_parts(tile.payload or b"", 3)
    return "accepted"


def fuzz(
    inputs: int, seed: int, files: list[bytes] | None = None
) -> tuple[Counter[str], list[str], float]:
    """Runs the inputs: how often each answer came, what was found, and the longest seconds."""
    mutate, answers, longest = Mutator(seed, files or corpus()), Counter[str](), 0.0
    findings: list[str] = []
    for i in range(inputs):
        data = mutate()
        start = time.perf_counter()
        try:
            answers[run(data, damaged=i % 4 == 3)] += 1
        except Exception as error:
            findings.append(f"{error!r}: {data.hex()}")
            if len(findings) == 20:
                break
        longest = max(longest, time.perf_counter() - start)
    return answers, findings, longest


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz the container's parser.")
    parser.add_argument("--inputs", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lossy", action="store_true")
    chosen = parser.parse_args()
    start = time.perf_counter()
    answers, findings, longest = fuzz(
        chosen.inputs, chosen.seed, lossy_corpus() if chosen.lossy else None
    )
    seconds = time.perf_counter() - start
    for answer, count in answers.most_common():
        print(f"{count:>12,} {answer}")
    print(*findings, sep="\n")
    print(f"seed {chosen.seed}: {seconds:.1f} s, the longest input {1e3 * longest:.1f} ms")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
