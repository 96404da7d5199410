"""Heat maps: values of the first channels of each scale."""

from __future__ import annotations

import numpy as np
import pytest
from autoregressive import Autoregressive, AutoregressiveSettings
from tiny_models import noise, smooth, tiny

from l3c.evaluation.heat_maps import bottlenecks, draw_heat_maps
from l3c.models.tile_codec import UnsupportedError
from l3c.nn.quantizer import to_values


def test_values_are_those_of_the_symbols() -> None:
    codec, image = tiny().codec(), smooth(45, 30)
    shown = bottlenecks(codec, "a", image)
    assert [values.shape for values in shown.values] == [(3, 24, 16), (3, 12, 8), (3, 6, 4)]
    for values, symbols in zip(shown.values, codec.symbols(image)[1:], strict=True):
        assert (values == to_values(symbols[0, :3], 25).numpy()).all()
        assert np.abs(values).max() <= 1


@pytest.mark.parametrize("kind", ["rgb", "interlaced"])
def test_scales_that_are_images_are_values_too(kind: str) -> None:
    shown = bottlenecks(tiny(kind).codec(), "a", smooth(16, 16)).values
    assert [values.shape for values in shown] == [(3, 8, 8), (3, 4, 4), (3, 2, 2)]
    assert all(-1 <= values.min() < values.max() <= 1 for values in shown)


def test_a_model_without_scales_has_none() -> None:
    with pytest.raises(UnsupportedError):
        bottlenecks(Autoregressive(AutoregressiveSettings()).codec(), "a", smooth(16, 16))


def test_one_and_several_photographs_are_drawn() -> None:
    codec = tiny().codec()
    shown = [bottlenecks(codec, "a", smooth(40, 24)), bottlenecks(codec, "b", noise(16, 32, 3))]
    for count in (1, 2):
        figure = draw_heat_maps(shown[:count], "L3C")
        assert len(figure.axes) == count * (1 + 3 * 3) + 1
        assert figure.axes[0].get_title(loc="left").startswith("a, 24")
        maps = [axes for axes in figure.axes if axes.get_label() == "map"]
        assert all(axes.images[0].get_clim() == (-1, 1) for axes in maps)
        assert "value" in figure.axes[-1].get_ylabel()
