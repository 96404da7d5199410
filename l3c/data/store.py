"""Training images as raw pixels in a memory-mapped file: a crop is read without decoding the rest.

A store is a folder: a file of uint8 RGB rows, image after image, and an index with the place of
each image and the hash of the manifest. The index is written last; without it there is no store.
Pages of the file come from the system's cache, which all processes of a machine share.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from l3c.data import DatasetError
from l3c.data.images import RGBImage, kept_images, manifest_sha256
from l3c.files import write_whole
from l3c.messages import one_line

INDEX, PIXELS = "index.json", "pixels.rgb"
VERSION = 2


class StoreError(DatasetError):
    """A store that cannot be written, is incomplete, or holds other images than expected."""


def write_store(folder: Path, images: Iterable[tuple[str, RGBImage]], data_sha256: str) -> None:
    """Writes a store; one that is there is removed first.

    Args:
        folder: of the store.
        images: name and uint8 (H, W, 3), as of `kept_images`.
        data_sha256: of the manifest that lists the images.

    Raises:
        StoreError: the disk is full, or the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / INDEX).unlink(missing_ok=True)
        entries = []
        with (folder / PIXELS).open("wb") as file:
            for name, image in images:
                entries.append((name, *image.shape[:2], file.tell()))
                file.write(np.ascontiguousarray(image).data)
            file.flush()
            os.fsync(file.fileno())
        index = {"version": VERSION, "data_sha256": data_sha256, "images": entries}
        write_whole(folder / INDEX, json.dumps(index).encode())
    except OSError as error:
        raise StoreError(
            f"{folder}: the training store cannot be written ({one_line(error)}); what was "
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


class Store(dict[str, RGBImage]):
    """Name -> read-only uint8 (H, W, 3) of a store, mapped, not read.

    Args:
        folder: of the store.
        data_sha256: of the manifest that is to be trained on; not compared if None.

    Raises:
        StoreError: no store, an incomplete one, or one of other images.
    """

    def __init__(self, folder: Path, data_sha256: str | None = None) -> None:
        try:
            index = json.loads((folder / INDEX).read_bytes())
            self.data_sha256: str = index["data_sha256"]
            pixels = np.memmap(folder / PIXELS, np.uint8, "r")
            for name, height, width, start in index["images"]:
                self[name] = pixels[start : start + 3 * height * width].reshape(height, width, 3)
            size = sum(image.size for image in self.values())
            complete = index["version"] == VERSION and pixels.size == size
        except (OSError, ValueError, KeyError, TypeError):
            complete = False
        if not complete or data_sha256 not in (None, self.data_sha256):
            raise StoreError(
                f"{folder}: no complete training store of these images, or one of another version "
                "of this package; delete it to have it written anew"
            )
