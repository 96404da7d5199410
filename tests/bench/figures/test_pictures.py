"""Pictures: maps of bits add up, heat maps are of the first channels of each scale."""

import pytest
from autoregressive import Autoregressive, AutoregressiveSettings
from tiny_models import noise, smooth, tiny

from l3c.bench.figures.pictures import bottlenecks, cost_map, cost_maps, heat_maps
from l3c.models.tile_codec import UnsupportedError

PHOTOGRAPHS = [("a", smooth(45, 35)), ("b", noise(32, 64, 3))]


@pytest.mark.parametrize("count", [1, 2])
def test_costs_of_photographs_are_drawn(count):
    codec = tiny("rgb").codec()
    *pictures, bar = cost_maps(codec, PHOTOGRAPHS[:count], "RGB").axes
    assert len(pictures) == 2 * count
    assert "bits per pixel" in bar.get_ylabel()
    assert pictures[0].get_title(loc="left") == "a\n"
    shown = pictures[0].images[0].get_array()
    assert shown.shape == (32, 32, 3)
    assert f"{cost_map(codec, shown).mean():.2f} bits per pixel" in pictures[1].get_title("left")


def test_levels_are_those_of_the_symbols():
    codec, image = tiny().codec(), smooth(45, 30)
    shown = bottlenecks(codec, image)
    assert [values.shape for values in shown] == [(3, 24, 16), (3, 12, 8), (3, 6, 4)]
    for levels, symbols in zip(shown, codec.symbols(image)[1:], strict=True):
        assert (levels == symbols[0, :3].numpy() + 1).all()
        assert 1 <= levels.min() <= levels.max() <= 25
    for kind in ("rgb", "interlaced"):  # smaller images
        shown = bottlenecks(tiny(kind).codec(), smooth(16, 16))
        assert [levels.shape for levels in shown] == [(3, 8, 8), (3, 4, 4), (3, 2, 2)]
        assert all(1 <= levels.min() < levels.max() <= 256 for levels in shown)
    with pytest.raises(UnsupportedError):
        bottlenecks(Autoregressive(AutoregressiveSettings()).codec(), smooth(16, 16))


@pytest.mark.parametrize("count", [1, 2])
def test_heat_maps_of_photographs_are_drawn(count):
    figure = heat_maps(tiny().codec(), PHOTOGRAPHS[:count], "L3C")
    assert len(figure.axes) == count * (1 + 3 * 3 + 1)
    assert figure.axes[0].get_title(loc="left").startswith("a, 32 × 32")
    maps = [axes.images[0] for axes in figure.axes if axes.images]
    maps = [each for each in maps if each.get_array().ndim < 3]
    assert len(maps) == count * 9
    assert {each.get_clim() for each in maps} == {(1, 25)}
