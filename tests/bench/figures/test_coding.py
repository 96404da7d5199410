"""The figure of coding shows what is coded."""

from __future__ import annotations

import pytest
from autoregressive import Autoregressive, AutoregressiveSettings
from tiny_models import KINDS, smooth, tiny

from l3c.bench.figures.coding import coding

IMAGE = smooth(32, 64)


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_for_each_scale_coarsest_first(kind: str) -> None:
    codec = tiny(kind).codec()
    sizes = dict.fromkeys(codec.stream_parts, 0)
    for part, stream in zip(codec.stream_parts, codec.encode(IMAGE), strict=True):
        sizes[part] += len(stream)
    figure = coding(codec, [("a", IMAGE)], "model")
    assert len(figure.axes) == 3 * len(sizes) + 1
    assert [bar.get_width() for bar in figure.axes[-1].patches] == [*sizes.values()]


def test_nothing_to_show_without_scales() -> None:
    codec = Autoregressive(AutoregressiveSettings()).codec()
    assert not coding(codec, [("a", IMAGE)], "model").axes
