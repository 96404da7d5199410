"""TIFF files, read by us and by tifffile: the same pixels, or a refusal by name."""

import io

import numpy as np
import pytest
import tifffile
from pictures import refused, saved
from PIL import Image

from l3c.data.images import read_rgb
from l3c.images.picture import PictureError, Section
from l3c.images.pillow import from_pil, to_pil
from l3c.images.reading import read_picture

TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}
"""How a picture is turned for each value of the tag, as the standard of TIFF says."""

RGB, GREY = {"photometric": "rgb"}, {"photometric": "minisblack"}
COLORS = np.random.default_rng(1).integers(0, 256, (3, 256)) * 257
KINDS = {
    "bilevel": (bool, (), GREY),
    "grey": (np.uint8, (), GREY),
    "grey, alpha": (np.uint8, (2,), GREY | {"extrasamples": [2], "planarconfig": "contig"}),
    "palette": (np.uint8, (), {"photometric": "palette", "colormap": COLORS.astype(np.uint16)}),
    "RGB": (np.uint8, (3,), RGB),
    "RGBA": (np.uint8, (4,), RGB | {"extrasamples": [2]}),
    "16-bit grey": (np.uint16, (), GREY),
    "16-bit RGB": (np.uint16, (3,), RGB),
}
LAYOUTS = [
    {"compression": None},
    {"compression": None, "byteorder": ">"},
    {"compression": None, "rowsperstrip": 5},
    {"compression": None, "tile": (16, 16)},
    {"compression": "packbits"},
    {"compression": "lzw", "predictor": True},
    {"compression": "zlib", "predictor": True, "byteorder": ">"},
    {"compression": "zlib", "rowsperstrip": 5},
    {"compression": "zlib", "tile": (16, 16)},
    {"compression": "zstd"},
]


def noise(dtype, more):
    top = 2 if dtype is bool else np.iinfo(dtype).max + 1
    return np.random.default_rng(0).integers(0, top, (13, 21, *more)).astype(dtype)


def tiff(array, orientation=1, **options):
    file = io.BytesIO()
    tag = (274, "H", 1, orientation, True)
    tifffile.imwrite(file, array, extratags=[tag], metadata=None, software=False, **options)
    return file.getvalue()


def orientation_in(picture):
    exif = Image.Exif()
    exif.load(picture.sections.get(Section.EXIF, b""))
    return int(exif.get(274, 1))


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_the_pixels_are_those_that_another_reader_finds(kind, layout, tmp_path):
    dtype, more, options = KINDS[kind]
    if dtype is bool:
        layout = {name: value for name, value in layout.items() if name != "predictor"}
    path = tmp_path / "x.tif"
    for orientation, turn in TURNS.items():
        path.write_bytes(tiff(noise(dtype, more), orientation, **options, **layout))
        expected = turn(tifffile.imread(path))
        expected = expected.reshape(*expected.shape[:2], -1)
        for picture in (read_picture(path), read_picture(path.read_bytes())):
            assert picture.samples.shape == expected.shape
            assert (picture.samples == expected).all()
            assert orientation_in(picture) == 1
            assert picture.losses == ()
        if kind == "RGB":
            assert (read_rgb(path) == expected).all()
        elif dtype != np.uint16 or not more:
            with Image.open(path) as image:  # mapped into memory, if one only lets Pillow
                assert (from_pil(image).samples == expected).all()
                assert image.filename == str(path)


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
@pytest.mark.parametrize("more", [(), (3,)])
def test_signed_samples_are_refused_by_name(dtype, more):
    data = tiff(noise(dtype, more), photometric="rgb" if more else "minisblack")
    kind = "TIFF of a kind" if more else f"{8 * dtype().itemsize}-bit signed"
    assert kind in refused(data)


@pytest.mark.parametrize("layout", [*({"rowsperstrip": n} for n in (1, 5)), {"tile": (16, 16)}])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_fewer_strips_than_the_size_needs_are_refused(layout, compression, tmp_path):
    path = tmp_path / "x.tif"
    data = tiff(noise(np.uint8, (3,)), photometric="rgb", compression=compression, **layout)
    for tag in (257, 256):  # one more row, or column, of strips or tiles, without any data
        path.write_bytes(data)
        with tifffile.TiffFile(path, mode="r+b") as file:
            file.pages[0].tags[tag].overwrite(33)
        if tag == 256 and "tile" not in layout:
            continue
        for reader in (read_picture, read_rgb):
            with pytest.raises(PictureError):
                reader(path)


def test_what_describes_the_photograph_is_kept():
    exif = Image.Exif()
    exif[274], exif[271], exif[34665] = 6, "Maker", {36867: "2020:01:02 03:04:05"}
    photo = Image.fromarray(noise(np.uint8, (3,)))
    picture = read_picture(saved(photo, "TIFF", exif=exif.tobytes()))
    assert (picture.height, picture.width) == (21, 13)  # turned by Pillow
    found = to_pil(picture).getexif()
    assert (found.get(274), found[271]) == (None, "Maker")
    assert found.get_ifd(34665)[36867] == "2020:01:02 03:04:05"


def test_what_is_not_kept_is_said():
    tags = [(33723, "B", 4, b"IPTC", True), (65000, "H", 1, 5, True)]
    file = io.BytesIO()
    tifffile.imwrite(
        file, noise(np.uint8, ()), extratags=tags, metadata=None, resolution=(72, 72), software="S"
    )
    assert set(read_picture(file.getvalue()).losses) == {"IptcNaaInfo", "tag 65000"}
    fine = tiff(noise(np.uint8, ()), photometric="palette", colormap=(COLORS + 1).astype(np.uint16))
    assert len(read_picture(fine).losses) == 1
