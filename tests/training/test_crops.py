"""Crops: a function of seed and step, and the fixed ones that a network is validated on."""

from itertools import permutations

import numpy as np
import pytest
import torch
from tiny_models import noise, tiny

from l3c.data.images import IMAGES, MANIFEST, ManifestRow, pixel_sha256, write_manifest, write_png
from l3c.recipe import TrainSettings
from l3c.training.crops import CROPS, SIDE, Crops, middle_crops, validate


def dataset(folder, images):
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


def test_batches_depend_on_the_step_alone():
    settings = TrainSettings(crop=16, batch=6, rotate=True)
    crops = Crops({"a": noise(20, 30, 3), "b": noise(16, 16, 3)}, settings)
    batch, names = crops.batch(3)
    assert (batch.shape, set(names)) == ((6, 3, 16, 16), {"a", "b"})
    assert not torch.equal(crops.batch(4)[0], batch)
    assert torch.equal(crops.batch(3)[0], batch)


def test_permuted_crops_are_the_same_in_other_colours():
    image = np.stack([np.full((16, 16), value, np.uint8) for value in (10, 20, 30)], -1)
    plain = TrainSettings(crop=16, batch=40)
    permuted = Crops({"a": image}, plain.model_copy(update={"permute": 1.0})).batch(0)[0]
    assert {tuple(each) for each in permuted[:, :, 0, 0].tolist()} == set(
        permutations((10, 20, 30))
    )
    assert (Crops({"a": image}, plain).batch(0)[0][:, :, 0, 0] == torch.tensor([10, 20, 30])).all()


def test_the_middle_of_photographs_that_are_large_enough(tmp_path):
    large, small = noise(SIDE + 4, SIDE + 1, 3), noise(SIDE - 1, 500, 3)
    crops = middle_crops(dataset(tmp_path, {"small": small, "large": large}))
    assert crops.shape == (1, 3, SIDE, SIDE)
    assert np.array_equal(crops[0].permute(1, 2, 0), large[2:-2, :SIDE])


def test_many_photographs_are_thinned_out_evenly_and_no_others_read(tmp_path):
    images = {str(i): np.full((SIDE, SIDE, 3), i % 256, np.uint8) for i in range(2 * CROPS)}
    manifest = dataset(tmp_path, images)
    (tmp_path / IMAGES / "1.png").unlink()
    assert middle_crops(manifest)[:, 0, 0, 0].tolist() == list(range(0, 2 * CROPS, 2))


def test_bpsp_counts_every_scale():
    network, crops = tiny(), torch.from_numpy(noise(9, 3, 16, 16))
    with torch.no_grad():
        bits = sum(float(sum(network.bits(crop[None]).values())) for crop in crops)
    assert validate(network, crops) == {
        "validation_bpsp": pytest.approx(bits / crops.numel(), rel=1e-5)
    }
