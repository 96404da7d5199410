"""Feeds mutated files to the whole decoder: exact pixels or a CoderError, and nothing else.

    PYTHONPATH=.:tests/helpers python tests/fuzz/fuzz_decoder.py --inputs 100000 --seed 1

Files of several modes, coded with a tiny untrained network, are changed in their coded bytes. In
three of four inputs the checksums of the coded bytes are made to fit again, so that range coder,
network and fallback see the changed bytes; only the checksum of the pixels is left to catch them.
"""

import dataclasses
import random
import sys
import zlib
from functools import partial
from unittest import mock

import numpy as np
from fuzzers import Answers, answers_to, changed, main
from tiny_models import integers, limit, noise, smooth, tiny, tiny_causal

from coder.errors import CoderError
from l3c import tile_coding
from l3c.coding import decode_picture, encode_picture
from l3c.fileformat import tiles
from l3c.fileformat.container import Container, Tile, pack, unpack
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


class Mutator:
    """An endless source of hostile files, given by its seed, with the picture they came from."""

    def __init__(self, codec: TileCodec, seed: int) -> None:
        self.files = [(picture, data, unpack(data)) for picture, data in corpus(codec)]
        self.random = random.Random(seed)

    def __call__(self) -> tuple[Picture, bytes]:
        """The next input."""
        picture, data, container = self.random.choice(self.files)
        kind = self.random.randrange(8)
        if kind < 2:
            return picture, changed(self.random, data, [data])
        tiles = list(container.tiles)
        at = self.random.randrange(len(tiles))
        payload = changed(self.random, bytes(tiles[at].payload or b""), [data])
        crc = zlib.crc32(payload)
        tiles[at] = Tile(payload, crc, tiles[at].pixels_crc)
        made = dataclasses.replace(container, tiles=tuple(tiles))
        if kind == 7:
            made = self.resized(made)
        return picture, pack(made)

    def resized(self, container: Container) -> Container:
        """The container with another size, mode or no network, if that is a container."""
        changes = self.random.choice(
            [
                {"height": self.random.randrange(1, 40)},
                {"width": self.random.randrange(1, 40)},
                {"mode": self.random.randrange(9)},
                {"arithmetic": 0, "model": b""},
            ]
        )
        made = dataclasses.replace(container, **changes)
        try:
            pack(made)
        except ValueError:
            return container
        return made


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


def fuzz(inputs: int, seed: int, causal: bool = False, codec: TileCodec | None = None) -> Answers:
    """Runs the inputs."""
    codec = codec or (tiny_causal() if causal else tiny().codec("cpu", integers()))
    return answers_to(inputs, Mutator(codec, seed), partial(run, codec))


if __name__ == "__main__":
    sys.exit(main(fuzz, "--causal"))
