"""Training images as raw pixels in memory-mapped files: a crop is read without decoding the rest.

A store is a folder: shards of uint8 RGB rows, image after image, and an index that says where each
image lies and which manifest it was made from. The index is written last; without it there is no
store. Pages of the shards come from the system's cache, which all processes of a machine share.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from l3c.data.errors import DatasetError
from l3c.data.manifest import kept_images, manifest_sha256
from l3c.whole_files import write_whole

RGB = npt.NDArray[np.uint8]

INDEX = "index.json"
VERSION = 1
SHARD_BYTES = 1 << 30  # a shard ends with the image that reaches this


class StoreError(DatasetError):
    """A store that cannot be written, or is not what training expects; says what to do."""


def write_store(folder: Path, images: Iterable[tuple[str, RGB]], data_sha256: str) -> None:
    """Writes a store; one that is there is replaced once the new one is complete.

    Args:
        folder: of the store.
        images: name and uint8 (H, W, 3), as of `kept_images`.
        data_sha256: of the manifest that the images are of.

    Raises:
        StoreError: the disk is full, or the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / INDEX).unlink(missing_ok=True)
        for old in folder.glob("shard-*.rgb"):
            old.unlink()
        entries: list[tuple[str, int, int, int, int]] = []
        with _Shards(folder) as shards:
            for name, image in images:
                height, width = image.shape[:2]
                entries.append((name, height, width, *shards.append(image)))
        index = {"version": VERSION, "data_sha256": data_sha256, "images": entries}
        write_whole(folder / INDEX, json.dumps(index).encode())
    except OSError as error:
        raise StoreError(
            f"{folder}: the training store cannot be written ({error.strerror or error}); what was "
            "prepared is kept: make room, and run the same command again"
        ) from error


def store_of(manifest: Path, folder: Path) -> Store:
    """The store of a data set's kept images; written if it is not there, or is of other images.

    Raises:
        StoreError: it cannot be written.
    """
    data_sha256 = manifest_sha256(manifest)
    try:
        return Store(folder, data_sha256)
    except StoreError:
        write_store(folder, kept_images(manifest), data_sha256)
        return Store(folder, data_sha256)


class Store(Mapping[str, RGB]):
    """Name -> read-only uint8 (H, W, 3) of a store, mapped, not read.

    Args:
        folder: of the store.
        data_sha256: of the manifest that is to be trained on; not compared if None.

    Raises:
        StoreError: no store, an incomplete one, or one of other images.
    """

    def __init__(self, folder: Path, data_sha256: str | None = None) -> None:
        again = "delete it to have it written anew"
        try:
            index = json.loads((folder / INDEX).read_bytes())
        except OSError as error:
            raise StoreError(f"{folder}: no complete training store ({error.strerror})") from None
        except ValueError:
            raise StoreError(f"{folder / INDEX}: not the index of a store; {again}") from None
        if not isinstance(index, dict) or index.get("version") != VERSION:
            raise StoreError(f"{folder}: a store of another version of this package; {again}")
        self.data_sha256: str = index["data_sha256"]
        if data_sha256 not in (None, self.data_sha256):
            raise StoreError(f"{folder}: made from another preparation of the images; {again}")
        self._folder = folder
        self._shards: dict[int, RGB] = {}
        self._entries = {name: tuple(place) for name, *place in index["images"]}
        needed: dict[int, int] = {}
        for height, width, shard, offset in self._entries.values():
            needed[shard] = max(needed.get(shard, 0), offset + 3 * height * width)
        for shard, size in needed.items():
            path = _shard_path(folder, shard)
            if not path.exists() or path.stat().st_size < size:
                raise StoreError(f"{path}: missing or cut off; {again}")

    def __getitem__(self, name: str) -> RGB:
        height, width, shard, offset = self._entries[name]
        if shard not in self._shards:
            self._shards[shard] = np.memmap(_shard_path(self._folder, shard), np.uint8, "r")
        return self._shards[shard][offset : offset + 3 * height * width].reshape(height, width, 3)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


class _Shards:
    """Shards in the order they are written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = -1
        self._size = SHARD_BYTES
        self._file: BinaryIO | None = None

    def append(self, image: RGB) -> tuple[int, int]:
        """Writes an image; the shard and where in it."""
        if self._size >= SHARD_BYTES:
            self._close()
            self._number += 1
            self._size = 0
            self._file = _shard_path(self._folder, self._number).open("wb")
        assert self._file is not None
        offset = self._size
        self._file.write(np.ascontiguousarray(image).data)
        self._size += image.nbytes
        return self._number, offset

    def _close(self) -> None:
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()

    def __enter__(self) -> _Shards:
        return self

    def __exit__(self, *exception: object) -> None:
        self._close()


def _shard_path(folder: Path, number: int) -> Path:
    return folder / f"shard-{number:04d}.rgb"
