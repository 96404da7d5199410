"""`l3c encode`: files beside their images or mirrored, whole or not at all, never over others."""

import errno
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command import Run, files_in
from PIL import Image, PngImagePlugin
from tiny_models import smooth

import l3c
from l3c.cli import encode
from l3c.fileformat.container import unpack
from l3c.images.reading import read_picture


def test_a_file_lands_beside_its_image(run: Run, photo: Path) -> None:
    ended = run("encode", photo)
    assert ended.code == 0
    assert ended.err == ""
    data = photo.with_suffix(".l3c").read_bytes()
    assert (l3c.decode(data) == np.array(Image.open(photo))).all()
    assert ended.out.startswith(f"{photo} -> {photo.with_suffix('.l3c')}: ")
    assert f"-> {len(data):,} bytes, {8 * len(data) / (52 * 40 * 3):.3f} bpsp" in ended.out


def test_a_folder_is_mirrored_and_comes_back(run: Run, album: Path, tmp_path: Path) -> None:
    ended = run("encode", album, "-o", tmp_path / "coded")
    assert ended.code == 0
    assert files_in(tmp_path / "coded") == ["2020/alpha.l3c", "2020/deep.l3c", "a.l3c", "grey.l3c"]
    assert ended.out.splitlines()[-1].startswith("4 files: ")
    assert run("decode", tmp_path / "coded", "-o", tmp_path / "back").code == 0
    assert files_in(tmp_path / "back") == ["2020/alpha.png", "2020/deep.png", "a.png", "grey.png"]
    for name in ("2020/alpha", "2020/deep", "a"):
        back, original = (read_picture(f / f"{name}.png") for f in (tmp_path / "back", album))
        assert back == original
    assert read_picture(tmp_path / "back/grey.png") == read_picture(album / "grey.tif")


def test_photographs_by_any_name_are_found_in_folders(run: Run, tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "album", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    kinds = {".jfif": "JPEG", ".jpe": "JPEG", ".mpo": "MPO", ".dib": "DIB", ".apng": "PNG"}
    for suffix, kind in kinds.items():
        Image.fromarray(smooth(9, 9)).save(folder / f"photo{suffix[1:]}{suffix}", format=kind)
    Image.fromarray(smooth(9, 9)).save(elsewhere / "x.PNG")
    (folder / "link").symlink_to(elsewhere)
    ended = run("encode", folder, "-o", tmp_path / "coded")
    assert (ended.code, ended.err) == (0, "")
    names = [f"photo{suffix[1:]}.l3c" for suffix in kinds]
    assert files_in(tmp_path / "coded") == sorted([*names, "link/x.l3c"])


def test_what_a_folder_has_besides_is_said(
    run: Run, album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = run("encode", album)
    assert (ended.code, str(album / "notes.txt") in ended.out) == (0, True)
    (album / "locked").mkdir()
    scandir = os.scandir

    def refuse(path: str) -> object:  # as the system does; a test run by root may list anything
        if str(path).endswith("locked"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    ended = run("encode", album, "--force", "--json")
    content = json.loads(ended.out)
    assert (ended.code, content["summary"]["failed"], len(content["files"])) == (1, 1, 5)
    [bad] = [file for file in content["files"] if "error" in file]
    assert bad["input"] == str(album / "locked")
    left = {Path(each["path"]).name: each["reason"] for each in content["left_out"]}
    assert left == {".hidden.png": "hidden", "notes.txt": ".txt"}  # and no .l3c of before
    content = json.loads(run("verify", album, "--json").out)
    assert [Path(each["path"]).name for each in content["left_out"]] == [".hidden.png"]


def test_one_bad_file_does_not_stop_the_others(run: Run, photo: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    ended = run("encode", bad, tmp_path / "nowhere.png", tmp_path / "x.nef", photo)
    assert ended.code == 1
    lines = ended.err.splitlines()
    assert lines[0] == f"l3c: {bad}: not an image: no PNG, JPEG, WebP, TIFF, GIF or BMP data"
    assert lines[1] == f"l3c: {tmp_path / 'nowhere.png'}: No such file or directory"
    assert lines[2] == f"l3c: {tmp_path / 'x.nef'}: .nef files are not read: convert it to PNG"
    assert ended.out.splitlines()[-1].startswith("4 files, 3 failed: ")
    assert photo.with_suffix(".l3c").exists()


def test_nothing_is_overwritten_unasked(run: Run, photo: Path) -> None:
    target = photo.with_suffix(".l3c")
    target.write_bytes(b"mine")
    ended = run("encode", photo)
    assert ended.code == 1
    assert f"l3c: {target}: exists; use --force to replace it" in ended.err
    assert target.read_bytes() == b"mine"
    assert run("encode", photo, "--force").code == 0
    assert target.read_bytes() != b"mine"


def test_a_file_that_appears_meanwhile_is_kept(
    run: Run, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = photo.with_suffix(".l3c")

    def decode(*args: object, **options: object) -> object:
        target.write_bytes(b"other program")
        return real(*args, **options)  # type: ignore[arg-type]

    real = encode.decode_picture
    monkeypatch.setattr(encode, "decode_picture", decode)
    assert run("encode", photo).code == 1
    assert target.read_bytes() == b"other program"
    assert files_in(photo.parent) == ["photo.l3c", "photo.png"]


def test_force_replaces_neither_the_input_nor_what_is_no_file(run: Run, photo: Path) -> None:
    ended = run("encode", photo, "-o", photo, "--force")
    assert (ended.code, "is the input itself" in ended.err) == (1, True)
    ended = run("encode", photo, "-o", os.devnull, "--force")
    assert (ended.code, "is not a plain file" in ended.err) == (1, True)
    assert Path(os.devnull).is_char_device()


def test_two_images_of_one_name_are_not_written_to_one_file(
    run: Run, photo: Path, tmp_path: Path
) -> None:
    Image.open(photo).save(tmp_path / "photo.bmp")
    ended = run("encode", tmp_path / "photo.bmp", photo, "--force")
    assert ended.code == 1
    assert ended.err.startswith(f"l3c: {photo.with_suffix('.l3c')}: was just written")
    assert read_picture(tmp_path / "photo.bmp") == read_picture(photo)


def test_two_spellings_of_one_output_are_found_out(
    run: Run, photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tmp_path / "photo.bmp"
    Image.open(photo).transpose(Image.Transpose.ROTATE_180).save(first)
    (tmp_path / "link").symlink_to(tmp_path)
    Image.open(photo).save(tmp_path / "PHOTO.png")
    real = Path.lstat

    def ignores_case(path: Path) -> os.stat_result:
        return real(path.with_name(path.name.lower()) if path.suffix == ".l3c" else path)

    monkeypatch.setattr(Path, "lstat", ignores_case)
    monkeypatch.chdir(tmp_path)
    for second in ("photo.png", tmp_path / "link/photo.png", "PHOTO.png"):
        ended = run("encode", first, second, "--force", "--json")
        assert ended.code == 1
        good, bad = json.loads(ended.out)["files"]
        assert (bad["input"], bad["error"]["type"]) == (str(second), "OutputError")
        assert good["output"] == str(tmp_path / "photo.l3c")
        decoded = l3c.decode((tmp_path / "photo.l3c").read_bytes())
        assert (decoded == np.array(Image.open(first))).all()
    assert run("encode", photo, "photo.png", "--force").code == 0  # one input: nothing is lost


def test_modification_times_are_kept_if_asked(run: Run, photo: Path, tmp_path: Path) -> None:
    os.utime(photo, ns=(10**18, 10**18 + 7))
    run("encode", photo, "--keep-times")
    coded = photo.with_suffix(".l3c")
    assert coded.stat().st_mtime_ns == 10**18 + 7
    run("decode", coded, "-o", tmp_path / "back.png", "--keep-times")
    assert (tmp_path / "back.png").stat().st_mtime_ns == 10**18 + 7
    run("encode", photo, "-o", tmp_path / "new.l3c")
    assert (tmp_path / "new.l3c").stat().st_mtime_ns > 10**18 + 7


def test_files_have_the_permissions_of_the_user(run: Run, photo: Path) -> None:
    before = os.umask(0o027)
    try:
        run("encode", photo)
    finally:
        os.umask(before)
    assert photo.with_suffix(".l3c").stat().st_mode & 0o777 == 0o640


def test_the_side_of_tiles_is_an_option(run: Run, photo: Path) -> None:
    for wrong in ("7", "1025", "x"):
        assert run("encode", photo, "--tile-side", wrong).code == 2
    assert run("encode", photo, "--tile-side", "16").code == 0
    assert unpack(photo.with_suffix(".l3c").read_bytes()).rows > 2
    assert run("verify", photo.with_suffix(".l3c")).code == 0


def test_strip_leaves_metadata_out(run: Run, tmp_path: Path) -> None:
    image = Image.fromarray(smooth(9, 9))
    image.save(tmp_path / "x.png", exif=b"II*\0\x08\0\0\0\0\0\0\0\0\0", icc_profile=b"profile")
    sizes = []
    for options in ([], ["--strip"]):
        ended = run("encode", tmp_path / "x.png", "--force", *options)
        assert ended.code == 0
        found = json.loads(run("info", tmp_path / "x.l3c", "--json").out)["files"][0]["sections"]
        sizes.append(sorted(found))
    assert sizes == [["EXIF", "ICC"], []]


def test_what_is_not_kept_is_said_in_one_line(run: Run, photo: Path) -> None:
    info = PngImagePlugin.PngInfo()
    info.add(b"gAMA", bytes(4))
    info.add_text("Title", "a")
    Image.open(photo).save(photo, pnginfo=info)
    ended = run("encode", photo)
    assert (ended.code, ended.err.count("\n")) == (0, 1)
    assert str(photo) in ended.err
    found = json.loads(run("encode", photo, "--force", "--json").out)["files"][0]["not_kept"]
    assert found == ["gAMA", "1 comment"]
    assert all(name in ended.err for name in found)
    assert run("encode", photo, "--force", "--quiet") == (0, "", "")
    assert run("decode", photo.with_suffix(".l3c"), "-o", photo, "--force").code == 0
    again = run("encode", photo, "--force", "--json")
    assert json.loads(again.out)["files"][0]["not_kept"] == []


def test_json_is_all_that_stdout_gets(run: Run, photo: Path, tmp_path: Path) -> None:
    ended = run("encode", photo, tmp_path / "nowhere.png", "--json")
    content = json.loads(ended.out)
    good, bad = content["files"]
    assert content["exit_code"] == ended.code == 1
    assert good["output"] == str(photo.with_suffix(".l3c"))
    assert good["output_bytes"] == Path(good["output"]).stat().st_size
    assert (good["mode"], good["height"], good["width"]) == ("RGB", 52, 40)
    assert good["verified"]
    assert bad["error"]["message"] == "No such file or directory"
    assert content["summary"]["files"] == 2
    assert content["summary"]["failed"] == 1


def test_a_terminal_gets_a_bar(run: Run, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    ended = run("encode", photo)
    assert f"encode {photo}   0 % |" in ended.err
    assert f"encode {photo} 100 % |" in ended.err
    assert run("encode", photo, "--force", "--quiet").err == ""


def test_quiet_says_nothing(run: Run, photo: Path) -> None:
    assert run("encode", photo, "--quiet") == (0, "", "")


def test_what_does_not_decode_to_the_image_is_not_kept(
    run: Run, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(*args: object, **options: object) -> object:
        decoded = real(*args, **options)  # type: ignore[arg-type]
        return replace(decoded, picture=replace(decoded.picture, samples=samples))

    real, samples = encode.decode_picture, np.zeros((52, 40, 3), np.uint8)
    monkeypatch.setattr(encode, "decode_picture", decode)
    ended = run("encode", photo)
    assert ended.code == 1
    assert f"l3c: {photo}: does not decode to the same image; nothing was kept" in ended.err
    assert files_in(photo.parent) == ["photo.png"]
    assert run("encode", photo, "--no-verify").code == 0


def test_a_full_disk_leaves_nothing(run: Run, photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(path: Path, data: bytes) -> None:
        path.open("wb").close()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", write)
    ended = run("encode", photo)
    assert ended.code == 1
    target = photo.with_suffix(".l3c")
    assert ended.err == f"l3c: {target}: cannot be written: No space left on device\n"
    assert files_in(photo.parent) == ["photo.png"]


def test_grey_needs_no_model(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("l3c.models.zoo._FOLDERS", ())
    Image.fromarray(smooth(9, 9)).save(tmp_path / "rgb.png")
    Image.fromarray(smooth(9, 9)[..., 0]).save(tmp_path / "grey.png")
    ended = run("encode", tmp_path / "grey.png", tmp_path / "rgb.png")
    assert ended.code == 4
    assert f"l3c: {tmp_path / 'rgb.png'}: no model is called causal-middle" in ended.err
    assert (tmp_path / "grey.l3c").exists()


def test_a_wrong_model_is_said_once(run: Run, photo: Path, tmp_path: Path) -> None:
    weights = tmp_path / "nowhere.safetensors"
    ended = run("encode", photo, photo, "--model", weights)
    assert ended.code == 4
    assert ended.err.count("nowhere.json: the model's card cannot be read") == 1
    content = json.loads(run("encode", photo, "--model", weights, "--json").out)
    assert content["exit_code"] == 4
    assert content["error"]["type"] == "ModelError"


def test_the_arithmetic_of_a_file_is_said(run: Run, photo: Path, tmp_path: Path) -> None:
    exact, floating = tmp_path / "exact.l3c", tmp_path / "floating.l3c"
    assert run("encode", photo, "-o", exact).code == 0
    ended = run("encode", photo, "-o", floating, "--arithmetic", "float", "--json")
    assert json.loads(ended.out)["files"][0]["arithmetic"] == "float32 on cpu"
    for path, text in ((exact, "integer"), (floating, "float32 on cpu")):
        assert f"(causal-middle), {text}" in run("info", path).out
        assert run("verify", path).code == 0
    assert exact.read_bytes() != floating.read_bytes()
    assert run("encode", photo, "--arithmetic", "fixed").code == 2
