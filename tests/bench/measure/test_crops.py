"""Crops for timings are the same at every call; photographs are chosen and cut."""

import numpy as np
import pytest
from PIL import Image
from tiny_models import noise

from l3c.bench.measure.crops import SIDE, choose, crops_of, cut, image_of
from l3c.data import DatasetError
from l3c.data.datasets import DatasetSpec, build_dataset


def images():
    return [("wide", noise(40, 90, 3)), ("small", noise(10, 12, 3))]


def test_crops_take_turns_and_have_names_of_their_own():
    made = list(crops_of(images, 32, 200))
    names = [name for name, _ in made]
    assert [image_of(name) for name in names] == ["wide", "small"] * 100
    assert len(set(names)) == 200
    assert names[2].endswith("+1")  # the second turn
    assert all(crop.shape == (32, 32, 3) and crop.flags.c_contiguous for _, crop in made)
    again = list(crops_of(images, 32, 5))
    assert [name for name, _ in again] == names[:5]
    assert all((a[1] == b[1]).all() for a, b in zip(made, again, strict=False))
    with pytest.raises(ValueError):
        list(crops_of(lambda: [], 8, 1))


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


def test_photographs_are_chosen_by_number_or_name(tmp_path):
    (tmp_path / "photos").mkdir()
    for name in ("ape", "bear", "cat"):
        Image.fromarray(noise(4 + len(name), 8, 3)).save(tmp_path / "photos" / f"{name}.png")
    manifest = build_dataset(DatasetSpec(source=str(tmp_path / "photos")), tmp_path / "out")
    assert [name for name, _ in choose(manifest, 2)] == ["ape", "bear"]
    assert [name for name, _ in choose(manifest, 9)] == ["ape", "bear", "cat"]
    chosen = [(name, image.shape) for name, image in choose(manifest, ["cat", "bear"])]
    assert chosen == [("cat", (7, 8, 3)), ("bear", (8, 8, 3))]
    with pytest.raises(DatasetError, match=r'"bare".*ape, bear, cat$'):
        choose(manifest, ["cat", "bare"])


@pytest.mark.parametrize(
    ("size", "multiple", "expected"),
    [
        ((20, 30), 1, (20, 30)),
        ((20, 30), 8, (16, 24)),
        ((5, 30), 8, (5, 24)),
        ((SIDE + 11, 2 * SIDE), 16, (SIDE, SIDE)),
    ],
)
def test_the_middle_is_cut(size, multiple, expected):
    image = np.zeros((*size, 3), np.uint8)
    image[size[0] // 2, size[1] // 2] = 7
    part = cut(image, multiple)
    assert part.shape[:2] == expected
    assert part[expected[0] // 2, expected[1] // 2, 0] == 7
