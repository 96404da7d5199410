"""`l3c encode`: files beside their images or mirrored, whole or not at all, never over others."""

import errno
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from command import files_in
from PIL import Image, PngImagePlugin
from tiny_models import smooth

import l3c
from l3c import coding, tile_coding
from l3c.cli import encode
from l3c.fileformat.container import unpack
from l3c.images.reading import read_picture

LIMIT = tile_coding._limit  # before tests replace it


def test_a_file_lands_beside_its_image(run, photo, monkeypatch):
    coded = photo.with_suffix(".l3c")
    ended = run("encode", photo)
    data = coded.read_bytes()
    assert (ended.code, ended.err) == (0, "")
    assert (l3c.decode(data) == np.array(Image.open(photo))).all()
    assert ended.out.startswith(f"{photo} -> {coded}: ")
    assert f"-> {len(data):,} bytes, {8 * len(data) / (52 * 40 * 3):.3f} bpsp" in ended.out
    ended = run("encode", photo, photo.parent / "nowhere.png", "--force", "--json")
    good, bad = ended.content["files"]
    assert ended.content["exit_code"] == ended.code == 1
    assert (good["output"], good["output_bytes"]) == (str(coded), len(data))
    assert (good["mode"], good["height"], good["width"], good["verified"]) == ("RGB", 52, 40, True)
    assert (bad["error"]["type"], bad["error"]["exit_code"]) == ("PictureError", 1)
    assert (ended.content["summary"]["files"], ended.content["summary"]["failed"]) == (2, 1)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)  # which gets a bar
    err = run("encode", photo, "--force").err
    assert f"encode {photo}   0 % |" in err
    assert f"encode {photo} 100 % |" in err
    assert run("encode", photo, "--force", "--quiet") == (0, "", "")


def test_what_codes_rgb_is_an_option(run, photo, model, monkeypatch):
    monkeypatch.setattr(tile_coding, "_limit", LIMIT)
    image, by_fallback = np.array(Image.open(photo)), {}
    for choice in ("smallest", "network"):
        options = [] if choice == "smallest" else [f"--{choice}"]
        assert run("encode", photo, "--force", *options).code == 0
        data = photo.with_suffix(".l3c").read_bytes()
        assert l3c.encode(image, model, choice=choice) == data
        [file] = run("info", photo.with_suffix(".l3c"), "--json").content["files"]
        by_fallback[choice] = len(file["tiles"]["by_fallback"])
    # The model is untrained.
    assert by_fallback == {"smallest": 1, "network": 0}
    with pytest.raises(ValueError):
        l3c.encode(image, model, choice="best")


def test_a_folder_is_mirrored_and_comes_back(run, album, tmp_path):
    ended = run("encode", album, "-o", tmp_path / "coded")
    assert ended.code == 0
    assert files_in(tmp_path / "coded") == ["2020/alpha.l3c", "2020/deep.l3c", "a.l3c", "grey.l3c"]
    assert ended.out.splitlines()[-1].startswith("4 files: ")
    assert run("decode", tmp_path / "coded", "-o", tmp_path / "back").code == 0
    assert files_in(tmp_path / "back") == ["2020/alpha.png", "2020/deep.png", "a.png", "grey.png"]
    for name in ("2020/alpha.png", "2020/deep.png", "a.png", "grey.tif"):
        back = read_picture((tmp_path / "back" / name).with_suffix(".png"))
        assert back == read_picture(album / name)


def test_what_a_folder_has_besides_is_named(run, album, monkeypatch):
    ended = run("encode", album)
    assert (ended.code, str(album / "notes.txt") in ended.out) == (0, True)
    (album / "locked").mkdir()
    (album / "link").symlink_to(album / "2020")
    for suffix, kind in {".jfif": "JPEG", ".mpo": "MPO", ".DIB": "DIB"}.items():
        Image.fromarray(smooth(9, 9)).save(album / f"x{kind}{suffix}", format=kind)
    scandir = os.scandir

    def refuse(path):  # as the system does; a test run by root may list anything
        if str(path).endswith("locked"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    ended = run("encode", album, "--force", "--json")
    assert (ended.code, ended.content["summary"]["failed"]) == (1, 1)
    bad = [file["input"] for file in ended.content["files"] if "error" in file]
    assert (bad, len(ended.content["files"])) == ([str(album / "locked")], 4 + 3 + 1)
    left = {Path(each["path"]).name: each["reason"] for each in ended.content["left_out"]}
    passed = {".hidden.png": "hidden", "link": "folder linked again"}
    assert left == passed | {"notes.txt": ".txt"}  # and no .l3c of before
    left_out = run("verify", album, "--json").content["left_out"]
    assert {Path(each["path"]).name for each in left_out} == set(passed)


def test_nothing_is_overwritten_unasked(run, photo, monkeypatch):
    target = photo.with_suffix(".l3c")
    target.write_bytes(b"mine")
    ended = run("encode", photo)
    assert (ended.code, ended.err.startswith(f"l3c: {target}: ")) == (1, True)
    assert target.read_bytes() == b"mine"
    assert run("encode", photo, "--force").code == 0
    assert target.read_bytes() != b"mine"
    target.unlink()

    def decode(*args, **options):
        target.write_bytes(b"other program, meanwhile")
        return real(*args, **options)

    real = encode.decodes_to
    monkeypatch.setattr(encode, "decodes_to", decode)
    assert run("encode", photo).code == 1
    assert target.read_bytes() == b"other program, meanwhile"
    assert files_in(photo.parent) == ["photo.l3c", "photo.png"]


@pytest.mark.parametrize("target", ["photo.png", os.devnull])
def test_force_replaces_neither_the_input_nor_what_is_no_file(run, photo, target):
    before = photo.read_bytes()
    ended = run("encode", photo, "-o", photo.parent / target, "--force", "--json")
    [file] = ended.content["files"]
    assert (ended.code, file["error"]["type"]) == (1, "OutputError")
    assert (photo.read_bytes(), Path(os.devnull).is_char_device()) == (before, True)


def test_two_spellings_of_one_output_are_found_out(run, photo, tmp_path):
    first = tmp_path / "photo.bmp"
    Image.open(photo).transpose(Image.Transpose.ROTATE_180).save(first)
    (tmp_path / "link").symlink_to(tmp_path)
    for second in (photo, tmp_path / "link/photo.png"):
        ended = run("encode", first, second, "--force", "--json")
        _, bad = ended.content["files"]
        assert (ended.code, bad["input"], bad["error"]["type"]) == (1, str(second), "OutputError")
        decoded = l3c.decode((tmp_path / "photo.l3c").read_bytes())
        assert (decoded == np.array(Image.open(first))).all()


def test_times_are_kept_if_asked_and_permissions_are_the_users(run, photo, tmp_path):
    coded, back = photo.with_suffix(".l3c"), tmp_path / "back.png"
    os.utime(photo, ns=(10**18, 10**18 + 7))
    before = os.umask(0o027)
    try:
        run("encode", photo, "--keep-times")
    finally:
        os.umask(before)
    run("decode", coded, "-o", back, "--keep-times")
    assert coded.stat().st_mtime_ns == back.stat().st_mtime_ns == 10**18 + 7
    assert coded.stat().st_mode & 0o777 == 0o640
    run("encode", photo, "--force")
    assert coded.stat().st_mtime_ns > 10**18 + 7


def test_tiles_have_a_side_and_strip_leaves_metadata_out(run, photo):
    exif = b"II*\0\x08\0\0\0\0\0\0\0\0\0"
    Image.open(photo).save(photo, exif=exif, icc_profile=b"profile")
    coded = photo.with_suffix(".l3c")
    for wrong in ("7", "1025", "x"):
        assert run("encode", photo, "--tile-side", wrong).code == 2
    for options, rows, sections in ((["--tile-side", "16"], 4, 2), (["--strip"], 1, 0)):
        assert run("encode", photo, "--force", *options).code == run("verify", coded).code == 0
        container = unpack(coded.read_bytes())
        assert (container.rows, len(container.sections)) == (rows, sections)


def test_what_is_not_kept_is_named_in_one_line(run, photo):
    info = PngImagePlugin.PngInfo()
    info.add(b"gAMA", bytes(4))
    info.add_text("Title", "a")
    Image.open(photo).save(photo, pnginfo=info)
    ended = run("encode", photo)
    assert (ended.code, ended.err.count("\n"), str(photo) in ended.err) == (0, 1, True)
    [file] = run("encode", photo, "--force", "--json").content["files"]
    assert file["not_kept"] == ["gAMA", "1 comment"]
    assert all(name in ended.err for name in file["not_kept"])
    assert run("encode", photo, "--force", "--quiet") == (0, "", "")
    assert run("decode", photo.with_suffix(".l3c"), "-o", photo, "--force").code == 0
    assert run("encode", photo, "--force", "--json").content["files"][0]["not_kept"] == []


def test_what_does_not_decode_to_the_image_is_not_kept(run, photo, monkeypatch):
    def decode(*args):
        return [samples ^ 1 for samples in real(*args)]

    real = coding.decode_tiles
    monkeypatch.setattr(coding, "decode_tiles", decode)
    ended = run("encode", photo, "--json")
    [file] = ended.content["files"]
    assert (ended.code, file["error"]["type"]) == (1, "VerifyError")
    assert files_in(photo.parent) == ["photo.png"]
    assert run("encode", photo, "--no-verify").code == 0


def test_a_full_disk_is_the_outputs_problem_and_leaves_nothing(run, photo, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    ended = run("encode", photo, "--json")
    target = photo.with_suffix(".l3c")
    error = ended.content["files"][0]["error"]
    assert (ended.code, error["type"], error["output"]) == (1, "OutputError", str(target))
    assert ended.err == f"l3c: {target}: cannot be written: No space left on device\n"
    assert files_in(photo.parent) == ["photo.png"]


def test_a_missing_model_is_named_and_16_bits_need_none(run, photo, tmp_path, monkeypatch):
    weights = tmp_path / "nowhere.safetensors"
    ended = run("encode", photo, photo, "--model", weights, "--json")
    assert (ended.code, ended.err.count("nowhere.json")) == (4, 1)
    assert (ended.content["exit_code"], ended.content["error"]["type"]) == (4, "ModelError")
    monkeypatch.setattr("l3c.models.zoo._FOLDERS", ())
    Image.fromarray(smooth(9, 9)[..., 0].astype(np.uint16)).save(tmp_path / "grey.png")
    ended = run("encode", tmp_path / "grey.png", photo)
    assert (ended.code, ended.err.startswith(f"l3c: {photo}: ")) == (4, True)
    assert (tmp_path / "grey.l3c").exists()
