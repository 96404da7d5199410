"""A tiny model in the place of the one that comes with the package, and images."""

import numpy as np
import pytest
from PIL import Image
from tiny_models import limit, smooth, write_model

from l3c import tile_coding
from l3c.models import zoo


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """Weights of the default model."""
    return write_model(tmp_path_factory.mktemp("released"), name=zoo.DEFAULT)


@pytest.fixture(scope="session")
def other_model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("mine"), seed=1, name="other")


@pytest.fixture(autouse=True)
def released(model, monkeypatch):
    monkeypatch.setattr(zoo, "_FOLDERS", (model.parent,))
    monkeypatch.setattr(tile_coding, "_limit", limit)


@pytest.fixture
def photo(tmp_path):
    """An RGB image of 40x52 pixels."""
    path = tmp_path / "photo.png"
    Image.fromarray(smooth(52, 40)).save(path)
    return path


@pytest.fixture
def album(tmp_path):
    """A folder of images of several modes, and a folder in it."""
    folder = tmp_path / "album"
    (folder / "2020").mkdir(parents=True)
    Image.fromarray(smooth(30, 44)).save(folder / "a.png")
    Image.fromarray(smooth(30, 44)[..., 0]).save(folder / "grey.tif")
    Image.fromarray(smooth(20, 24, 4)).save(folder / "2020" / "alpha.png")
    Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30)).save(folder / "2020/deep.png")
    (folder / "notes.txt").write_text("no image")
    (folder / ".hidden.png").write_text("no image")
    return folder
