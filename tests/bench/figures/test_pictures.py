"""Pictures: maps of bits add up, heat maps are of the first channels of each scale."""

import pytest
from tiny_models import noise, smooth, tiny

from l3c.bench.figures.pictures import cost_map, cost_maps, heat_maps

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


def maps(figure):
    """Levels of each map, not the photographs."""
    pictures = [axes.images[0].get_array() for axes in figure.axes if axes.images]
    return [each for each in pictures if each.ndim < 3]


@pytest.mark.parametrize(("kind", "most"), [("l3c", 25), ("rgb", 256), ("interlaced", 256)])
def test_levels_are_those_of_the_symbols(kind, most):
    codec, image = tiny(kind).codec(), smooth(64, 32)
    shown = iter(maps(heat_maps(codec, [("a", image)], kind)))
    for symbols in codec.symbols(image)[1:]:
        for channel in symbols[0, :3].numpy():
            levels = next(shown)
            assert (levels == channel + 1).all()
            assert 1 <= levels.min() <= levels.max() <= most


@pytest.mark.parametrize("count", [1, 2])
def test_heat_maps_of_photographs_are_drawn(count):
    figure = heat_maps(tiny().codec(), PHOTOGRAPHS[:count], "L3C")
    assert len(figure.axes) == count * (1 + 3 * 3) + 1
    assert figure.axes[0].get_title(loc="left").startswith("a, 32 × 32")
    drawn = [axes.images[0] for axes in figure.axes if axes.images]
    limits = [each.get_clim() for each in drawn if each.get_array().ndim < 3]
    assert limits == [(1, 25)] * count * 9
