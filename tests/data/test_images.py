"""Plain 8-bit RGB is read and written to the pixel; everything else is refused with a reason.

What is no image at all is refused by l3c.images (tests/images). The training store has the very
pixels, mapped; incomplete or foreign ones are refused.
"""

import errno
import os
import re

import numpy as np
import pytest
from PIL import Image
from tiny_models import noise

from l3c.data import images as store
from l3c.data.datasets import DatasetSpec, build_dataset
from l3c.data.images import (
    Store,
    StoreError,
    file_sha256,
    read_png_text,
    read_rgb,
    store_of,
    write_png,
    write_store,
)
from l3c.images.picture import PictureError

RGB = Image.fromarray(noise(16, 20, 3))


def test_everything_else_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")  # would block for ever if it were opened
    with pytest.raises(PictureError):
        file_sha256(tmp_path / "pipe.png")
    RGB.convert("L").save(tmp_path / "grey.png")
    RGB.save(tmp_path / "key.png", transparency=(1, 2, 3))
    for path in tmp_path.iterdir():
        with pytest.raises(PictureError) as caught:
            read_rgb(path)
        assert (caught.value.name, caught.value.reason.count("\n")) == (str(path), 0)


def test_png_round_trip_with_text(tmp_path):
    image, path = noise(5, 3, 3), tmp_path / "a.png"
    write_png(path, image, {"note": "größe"})
    assert np.array_equal(read_rgb(path), image)
    assert read_png_text(path)["note"] == "größe"
    path.write_bytes(b"no")
    assert read_png_text(path) == read_png_text(tmp_path / "missing.png") == {}


@pytest.mark.parametrize(
    ("image", "error"),
    [
        (np.zeros((2, 2), np.uint8), ValueError),
        (np.zeros((0, 2, 3), np.uint8), ValueError),
        (np.zeros((2, 2, 3)), TypeError),
        ([[1]], TypeError),
    ],
)
def test_wrong_arrays_are_refused(tmp_path, image, error):
    with pytest.raises(error):
        write_png(tmp_path / "a.png", image)
    assert os.listdir(tmp_path) == []


IMAGES = {f"{i}.png": noise(20 + i, 31 - i, 3) for i in range(7)}


@pytest.fixture
def folder(tmp_path):
    write_store(tmp_path / "store", IMAGES.items(), "d" * 64)
    return tmp_path / "store"


def test_images_come_back_mapped(folder):
    opened = Store(folder, "d" * 64)
    with pytest.raises(StoreError):  # of other images
        Store(folder, "e" * 64)
    assert opened.keys() == IMAGES.keys()
    for name, image in IMAGES.items():
        assert np.array_equal(opened[name], image)
        assert not opened[name].flags.writeable
    assert (folder / store.PIXELS).stat().st_size == sum(map(np.size, IMAGES.values()))


def test_a_store_is_written_when_its_images_change(tmp_path):
    source, data = tmp_path / "in", tmp_path / "data"
    source.mkdir()
    write_png(source / "a.png", noise(8, 9, 3))
    spec = DatasetSpec(source=str(source))
    assert list(store_of(build_dataset(spec, data), data / "store")) == ["a"]
    written = (data / "store" / store.INDEX).stat()
    store_of(data / "manifest.csv", data / "store")
    assert (data / "store" / store.INDEX).stat() == written
    write_png(source / "b.png", noise(9, 9, 3))
    assert list(store_of(build_dataset(spec, data), data / "store")) == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (store.PIXELS, noise(8, 8, 3).tobytes()),  # cut off
        (store.PIXELS, None),
        (store.INDEX, b"{"),
        (store.INDEX, b"[]"),
        (store.INDEX, b'{"version": 99}'),
        (store.INDEX, None),
    ],
)
def test_what_is_not_the_store_is_refused(folder, name, content):
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(StoreError, match=re.escape(str(folder))):
        Store(folder)


def test_a_full_disk_leaves_no_store(folder):
    def full():
        yield "a", noise(8, 9, 3)
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StoreError, match="make room"):
        write_store(folder, full(), "d" * 64)
    with pytest.raises(StoreError):
        Store(folder)
