"""RGB tile <-> streams with tiny networks: any size, any content."""

import numpy as np
import pytest
from tiny_models import KINDS, STREAMS, noise, smooth, tiny

CODECS = {kind: tiny(kind).codec() for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 1), (3, 5), (8, 8), (17, 31), (64, 40)])
def test_round_trip(kind: str, size: tuple[int, int]) -> None:
    codec = CODECS[kind]
    for tile in (noise(*size, 3), np.full((*size, 3), 255, np.uint8), smooth(*size)):
        streams = codec.encode(tile)
        assert len(streams) == codec.streams == STREAMS[kind]
        decoded = codec.decode(streams, *size)
        assert decoded.dtype == np.uint8
        assert (decoded == tile).all()
    bits = codec.symbol_bits(tile)
    shapes = [plane.shape for plane in bits.values()]
    assert shapes == [plane.shape[1:] for plane in codec.symbols(tile)]
    assert bits["x"].shape == (3, *size)
    assert all((plane >= 0).all() for plane in bits.values())
    total = sum(float(plane.sum()) for plane in bits.values())
    assert codec.cross_entropy_bits(tile) == pytest.approx(total)
    assert 8 * sum(map(len, streams)) == pytest.approx(total, rel=5e-3, abs=64 * codec.streams)


def test_padding_is_not_coded() -> None:
    whole = noise(64, 64, 3)
    image = [len(CODECS["rgb"].encode(tile)[-1]) for tile in (whole, whole[:57, :57].copy())]
    assert image[1] / image[0] == pytest.approx((57 / 64) ** 2, rel=0.03)


def test_identity_depends_on_weights_and_settings() -> None:
    assert tiny("l3c").codec().identity == CODECS["l3c"].identity
    assert len({CODECS[kind].identity for kind in KINDS} | {tiny("l3c", 1).codec().identity}) == 5


def test_interlaced_scales_hold_each_pixel_once() -> None:
    codec, tile = CODECS["interlaced"], noise(13, 21, 3)
    image, *coarser = codec.symbols(tile)
    for s, plane in enumerate(coarser, 1):
        assert (plane == image[:, :, :: 1 << s, :: 1 << s]).all()
    bits = codec.symbol_bits(tile)
    assert (bits["x"][:, ::2, ::2] == 0).all()  # coded as z1
    assert (bits["x"][:, 1::2, 1::2] > 0).all()
