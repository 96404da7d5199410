"""The training store: the very pixels, mapped; incomplete or foreign ones are refused."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tiny_models import noise

from l3c.data import store
from l3c.data.datasets import DatasetSpec, build_dataset
from l3c.data.images import write_png
from l3c.data.store import Store, StoreError, store_of, write_store

IMAGES = {f"{i}.png": noise(20 + i, 31 - i, 3) for i in range(7)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_store(tmp_path / "store", IMAGES.items(), "d" * 64)
    return tmp_path / "store"


def test_images_come_back_mapped(folder: Path) -> None:
    opened = Store(folder, "d" * 64)
    assert list(opened) == list(IMAGES)
    with pytest.raises(StoreError):  # of other images
        Store(folder, "e" * 64)
    for name, image in IMAGES.items():
        assert np.array_equal(opened[name], image)
        assert not opened[name].flags.writeable
    assert (folder / store.PIXELS).stat().st_size == sum(map(np.size, IMAGES.values()))


def test_a_store_is_written_when_its_images_change(tmp_path: Path) -> None:
    source, data = tmp_path / "in", tmp_path / "data"
    source.mkdir()
    write_png(source / "a.png", noise(8, 9, 3))
    spec = DatasetSpec(source=str(source))
    first = store_of(build_dataset(spec, data), data / "store")
    assert list(first) == ["a"]
    written = (data / "store" / "index.json").stat().st_mtime_ns
    store_of(data / "manifest.csv", data / "store")
    assert (data / "store" / "index.json").stat().st_mtime_ns == written
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
def test_what_is_not_the_store_is_refused(folder: Path, name: str, content: bytes | None) -> None:
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(StoreError) as caught:
        Store(folder)
    assert str(folder) in str(caught.value)


def test_a_full_disk_leaves_no_store(folder: Path) -> None:
    def full() -> Iterator[tuple[str, np.ndarray]]:
        yield "a", noise(8, 9, 3)
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StoreError, match="make room"):
        write_store(folder, full(), "d" * 64)
    with pytest.raises(StoreError):
        Store(folder)
