"""`l3c info` and `l3c verify`: what files say, and whether it is true."""

import json
from pathlib import Path

import pytest
from command import Run
from PIL import Image
from tiny_models import smooth, write_model

from l3c.fileformat import tiles


@pytest.fixture
def coded(run: Run, album: Path, tmp_path: Path) -> Path:
    run("encode", album, "-o", tmp_path / "coded")
    return tmp_path / "coded"


def flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)


def test_info_is_for_people(run: Run, coded: Path) -> None:
    ended = run("info", coded / "a.l3c")
    assert (ended.code, ended.err) == (0, "")
    for line in ("RGB, 44 x 30 pixels, 8 bits a sample", "1 (1 x 1)", "(causal-middle)", "good"):
        assert line in ended.out
    assert "none: coded by the fallback alone" in run("info", coded / "grey.l3c").out


def test_bytes_by_part_add_up(run: Run, coded: Path) -> None:
    found = {
        Path(f["input"]).stem: f for f in json.loads(run("info", coded, "--json").out)["files"]
    }
    parts = {name: found[name]["bytes_by_part"] for name in found}
    streams = ["container", "sections", "z3", "z2", "z1", "x"]
    assert list(parts["a"]) == streams
    assert list(parts["alpha"]) == [*streams, "alpha"]
    assert list(parts["deep"]) == list(parts["grey"]) == ["container", "sections", "fallback"]
    for name, fields in found.items():
        assert sum(parts[name].values()) == fields["bytes"]
        assert parts[name]["container"] < 64
        assert fields["flaws"] == []


def test_streams_of_an_interlaced_model_are_counted_by_scale(run: Run, tmp_path: Path) -> None:
    weights = write_model(tmp_path, "interlaced")
    Image.fromarray(smooth(30, 44)).save(tmp_path / "a.png")
    assert run("encode", tmp_path / "a.png", "--model", weights).code == 0
    coded = tmp_path / "a.l3c"
    (found,) = json.loads(run("info", coded, "--model", weights, "--json").out)["files"]
    parts = found["bytes_by_part"]
    assert list(parts) == ["container", "sections", "z3", "z2", "z1", "x"]
    assert sum(parts.values()) == coded.stat().st_size
    assert parts["container"] < 80
    assert parts["x"] > parts["z1"] > parts["z2"]


def test_info_needs_no_model(
    run: Run, coded: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("l3c.models.zoo._FOLDERS", ())
    ended = run("info", coded / "a.l3c")
    assert (ended.code, "(not here)" in ended.out, "streams" in ended.out) == (0, True, True)
    assert "z3" in run("info", coded / "a.l3c", "--model", model).out


def test_info_reports_bad_checksums(run: Run, coded: Path) -> None:
    flip(coded / "a.l3c", -1)
    ended = run("info", coded / "a.l3c", "--json")
    assert ended.code == 3
    [flaw] = json.loads(ended.out)["files"][0]["flaws"]
    assert flaw["region"] == [0, 0, 44, 30]
    assert f"l3c: {coded / 'a.l3c'}: tile 0,0,44,30 (x,y,w,h) was altered" in ended.err


def test_info_of_something_else(run: Run, photo: Path) -> None:
    ended = run("info", photo)
    assert (ended.code, "not an L3C file" in ended.err) == (1, True)


def test_verify_says_ok(run: Run, coded: Path) -> None:
    ended = run("verify", coded)
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert lines[0] == f"{coded / '2020/alpha.l3c'}: OK"
    assert lines[-1].startswith("4 files: ")


def test_verify_lists_every_bad_tile(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiles, "TILE_PIXELS", 32 * 32)
    Image.fromarray(smooth(64, 64)).save(tmp_path / "x.png")
    run("encode", tmp_path / "x.png")
    path = tmp_path / "x.l3c"
    flip(path, -1)
    flip(path, len(path.read_bytes()) // 2)
    ended = run("verify", path, "--json")
    assert ended.code == 3
    [file] = json.loads(ended.out)["files"]
    assert not file["good"]
    assert len({tuple(flaw["region"]) for flaw in file["flaws"]}) == 2
    assert ended.err.count("was altered") == 2


def test_verify_sees_lost_metadata(run: Run, tmp_path: Path) -> None:
    Image.fromarray(smooth(9, 9)).save(tmp_path / "x.png", icc_profile=b"profile")
    run("encode", tmp_path / "x.png")
    path = tmp_path / "x.l3c"
    flip(path, path.read_bytes().index(b"profile"))
    ended = run("verify", path)
    assert (ended.code, "(metadata) was altered" in ended.err) == (3, True)
    ended = run("decode", path, "-o", tmp_path / "y.png", "--salvage")
    assert (ended.code, "(metadata) was altered" in ended.err) == (5, True)


def test_a_folder_without_files_is_said(run: Run, tmp_path: Path) -> None:
    ended = run("verify", tmp_path)
    assert ended.code == 1
    assert ended.err == f"l3c: {tmp_path}: a folder without files that end in .l3c\n"
