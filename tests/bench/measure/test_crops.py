"""Crops for timings: all of one size, the same at every call."""

import numpy as np
import pytest
from tiny_models import noise

from l3c.bench.measure.crops import crops_of, image_of


def images():
    return [("wide", noise(40, 90, 3)), ("small", noise(10, 12, 3))]


def test_crops_take_turns_and_repeat():
    made = list(crops_of(images, 32, 5))
    names = [name for name, _ in made]
    assert [name.split("+")[0] for name in names] == ["wide", "small", "wide", "small", "wide"]
    assert len({names[0], names[2], names[4]}) > 1  # at places of their own
    assert all(crop.shape == (32, 32, 3) and crop.flags.c_contiguous for _, crop in made)
    again = list(crops_of(images, 32, 5))
    assert [name for name, _ in again] == names
    assert all((a[1] == b[1]).all() for a, b in zip(made, again, strict=True))


def test_a_crop_is_where_its_name_says():
    (name, crop), _ = crops_of(images, 32, 2)
    x, y = map(int, name.split("+")[1:])
    assert (crop == images()[0][1][y : y + 32, x : x + 32]).all()


def test_small_images_are_mirrored():
    _, (name, crop) = crops_of(images, 32, 2)
    small = images()[1][1]
    assert name == "small+0+0"
    assert (crop[:10, :12] == small).all()
    assert (crop[10:20, :12] == small[::-1]).all()
    assert (crop[:10, 12:24] == small[:, ::-1]).all()


def test_no_image_is_an_error():
    with pytest.raises(ValueError, match="no image"):
        list(crops_of(lambda: [], 8, 1))


def test_one_pixel_is_enough():
    ((_, crop),) = crops_of(lambda: [("dot", np.full((1, 1, 3), 7, np.uint8))], 8, 1)
    assert (crop == 7).all()


def test_crops_of_one_place_have_names_of_their_own():
    made = list(crops_of(images, 32, 200))
    names = [name for name, _ in made]
    assert names[1:4:2] == ["small+0+0", "small+0+0+1"]
    assert len(set(names)) == 200
    assert {image_of(name) for name in names} == {"wide", "small"}
