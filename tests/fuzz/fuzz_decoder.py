"""Feeds mutated files to the whole decoder: exact pixels or a CoderError, and nothing else.

Files of several modes, coded with a tiny untrained network, are changed in their coded bytes. In
three of four inputs the checksums of the coded bytes are made to fit again, so that range coder,
network and fallback see the changed bytes; only the checksum of the pixels is left to catch them.
"""

import contextlib
import dataclasses
import zlib
from collections import Counter
from collections.abc import Iterator
from functools import partial
from unittest import mock

import numpy as np
from fuzzers import answers_to, changed, source
from tiny_models import limit, noise, smooth

from coder.errors import CoderError
from l3c import tile_coding
from l3c.coding import decode_picture, encode_picture
from l3c.fileformat import tiles
from l3c.fileformat.container import Tile, pack, unpack
from l3c.images.picture import Mode, Picture
from l3c.models.tile_codec import TileCodec


def corpus(codec: TileCodec) -> list[tuple[Picture, bytes]]:
    """Pictures and their files, with one tile and with several."""
    pictures = [
        Picture.from_array(smooth(16, 24)),
        Picture.from_array(noise(9, 5, 4)),
        Picture.from_array(smooth(17, 11, 1)),
        Picture.from_array(noise(6, 7, dtype=np.uint16)),
        Picture(Mode.BILEVEL, noise(12, 31, 1) >> 7, {}),
    ]
    mixed = smooth(30, 40)
    mixed[:, 16:32] = 9
    with mock.patch.object(tile_coding, "_limit", limit):
        files = [(picture, encode_picture(picture, codec)) for picture in pictures]
        with mock.patch.object(tiles, "TILE_PIXELS", 16 * 16):
            for tiled in map(Picture.from_array, (smooth(30, 20), mixed)):
                files.append((tiled, encode_picture(tiled, codec)))
    return files


def mutated(codec: TileCodec) -> Iterator[tuple[Picture, bytes]]:
    """Hostile files without end, with the picture that each came from."""
    files = [(picture, data, unpack(data)) for picture, data in corpus(codec)]
    rng = source()
    while True:
        picture, data, container = rng.choice(files)
        kind = rng.randrange(8)
        if kind < 2:
            yield picture, changed(rng, data, [data])
            continue
        tiles = list(container.tiles)
        at = rng.randrange(len(tiles))
        payload = changed(rng, bytes(tiles[at].payload or b""), [data])
        tiles[at] = Tile(payload, zlib.crc32(payload), tiles[at].pixels_crc)
        made = dataclasses.replace(container, tiles=tuple(tiles))
        if kind < 7:
            yield picture, pack(made)
            continue
        other = [{"height": rng.randrange(1, 40)}, {"width": rng.randrange(1, 40)}]
        other += [{"mode": rng.randrange(9)}, {"arithmetic": 0, "model": b""}]
        with contextlib.suppress(ValueError):  # no such container
            yield picture, pack(dataclasses.replace(made, **rng.choice(other)))


def run(codec: TileCodec, made: tuple[Picture, bytes], salvage: bool) -> str:
    """What the decoder says, in a word. Anything but a CoderError is raised."""
    picture, data = made
    flaws: list[Exception] = []
    try:
        decoded = decode_picture(data, lambda *model: codec, salvaged=flaws if salvage else None)
    except CoderError as error:
        str(error)
        return type(error).__name__
    if flaws:
        return "salvaged"
    if decoded.mode != picture.mode or not (decoded.samples == picture.samples).all():
        raise AssertionError("other pixels than were encoded")
    return "exact"


def fuzz(inputs: int, codec: TileCodec) -> tuple[Counter[str], list[str]]:
    """Runs the inputs."""
    return answers_to(inputs, mutated(codec), partial(run, codec))
