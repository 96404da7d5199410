"""Plain 8-bit RGB is read to the pixel; everything else is refused with a reason.

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

from l3c.data import DatasetError, images
from l3c.data.datasets import DatasetSpec, build_dataset
from l3c.data.images import MANIFEST, PIXELS, Store, file_sha256, read_rgb, store_of, write_png
from l3c.images.picture import PictureError

RGB = Image.fromarray(noise(16, 20, 3))
PICTURES = {f"i{i}": noise(20 + i, 31 - i, 3) for i in range(7)}


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


@pytest.fixture
def manifest(tmp_path):
    (tmp_path / "in").mkdir()
    for name, picture in PICTURES.items():
        write_png(tmp_path / "in" / f"{name}.png", picture)
    return build_dataset(DatasetSpec(source=str(tmp_path / "in")), tmp_path / "data")


@pytest.fixture
def folder(manifest, tmp_path):
    store_of(manifest, tmp_path / "store")
    return tmp_path / "store"


def test_images_come_back_mapped_and_are_written_once(manifest, folder, tmp_path):
    written = (folder / MANIFEST).stat()
    opened = store_of(manifest, folder)
    assert (folder / MANIFEST).stat() == written
    assert opened.keys() == PICTURES.keys()
    for name, picture in PICTURES.items():
        assert np.array_equal(opened[name], picture)
        assert not opened[name].flags.writeable
    assert (folder / PIXELS).stat().st_size == sum(map(np.size, PICTURES.values()))
    write_png(tmp_path / "in" / "b.png", noise(9, 9, 3))
    other = build_dataset(DatasetSpec(source=str(tmp_path / "in")), tmp_path / "data")
    with pytest.raises(DatasetError):  # of other images
        Store(folder, other)
    assert store_of(other, folder).keys() == {"b", *PICTURES}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (PIXELS, noise(8, 8, 3).tobytes()),  # cut off
        (PIXELS, None),
        (MANIFEST, b"{"),
        (MANIFEST, None),
    ],
)
def test_what_is_not_the_store_is_refused(folder, name, content):
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(DatasetError, match=re.escape(str(folder))):
        Store(folder)


def test_a_full_disk_leaves_no_store(manifest, tmp_path, monkeypatch):
    def full(path):
        yield "a", noise(8, 9, 3)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(images, "kept_images", full)
    with pytest.raises(DatasetError, match="make room"):
        store_of(manifest, tmp_path / "store")
    with pytest.raises(DatasetError):
        Store(tmp_path / "store")
