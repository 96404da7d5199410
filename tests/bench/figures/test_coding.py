"""The figure of coding shows what is coded, a pixel is inspected as the coder codes it."""

import math

import pytest
from autoregressive import Autoregressive, AutoregressiveSettings
from tiny_models import KINDS, integers, smooth, tiny

from coder.range_coder import decode, encode
from l3c.bench.figures.coding import coding, inspect_pixel
from l3c.bench.figures.pictures import heat_maps
from l3c.models.tile_codec import UnsupportedError

IMAGE, PIXELS = smooth(32, 64), smooth(41, 54)


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_for_each_scale_coarsest_first(kind):
    codec = tiny(kind).codec()
    sizes = dict.fromkeys(codec.stream_parts, 0)
    for part, stream in zip(codec.stream_parts, codec.encode(IMAGE), strict=True):
        sizes[part] += len(stream)
    figure = coding(codec, [("a", IMAGE)], "model")
    last = [axes.get_xlabel().split()[2] for axes in figure.axes[2 * len(sizes) :]]
    assert last == [f"{size:,}" for size in sizes.values()]


@pytest.mark.parametrize("draw", [coding, heat_maps])
def test_nothing_to_show_without_scales(draw):
    codec = Autoregressive(AutoregressiveSettings()).codec()
    with pytest.raises(UnsupportedError):
        draw(codec, [("a", IMAGE)], "model")


@pytest.mark.parametrize("kind", KINDS)
def test_every_pixel_costs_what_the_network_says(kind):
    codec = tiny(kind).codec("cpu", integers(kind))
    bits = [*codec.symbol_bits(PIXELS).values()]
    planes = codec.symbols(PIXELS)
    for s, row, column in [(0, 1, 0), (0, 39, 53), (0, 7, 12), (1, 5, 4), (2, 3, 7), (3, 2, 6)]:
        pixel = inspect_pixel(codec, PIXELS, row, column, s)
        assert [c.symbol for c in pixel] == planes[s][0, :, row, column].tolist()
        expected = (2 ** -bits[s][:, row, column]).tolist()
        probabilities = [c.pmf[c.symbol] for c in pixel]
        assert probabilities == pytest.approx(expected, rel=0.02, abs=4 * 2**-24)


def test_interval_probabilities_and_components_agree():
    kind = "interlaced"
    pixel = inspect_pixel(tiny(kind).codec("cpu", integers(kind)), PIXELS, 13, 20)
    assert len(pixel) == 3
    for channel in pixel:
        low, high = channel.interval
        assert 0 <= low < high <= 1 << 24
        assert channel.pmf.sum() == pytest.approx(1)
        assert channel.bits == pytest.approx(-math.log2(channel.pmf[channel.symbol]))
        assert channel.weights.sum() == pytest.approx(1)
        assert channel.components.sum(axis=0) == pytest.approx(channel.pmf, rel=0.005, abs=1e-5)
        stream = encode([channel.symbol] * 9, [channel.cdf] * 9)
        assert (decode(stream, [channel.cdf] * 9) == channel.symbol).all()
        assert len(stream) == pytest.approx(9 * channel.bits / 8, abs=1)


@pytest.mark.parametrize(("s", "row", "column"), [(0, 41, 0), (1, 0, -1), (4, 0, 0)])
def test_a_pixel_that_is_not_there(s, row, column):
    with pytest.raises(ValueError, match=rf"z\^\({s}\)"):
        inspect_pixel(tiny().codec(), PIXELS, row, column, s)
