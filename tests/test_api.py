"""The Python API and the Pillow plugin, as users call them."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tiny_models import limit, noise, smooth, write_model

import l3c
from l3c import tile_coding
from l3c.data.sources import embedded_photos
from l3c.fileformat.errors import ModelMismatchError
from l3c.images.picture import PictureError


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return l3c.open_model(write_model(tmp_path_factory.mktemp("model")), "cpu")


def test_bytes_and_back_with_the_model_that_comes_along():
    image = embedded_photos("test")[0].read()[100:140, 200:250]
    data = l3c.encode(image)
    assert len(data) < 0.8 * image.nbytes
    assert (l3c.decode(data) == image).all()
    as_pil = l3c.decode(data, as_pil=True)
    assert as_pil.mode == "RGB"
    assert (np.asarray(as_pil) == image).all()
    assert (l3c.decode(data, region=(5, 6, 7, 8)) == image[6:14, 5:12]).all()
    with pytest.raises(ValueError):
        l3c.decode(data, region=(-1, 0, 5, 5))


def test_tensors_and_batches(model):
    batch = torch.from_numpy(noise(3, 3, 10, 12))
    files = model.encode_batch(batch)
    assert len(files) == 3
    assert files[1] == model.encode(batch[1])
    decoded = model.decode_batch(files, "torch")
    assert torch.equal(torch.stack(decoded), batch)
    arrays = [noise(4, 5, 3), noise(6, 7, 3)]
    back = model.decode_batch(model.encode_batch(arrays))
    assert all((a == b).all() for a, b in zip(arrays, back, strict=True))


@pytest.mark.parametrize(
    ("image", "error"),
    [
        (np.zeros((4, 4, 3)), PictureError),
        (noise(9, 7, 4, dtype=np.uint16), PictureError),
        (torch.zeros(2, 2, dtype=torch.uint8), ValueError),
        ("photo.png", TypeError),
    ],
    ids=str,
)
def test_what_is_no_image_is_refused(model, image, error):
    with pytest.raises(error):
        model.encode(image)
    with pytest.raises(TypeError):
        model.decode(image)


def test_a_file_of_another_model(model, monkeypatch):
    monkeypatch.setattr(tile_coding, "_limit", limit)
    data = model.encode(smooth(8, 8))
    assert (model.decode(data) == smooth(8, 8)).all()
    with pytest.raises(ModelMismatchError):
        l3c.decode(data)
    with pytest.raises(ModelMismatchError) as raised:
        l3c.open_model("interlaced-small").decode(data)
    assert str(raised.value).count("interlaced-small") == 1


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_pillow_opens_and_saves(tmp_path, mode):
    if mode == "I;16":
        image = Image.fromarray(noise(20, 30, dtype=np.uint16))
    else:
        image = Image.fromarray(noise(20, 30, 3)).convert(mode)
    image.save(tmp_path / "x.l3c")
    with Image.open(tmp_path / "x.l3c") as opened:
        assert (opened.format, opened.mode, opened.size) == ("L3C", mode, (30, 20))
        assert (np.asarray(opened) == np.asarray(image)).all()
        if mode == "P":
            assert opened.getpalette() == image.getpalette()


@pytest.mark.parametrize("mode", ["L", "P"])
def test_pillow_gives_and_takes_metadata_without_the_pixels(tmp_path, mode):
    exif = Image.Exif()
    exif[0x010E] = "a test"
    path, image = tmp_path / "x.l3c", Image.new(mode, (5, 6))
    image.info = {"icc_profile": b"an old one", "xmp": b"<old/>", "transparency": 3}
    for given in (exif, exif.tobytes()):
        image.save(path, exif=given, icc_profile=b"a new one", xmp=b"<new/>")
        with Image.open(path) as opened:
            assert opened.getexif()[0x010E] == "a test"
            found = {key: opened.info[key] for key in ("icc_profile", "xmp", "transparency")}
            assert found == {"icc_profile": b"a new one", "xmp": b"<new/>", "transparency": 3}
            opened.info["xmp"] = b"<changed/>"
            opened.load()
            assert opened.info["xmp"] == b"<changed/>"
    image.save(path, icc_profile=None, xmp="")
    with Image.open(path) as opened:
        assert opened.info == {"transparency": 3}


def test_pillow_reports_damage(tmp_path):
    file = io.BytesIO()
    Image.fromarray(noise(20, 30, 3)).save(file, format="L3C")
    data = bytearray(file.getvalue())
    data[-3] ^= 1
    with Image.open(io.BytesIO(bytes(data))) as opened, pytest.raises(OSError):
        opened.load()
    with pytest.raises(Image.UnidentifiedImageError):
        Image.open(io.BytesIO(bytes(data[:30])))


FORK = """
import os, sys
import numpy as np
import torch
import l3c
torch.set_num_threads(2)
model = l3c.open_model(sys.argv[1], "cpu")
image = np.arange(64 * 64 * 3).astype(np.uint8).reshape(64, 64, 3)
data = model.encode(image)
child = os.fork()
if not child:
    torch.set_num_threads(1)
    os._exit(not (model.decode(data) == image).all())
assert os.waitpid(child, 0)[1] == 0
"""


def test_a_forked_process_with_one_thread_does_not_hang(tmp_path):
    weights = write_model(tmp_path)
    command = [sys.executable, "-c", FORK, str(weights)]
    assert subprocess.run(command, timeout=120, cwd=Path(__file__).parents[1]).returncode == 0
