"""`l3c decode`: whole, regions, what is left of damaged files; each failure has its exit code."""

import dataclasses
import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
from command import Run, files_in
from PIL import Image
from tiny_models import smooth

from l3c.fileformat import tiles
from l3c.fileformat.container import pack, unpack
from l3c.images.reading import read_picture


@pytest.fixture
def coded(run: Run, photo: Path) -> Path:
    run("encode", photo)
    return photo.with_suffix(".l3c")


@pytest.fixture
def tiled(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An image of 64x64 pixels in four tiles."""
    monkeypatch.setattr(tiles, "TILE_PIXELS", 32 * 32)
    Image.fromarray(smooth(64, 64)).save(tmp_path / "tiled.png")
    run("encode", tmp_path / "tiled.png")
    return tmp_path / "tiled.l3c"


def flip_last_byte(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))


def test_a_disk_that_is_full_is_the_outputs_problem(
    run: Run, coded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    ended = run("decode", coded, "-o", tmp_path / "out.png", "--json")
    error = json.loads(ended.out)["files"][0]["error"]
    assert (ended.code, error["type"], error["output"]) == (
        1,
        "OutputError",
        str(tmp_path / "out.png"),
    )
    assert "No space left" in error["message"]
    assert not [path for path in tmp_path.iterdir() if "out" in path.name]


def test_a_name_that_promises_another_format(run: Run, coded: Path, tmp_path: Path) -> None:
    ended = run("decode", coded, "-o", tmp_path / "x.png", "--format", "tiff")
    assert ended.code == 1
    assert "x.png: would hold tiff" in ended.err


def test_png_by_default_and_others_that_are_lossless(
    run: Run, coded: Path, photo: Path, tmp_path: Path
) -> None:
    for options, name in (
        (["-o", tmp_path / "new.png"], "new.png"),
        (["-o", tmp_path / "new"], "new"),
        (["--format", "tiff"], "photo.tiff"),
        (["-o", tmp_path / "new.WEBP"], "new.WEBP"),
        (["-o", tmp_path / "new.xyz", "--format", "bmp"], "new.xyz"),
    ):
        assert run("decode", coded, *options).code == 0
        assert (np.array(Image.open(tmp_path / name)) == np.array(Image.open(photo))).all()


def test_lossy_and_unknown_formats_are_refused(run: Run, coded: Path, tmp_path: Path) -> None:
    ended = run("decode", coded, "-o", tmp_path / "new.jpg")
    assert ended.code == 1
    assert ended.err.startswith(f"l3c: {tmp_path / 'new.jpg'}: .jpg files are not written")
    ended = run("decode", coded, "--format", "jpg")
    assert ended.code == 2
    assert "--format jpg: expected one of bmp png tif tiff webp" in ended.err


def test_the_image_is_not_overwritten_unasked(run: Run, coded: Path, photo: Path) -> None:
    before = photo.read_bytes()
    ended = run("decode", coded)
    assert (ended.code, f"l3c: {photo}: exists" in ended.err) == (1, True)
    assert photo.read_bytes() == before
    assert run("decode", coded, "--force").code == 0


def test_a_region_is_what_it_says(run: Run, tiled: Path, tmp_path: Path) -> None:
    ended = run("decode", tiled, "-o", tmp_path / "part.png", "--region", "20,8,30,17")
    assert ended.code == 0
    part = np.array(Image.open(tmp_path / "part.png"))
    assert (part == smooth(64, 64)[8:25, 20:50]).all()


def test_a_region_needs_only_its_own_tiles(run: Run, tiled: Path, tmp_path: Path) -> None:
    flip_last_byte(tiled)
    assert run("decode", tiled, "-o", tmp_path / "a.png", "--region", "0,0,32,32").code == 0
    assert run("decode", tiled, "-o", tmp_path / "b.png", "--region", "0,0,33,33").code == 3
    assert not (tmp_path / "b.png").exists()


@pytest.mark.parametrize("region", ["0,0,0,1", "60,0,5,1", "0,64,1,1"])
def test_a_region_outside_is_refused(run: Run, tiled: Path, tmp_path: Path, region: str) -> None:
    ended = run("decode", tiled, "-o", tmp_path / "part.png", "--region", region)
    assert ended.code == 1
    assert "is not inside the picture of 64x64 pixels" in ended.err


@pytest.mark.parametrize("region", ["1,2,3", "a,b,c,d", "1,2,3,-4", "1.5,2,3,4"])
def test_a_region_is_four_numbers(run: Run, tiled: Path, region: str) -> None:
    ended = run("decode", tiled, "--region", region)
    assert ended.code == 2
    assert "expected x,y,width,height in pixels" in ended.err


def test_salvage_writes_the_other_tiles_and_lists_the_lost(
    run: Run, tiled: Path, tmp_path: Path
) -> None:
    flip_last_byte(tiled)
    target = tmp_path / "rest.png"
    ended = run("decode", tiled, "-o", target)
    assert ended.code == 3
    assert f"l3c: {tiled}: tile 32,32,32,32 (x,y,w,h) was altered" in ended.err
    assert not target.exists()
    ended = run("decode", tiled, "-o", target, "--salvage", "--json")
    assert ended.code == 5
    assert ended.err.count("tile 32,32,32,32 (x,y,w,h) was altered") == 1
    [lost] = json.loads(ended.out)["files"][0]["lost"]
    assert lost["region"] == [32, 32, 32, 32]
    assert lost["type"] == "TileAlteredError"
    expected = smooth(64, 64)
    expected[32:, 32:] = 0
    assert (np.array(Image.open(target)) == expected).all()


def test_salvage_of_a_truncated_file(run: Run, tiled: Path, tmp_path: Path) -> None:
    data = tiled.read_bytes()
    tiled.write_bytes(data[:-10])
    ended = run("decode", tiled, "-o", tmp_path / "rest.png", "--salvage")
    assert ended.code == 5
    assert "ends early" in ended.err
    assert "tile 32,32,32,32 (x,y,w,h) is missing" in ended.err
    tiled.write_bytes(data + b"\0")
    ended = run("decode", tiled, "-o", tmp_path / "all.png", "--salvage")
    assert (ended.code, "goes on after its end" in ended.err) == (5, True)
    assert (np.array(Image.open(tmp_path / "all.png")) == smooth(64, 64)).all()


def test_salvage_of_a_sound_file_is_a_plain_decode(run: Run, tiled: Path, tmp_path: Path) -> None:
    assert run("decode", tiled, "-o", tmp_path / "all.png", "--salvage").code == 0


def test_each_failure_has_its_code(
    run: Run, coded: Path, other_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = coded.read_bytes()
    altered, cut, strange = (tmp_path / f"{name}.l3c" for name in ("altered", "cut", "strange"))
    altered.write_bytes(data)
    flip_last_byte(altered)
    cut.write_bytes(data[:30])
    strange.write_bytes(b"\x89PNG\r\n\x1a\n")
    inexact = tmp_path / "inexact.l3c"
    container = unpack(data)
    [tile] = container.tiles
    wrong = dataclasses.replace(tile, pixels_crc=tile.pixels_crc ^ 1)
    inexact.write_bytes(pack(dataclasses.replace(container, tiles=(wrong,))))
    out = tmp_path / "out"
    assert run("decode", altered, "-o", f"{out}/").code == 3
    assert run("decode", cut, "-o", f"{out}/").code == 3
    assert run("decode", altered, cut, "-o", out).code == 3
    assert run("decode", strange, "-o", f"{out}/").code == 1
    assert run("decode", inexact, "-o", f"{out}/").code == 6
    assert run("decode", altered, inexact, "-o", out).code == 1
    monkeypatch.setattr("l3c.models.zoo._FOLDERS", ())
    assert run("decode", coded, "-o", f"{out}/").code == 4
    ended = run("decode", coded, "-o", f"{out}/", "--model", other_model)
    assert (ended.code, "which is not here; there are: other" in ended.err) == (4, True)
    assert not out.exists()


def test_weights_are_found_by_identity(run: Run, photo: Path, other_model: Path) -> None:
    coded = photo.with_suffix(".l3c")
    assert run("encode", photo, "--model", other_model).code == 0
    assert run("decode", coded, "-o", f"{photo.parent}/back/").code == 4
    assert run("decode", coded, "-o", f"{photo.parent}/back/", "--model", other_model).code == 0
    assert read_picture(photo.parent / "back/photo.png") == read_picture(photo)


def test_an_unwritable_place_is_named(run: Run, coded: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = run("decode", coded, "-o", tmp_path / "file" / "x.png")
    assert ended.code == 1
    assert ended.err.startswith(f"l3c: {tmp_path / 'file' / 'x.png'}: ")
    assert files_in(tmp_path) == ["file", "photo.l3c", "photo.png"]
