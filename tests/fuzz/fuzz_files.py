"""Feeds mutated files to the parser and to the whole decoder: only a CoderError may come out.

Valid files are flipped, cut, spliced and filled with extreme numbers: anywhere, inside the header,
or inside a tile's coded bytes. Length and checksum of the header and checksums of coded bytes are
then made to fit, so that parser, range coder, network and fallback see what was changed.
"""

import contextlib
import os
import random
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from unittest import mock

import numpy as np
from tiny_models import limit, noise, smooth

from coder.errors import CoderError
from coder.leb128 import leb128
from l3c import tile_coding
from l3c.coding import decode_picture, encode_picture
from l3c.fileformat import tiles
from l3c.fileformat.container import MAGIC, Tile, pack, split_parts, unpack
from l3c.fileformat.tiles import tile_rectangles
from l3c.images.picture import Mode, Picture
from l3c.models.tile_codec import TileCodec

NUMBERS = [bytes.fromhex(n) for n in ("00", "01", "7f", "8000", "8001", "ff7f", "808001")]
NUMBERS += [bytes.fromhex(n) for n in ("ffffffff07", "8080808008", "8080808010", "ffffffff7f")]
NUMBERS += [bytes.fromhex(n) for n in ("8080808000", "ffffffffff", "ffffffffffff01", "00000000")]
FIELDS = len(MAGIC) + 2  # where the fields of a header start whose length has one byte
MOST_PIXELS = 1 << 14  # that are decoded of a file with another size in its header

Run = Callable[[int, bytes, bool], str]
"""Number of the valid file, mutated one, whether to take what is left of it -> answer, a word."""


def changed(rng: random.Random, data: bytes, files: Sequence[bytes]) -> bytes:
    """The bytes with one to four changes, some of them pieces of other files."""
    out = bytearray(data)
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
            other = rng.choice(files)
            start = rng.randrange(len(other))
            out[at : at + rng.randrange(20)] = other[start : start + rng.randrange(1, 21)]
        elif kind == "end":
            out += bytes(rng.randrange(1, 5))
    return bytes(out)


def mutated(files: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    """Hostile files without end, each with the number of the valid one it was made of."""
    rng = random.Random(int(os.environ.get("L3C_FUZZ_SEED", "0")))
    containers = [unpack(file) for file in files]
    while True:
        number, kind = rng.randrange(len(files)), rng.randrange(8)
        file, container = files[number], containers[number]
        if kind < 1:
            yield number, changed(rng, file, files)
        elif kind < 3:
            end = FIELDS + file[FIELDS - 1]
            fields = changed(rng, file[FIELDS:end], files)
            version = file[len(MAGIC)] ^ (rng.randrange(8) == 0)
            head = file[: len(MAGIC)] + bytes([version]) + leb128(len(fields)) + fields
            rest = file[end + 4 :] if kind < 2 else changed(rng, file[end + 4 :], files)
            yield number, head + zlib.crc32(head).to_bytes(4, "big") + rest
        else:
            parts, at = [*container.tiles], rng.randrange(len(container.tiles))
            payload = changed(rng, bytes(parts[at].payload or b""), files)
            parts[at] = Tile(payload, zlib.crc32(payload), parts[at].pixels_crc)
            yield number, pack(replace(container, tiles=tuple(parts)))


def parse(number: int, data: bytes, damaged: bool) -> str:
    """What the parser answers; what it accepts has one spelling, and its parts are read."""
    found = unpack(data, damaged=damaged)
    if damaged and (found.flaws or any(tile.payload is None for tile in found.tiles)):
        return "salvaged"
    assert damaged or pack(found) == data, "a file with two spellings"
    if len(found.tiles) <= 64 and not found.lossy:
        rectangles = tile_rectangles(found.height, found.width, found.rows, found.cols)
        for tile, rectangle in zip(found.tiles[-3:], rectangles[-3:], strict=True):
            with contextlib.suppress(CoderError):
                tile.check(rectangle)
            with contextlib.suppress(CoderError):
                split_parts(tile.payload or b"", 3)
    return "accepted"


def decoder(codec: TileCodec) -> tuple[list[bytes], Run]:
    """Files of several modes, with one tile and with several; what the whole decoder answers."""
    mixed = smooth(30, 40)
    mixed[:, 16:32] = 9
    samples = [smooth(16, 24), noise(9, 5, 4), smooth(17, 11, 1), noise(6, 7, dtype=np.uint16)]
    pictures = [*map(Picture.from_array, samples), Picture(Mode.BILEVEL, noise(12, 31, 1) >> 7, {})]
    tiled = [Picture.from_array(smooth(30, 20)), Picture.from_array(mixed)]
    with mock.patch.object(tile_coding, "_limit", limit):
        files = [encode_picture(picture, codec) for picture in pictures]
        with mock.patch.object(tiles, "TILE_PIXELS", 16 * 16):
            files += [encode_picture(picture, codec) for picture in tiled]

    def decode(number: int, data: bytes, salvage: bool) -> str:
        found, flaws = unpack(data, damaged=salvage), list[Exception]()
        if found.height * found.width > MOST_PIXELS:
            return "large"
        decoded = decode_picture(data, lambda *model: codec, salvaged=flaws if salvage else None)
        picture = [*pictures, *tiled][number]
        if flaws:
            return "salvaged"
        if (decoded.mode, decoded.samples.shape) == (picture.mode, picture.samples.shape):
            assert (decoded.samples == picture.samples).all(), "other pixels than were encoded"
        return "exact"

    return files, decode


def fuzz(inputs: int, files: Sequence[bytes], run: Run) -> tuple[Counter[str], list[str]]:
    """How often each answer came, and what was found: other errors than CoderErrors, up to 20.

    Every fourth input is one of which to take what is left. L3C_FUZZ_INPUTS is another number of
    inputs.
    """
    answers, findings, longest = Counter[str](), list[str](), 0.0
    inputs = int(os.environ.get("L3C_FUZZ_INPUTS", inputs))
    for i, (number, data) in enumerate(islice(mutated(files), inputs)):
        start = time.perf_counter()
        try:
            answers[run(number, data, i % 4 == 3)] += 1
        except CoderError as error:
            answers[type(error).__name__ if str(error) else "no message"] += 1
        except Exception as error:
            findings.append(f"input {i}: {error!r}: {data.hex()}")
            if len(findings) == 20:
                break
        longest = max(longest, time.perf_counter() - start)
    print(*answers.most_common(), f"the longest input {1e3 * longest:.1f} ms", sep="\n")
    return answers, findings
