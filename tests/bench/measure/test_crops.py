"""Crops for timings: all of one size, the same at every call."""

import numpy as np
import pytest
from tiny_models import noise

from l3c.bench.measure.crops import crops_of, image_of


def images():
    return [("wide", noise(40, 90, 3)), ("small", noise(10, 12, 3))]


def test_crops_take_turns_and_have_names_of_their_own():
    made = list(crops_of(images, 32, 200))
    names = [name for name, _ in made]
    assert [image_of(name) for name in names] == ["wide", "small"] * 100
    assert len(set(names)) == 200
    assert names[1:4:2] == ["small+0+0", "small+0+0+1"]  # of one place
    assert all(crop.shape == (32, 32, 3) and crop.flags.c_contiguous for _, crop in made)
    again = list(crops_of(images, 32, 5))
    assert [name for name, _ in again] == names[:5]
    assert all((a[1] == b[1]).all() for a, b in zip(made, again, strict=False))


def test_a_crop_is_where_its_name_says_and_small_images_are_mirrored():
    (name, crop), (_, mirrored) = crops_of(images, 32, 2)
    x, y = map(int, name.split("+")[1:])
    assert (crop == images()[0][1][y : y + 32, x : x + 32]).all()
    small = images()[1][1]
    assert (mirrored[:10, :12] == small).all()
    assert (mirrored[10:20, :12] == small[::-1]).all()
    assert (mirrored[:10, 12:24] == small[:, ::-1]).all()
    ((_, crop),) = crops_of(lambda: [("dot", np.full((1, 1, 3), 7, np.uint8))], 8, 1)
    assert (crop == 7).all()


def test_no_image_is_an_error():
    with pytest.raises(ValueError):
        list(crops_of(lambda: [], 8, 1))
