"""The figures of encoding, decoding and of the networks show what is coded."""

from __future__ import annotations

import numpy as np
import pytest
from autoregressive import Autoregressive, AutoregressiveSettings
from tiny_models import KINDS, smooth, tiny

from l3c.bench.figures.architecture import baselines
from l3c.bench.figures.coding import decoding, encoding, expectations
from l3c.bench.figures.pixel import inspect_pixel

IMAGE = smooth(32, 64)


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_for_each_scale_coarsest_first(kind: str) -> None:
    codec = tiny(kind).codec()
    sizes = dict.fromkeys(codec.stream_parts, 0)
    for part, stream in zip(codec.stream_parts, codec.encode(IMAGE), strict=True):
        sizes[part] += len(stream)
    figure = decoding(codec, [("a", IMAGE)], "model")
    assert len(figure.axes) == 3 * len(sizes)
    decoded = [axes for axes in figure.axes if axes.get_title("left").endswith("bytes")]
    for axes, size in zip(decoded, sizes.values(), strict=True):
        assert f"{size:,}" in axes.get_title("left")
    assert (np.asarray(decoded[-1].images[0].get_array()) == IMAGE / 255).all()
    figure = encoding(codec, [("a", IMAGE)], "model")
    assert len(figure.axes) == 2 * len(sizes) + 1
    lengths = [bar.get_width() for bar in figure.axes[-1].patches]
    assert lengths == [*sizes.values()]


@pytest.mark.parametrize("kind", KINDS)
def test_expectations_are_means_of_the_mixtures(kind: str) -> None:
    codec = tiny(kind).codec()
    for s, means in enumerate(expectations(codec, IMAGE)):
        row, column = 3, 5
        first = inspect_pixel(codec, IMAGE, row, column, s)[0]
        assert means[0, row, column] == pytest.approx(float(first.weights @ first.means), rel=1e-4)


def test_nothing_to_show_without_scales() -> None:
    codec = Autoregressive(AutoregressiveSettings()).codec()
    assert not encoding(codec, [("a", IMAGE)], "model").axes


def test_every_network_has_its_boxes() -> None:
    figure = baselines()
    assert [axes.get_title("left") for axes in figure.axes] == ["L3C", "RGB", "RGB Shared"]
    texts = [{text.get_text() for text in axes.texts} for axes in figure.axes]
    assert all("uniform" in each for each in texts)
    assert "$D^{(1)}$" in texts[0] & texts[1]
    assert "$D$" in texts[2]
