"""Pictures: maps of bits add up, heat maps are of the first channels of each scale."""

import pytest
from tiny_models import noise, smooth, tiny

from l3c.bench.figures.pictures import cost_map, cost_maps, heat_maps
from l3c.bench.measure.crops import cut

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


@pytest.mark.parametrize(
    ("kind", "most", "count"), [("l3c", 25, 1), ("rgb", 256, 2), ("interlaced", 256, 2)]
)
def test_heat_maps_show_the_levels_of_the_first_channels(kind, most, count):
    codec = tiny(kind).codec()
    figure = heat_maps(codec, PHOTOGRAPHS[:count], kind)
    assert figure.axes[0].get_title(loc="left").startswith("a, 32 × 32")
    pictures = [axes.images[0] for axes in figure.axes if axes.images]
    maps = iter([each for each in pictures if each.get_array().ndim < 3])
    for _, image in PHOTOGRAPHS[:count]:
        for symbols in codec.symbols(cut(image, 32))[1:]:
            for channel in symbols[0, :3].numpy():
                shown = next(maps)
                assert (shown.get_array() == channel + 1).all()
                assert shown.get_clim() == (1, most)
    assert next(maps, None) is None
