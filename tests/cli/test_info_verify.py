"""`l3c info` and `l3c verify`: what files hold, and whether it is intact."""

from pathlib import Path

import pytest
from PIL import Image
from tiny_models import smooth, write_model

from l3c.fileformat import tiles

STREAMS = ["container", "sections", "z3", "z2", "z1", "x"]


@pytest.fixture
def coded(run, album, tmp_path):
    run("encode", album, "-o", tmp_path / "coded")
    return tmp_path / "coded"


def flip(path, position):
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


def test_info_for_people_and_scripts(run, coded, photo):
    ended = run("info", coded / "a.l3c")
    assert (ended.code, ended.err) == (0, "")
    for line in ("RGB, 44 x 30 pixels, 8 bits a sample", "1 (1 x 1)", "(causal-middle)", "good"):
        assert line in ended.out
    assert "none: coded by the fallback alone" in run("info", coded / "grey.l3c").out
    found = {Path(f["input"]).stem: f for f in run("info", coded, "--json").content["files"]}
    parts = {name: list(fields["bytes_by_part"]) for name, fields in found.items()}
    assert (parts["a"], parts["alpha"]) == (STREAMS, [*STREAMS, "alpha"])
    assert parts["deep"] == parts["grey"] == ["container", "sections", "fallback"]
    for fields in found.values():
        assert sum(fields["bytes_by_part"].values()) == fields["bytes"]
        assert (fields["bytes_by_part"]["container"] < 64, fields["flaws"]) == (True, [])
    assert run("info", photo).code == 1


def test_info_needs_no_model_and_takes_names_from_one(run, coded, model, tmp_path, monkeypatch):
    monkeypatch.setattr("l3c.models.zoo._FOLDERS", ())
    ended = run("info", coded / "a.l3c")
    assert (ended.code, "--model" in ended.out, "streams" in ended.out) == (0, True, True)
    assert "z3" in run("info", coded / "a.l3c", "--model", model).out
    weights = write_model(tmp_path, "interlaced")
    Image.fromarray(smooth(30, 44)).save(tmp_path / "a.png")
    assert run("encode", tmp_path / "a.png", "--model", weights).code == 0
    [file] = run("info", tmp_path / "a.l3c", "--model", weights, "--json").content["files"]
    parts = file["bytes_by_part"]
    assert (list(parts), sum(parts.values())) == (STREAMS, file["bytes"])
    assert parts["x"] > parts["z1"] > parts["z2"]
    assert parts["container"] < 100  # of a scale with several streams, all count


def test_a_sound_folder_and_an_empty_one(run, coded, tmp_path):
    ended = run("verify", coded)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[0] == f"{coded / '2020/alpha.l3c'}: OK"
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
