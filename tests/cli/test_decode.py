"""`l3c decode`: whole, regions, what is left of damaged files; `info` and `verify` of files."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from command import files_in
from PIL import Image
from tiny_models import smooth

from l3c.fileformat import tiles
from l3c.fileformat.container import pack, unpack


@pytest.fixture
def coded(run, photo):
    run("encode", photo)
    return photo.with_suffix(".l3c")


@pytest.fixture
def tiled(run, tmp_path, monkeypatch):
    """An image of 64x64 pixels in four tiles."""
    monkeypatch.setattr(tiles, "TILE_PIXELS", 32 * 32)
    Image.fromarray(smooth(64, 64)).save(tmp_path / "tiled.png")
    run("encode", tmp_path / "tiled.png")
    return tmp_path / "tiled.l3c"


def flip(path, position):
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


def test_pngs_are_lossless_and_named_so(run, coded, photo, tmp_path):
    expected = np.array(Image.open(photo))
    for options, name in (
        (["-o", tmp_path / "new.png"], "new.png"),
        (["-o", tmp_path / "new"], "new"),
        (["-o", tmp_path / "new.PNG"], "new.PNG"),
    ):
        assert run("decode", coded, *options).code == 0
        assert (np.array(Image.open(tmp_path / name)) == expected).all()
    (tmp_path / "file").write_text("")
    before = files_in(tmp_path)
    for target in ("x.jpg", "x.tif", "file/x.png", "photo.png"):
        ended = run("decode", coded, "-o", tmp_path / target)
        assert (ended.code, f"l3c: {tmp_path / target}: " in ended.err) == (1, True)
    assert files_in(tmp_path) == before
    assert (np.array(Image.open(photo)) == expected).all()
    assert run("decode", coded, "--force").code == 0


def test_a_region_is_decoded_from_its_own_tiles(run, tiled, tmp_path):
    part = tmp_path / "part.png"
    assert run("decode", tiled, "-o", part, "--region", "20,8,30,17").code == 0
    assert (np.array(Image.open(part)) == smooth(64, 64)[8:25, 20:50]).all()
    flip(tiled, -1)
    assert run("decode", tiled, "-o", tmp_path / "a.png", "--region", "0,0,32,32").code == 0
    assert run("decode", tiled, "-o", tmp_path / "b.png", "--region", "0,0,33,33").code == 3
    assert not (tmp_path / "b.png").exists()


@pytest.mark.parametrize(
    ("region", "code"),
    [(r, 1) for r in ("0,0,0,1", "60,0,5,1", "0,64,1,1")]
    + [(r, 2) for r in ("1,2,3", "a,b,c,d", "1,2,3,-4", "1.5,2,3,4")],
)
def test_a_region_is_four_numbers_inside(run, tiled, tmp_path, region, code):
    assert run("decode", tiled, "-o", tmp_path / "part.png", "--region", region).code == code


def test_salvage_writes_the_other_tiles_and_lists_the_lost(run, tiled, tmp_path):
    data, target = tiled.read_bytes(), tmp_path / "rest.png"
    assert run("decode", tiled, "-o", target, "--salvage").code == 0  # a sound file
    for content, code, flaws in (
        (data[:-1] + bytes([data[-1] ^ 1]), 3, ["TileAlteredError"]),
        (data[:-10], 3, ["TruncatedError", "TileMissingError"]),
        (data + b"\0", 3, ["TrailingBytesError"]),
    ):
        tiled.write_bytes(content)
        target.unlink()
        ended = run("decode", tiled, "-o", target)
        assert (ended.code, target.exists()) == (code, False)
        ended = run("decode", tiled, "-o", target, "--salvage", "--json")
        lost = ended.content["files"][0]["lost"]
        assert (ended.code, [flaw["type"] for flaw in lost]) == (5, flaws)
        assert ended.err.count(f"l3c: {tiled}: ") == len(flaws)
        expected = smooth(64, 64)
        if flaws[-1].startswith("Tile"):
            assert lost[-1]["region"] == [32, 32, 32, 32]
            expected[32:, 32:] = 0
        assert (np.array(Image.open(target)) == expected).all()


def test_each_failure_has_its_code(run, coded, other_model, tmp_path, monkeypatch):
    data, out = coded.read_bytes(), tmp_path / "out"
    container = unpack(data)
    wrong = dataclasses.replace(container.tiles[0], pixels_crc=container.tiles[0].pixels_crc ^ 1)
    files = {
        "altered": data[:-1] + bytes([data[-1] ^ 1]),
        "cut": data[:30],
        "strange": b"\x89PNG\r\n\x1a\n",
        "inexact": pack(dataclasses.replace(container, tiles=(wrong,))),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    for names, code in (
        (["altered"], 3),
        (["cut"], 3),
        (["altered", "cut"], 3),
        (["strange"], 1),
        (["inexact"], 6),
        (["altered", "inexact"], 1),
    ):
        assert run("decode", *(tmp_path / name for name in names), "-o", f"{out}/").code == code
    monkeypatch.setattr("l3c.models.zoo._FOLDERS", ())
    assert run("decode", coded, "-o", f"{out}/").code == 4
    ended = run("decode", coded, "-o", f"{out}/", "--model", other_model)
    assert (ended.code, "(other)" in ended.err) == (4, True)
    assert not out.exists()


STREAMS = ["container", "sections", "z3", "z2", "z1", "x"]


@pytest.fixture
def stored(run, album, tmp_path):
    run("encode", album, "-o", tmp_path / "coded")
    return tmp_path / "coded"


def test_info_for_people_and_scripts(run, stored, photo):
    ended = run("info", stored / "a.l3c")
    assert (ended.code, ended.err) == (0, "")
    for line in ("RGB, 44 x 30 pixels, 8 bits a sample", "1 (1 x 1)", "(causal-middle)", "good"):
        assert line in ended.out
    assert "none: coded by the fallback alone" in run("info", stored / "grey.l3c").out
    found = {Path(f["input"]).stem: f for f in run("info", stored, "--json").content["files"]}
    parts = {name: list(fields["bytes_by_part"]) for name, fields in found.items()}
    assert (parts["a"], parts["alpha"]) == (STREAMS, [*STREAMS, "alpha"])
    assert parts["deep"] == parts["grey"] == ["container", "sections", "fallback"]
    for fields in found.values():
        assert sum(fields["bytes_by_part"].values()) == fields["bytes"]
        assert (fields["bytes_by_part"]["container"] < 64, fields["flaws"]) == (True, [])
    assert run("info", photo).code == 1


def test_info_needs_no_model_and_takes_names_from_one(run, stored, model, monkeypatch):
    monkeypatch.setattr("l3c.models.zoo._FOLDERS", ())
    ended = run("info", stored / "a.l3c")
    assert (ended.code, "--model" in ended.out, "streams" in ended.out) == (0, True, True)
    assert "z3" in run("info", stored / "a.l3c", "--model", model).out


def test_a_sound_folder_and_an_empty_one(run, stored, tmp_path):
    ended = run("verify", stored)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[0] == f"{stored / '2020/alpha.l3c'}: OK"
    assert ended.out.splitlines()[-1].startswith("4 files: ")
    (tmp_path / "empty").mkdir()
    ended = run("verify", tmp_path / "empty")
    assert (ended.code, ended.err.startswith(f"l3c: {tmp_path / 'empty'}: ")) == (1, True)


@pytest.mark.parametrize("command", ["info", "verify"])
def test_every_flaw_is_listed(run, tmp_path, monkeypatch, command):
    monkeypatch.setattr(tiles, "TILE_PIXELS", 32 * 32)
    Image.fromarray(smooth(64, 64)).save(tmp_path / "x.png", icc_profile=b"profile")
    run("encode", tmp_path / "x.png")
    path = tmp_path / "x.l3c"
    flip(path, -1)
    flip(path, len(path.read_bytes()) // 2)
    flip(path, path.read_bytes().index(b"profile"))
    ended = run(command, path, "--json")
    file = ended.content["files"][0]
    regions = [flaw["region"] for flaw in file["flaws"]]
    assert (ended.code, regions[0], regions[-1]) == (3, None, [32, 32, 32, 32])
    assert (len(regions), file.get("good", False)) == (3, False)
    assert ended.err.count(f"l3c: {path}: ") == 3
    assert run("decode", path, "-o", tmp_path / "y.png", "--salvage").code == 5
