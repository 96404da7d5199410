"""Validation: fixed crops, and what a network costs on them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from tiny_models import noise, tiny

from l3c.data.images import pixel_sha256, write_png
from l3c.data.manifest import IMAGES, MANIFEST, ManifestRow, write_manifest
from l3c.training.errors import TrainingError
from l3c.training.validation import CROPS, SIDE, middle_crops, validation_bpsp


def dataset(folder: Path, images: Mapping[str, npt.NDArray[np.uint8]]) -> Path:
    """Writes a data set; the path of its manifest."""
    rows = []
    (folder / IMAGES).mkdir()
    for name, image in images.items():
        write_png(folder / IMAGES / f"{name}.png", image)
        height, width = image.shape[:2]
        about = {"image": name, "source": name, "status": "kept", "height": height, "width": width}
        rows.append(ManifestRow.model_validate(about | {"pixel_sha256": pixel_sha256(image)}))
    write_manifest(folder / MANIFEST, rows)
    return folder / MANIFEST


def test_the_middle_of_photographs_that_are_large_enough(tmp_path: Path) -> None:
    large, small = noise(SIDE + 4, SIDE + 1, 3), noise(SIDE - 1, 500, 3)
    crops = middle_crops(dataset(tmp_path, {"small": small, "large": large}))
    assert crops.shape == (1, 3, SIDE, SIDE)
    assert np.array_equal(crops[0].permute(1, 2, 0), large[2:-2, :SIDE])


def test_many_photographs_are_thinned_out_evenly_and_no_others_read(tmp_path: Path) -> None:
    images = {str(i): np.full((SIDE, SIDE, 3), i % 256, np.uint8) for i in range(2 * CROPS)}
    manifest = dataset(tmp_path, images)
    (tmp_path / IMAGES / "1.png").unlink()
    crops = middle_crops(manifest)
    assert crops[:, 0, 0, 0].tolist() == list(range(0, 2 * CROPS, 2))


def test_no_photograph_is_said(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no photograph to validate on"):
        middle_crops(dataset(tmp_path, {}))


def test_small_images_are_taken_whole(tmp_path: Path) -> None:
    crops = middle_crops(dataset(tmp_path, {"a": noise(32, 32, 3), "b": noise(40, 33, 3)}))
    assert crops.shape == (2, 3, 32, 32)


def test_bpsp_counts_every_scale() -> None:
    network, crops = tiny(), torch.from_numpy(noise(9, 3, 16, 16))
    with torch.no_grad():
        bits = sum(float(sum(network.bits(crop[None]).values())) for crop in crops)
    assert validation_bpsp(network, crops) == pytest.approx(bits / crops.numel(), rel=1e-5)
