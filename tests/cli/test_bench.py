"""`l3c bench`: measuring on a user's folders; `l3c check`: its result accepted, or refused."""

import contextlib
import re
import shutil
from pathlib import Path

import pytest
from own_method import own_method
from PIL import Image
from tiny_models import smooth

from l3c.bench.measure.machine import OtherLoad
from l3c.bench.schema import ResultRow, read, write
from l3c.cli import main
from l3c.models import zoo

GONE = """
from baselines.raw import Raw
class Gone(Raw):
    name, key = "Gone", "gone"
    def why_unavailable(self): return "install it"
"""


def test_a_table_of_methods(run, album, tmp_path):
    own_method(tmp_path, after="image[0, 0, 0] ^= 1")
    (tmp_path / "gone.py").write_text(GONE)
    ended = run("bench", album, "--methods", "raw,png,l3c", "--threads", 1)
    assert (ended.code, ".hidden.png" in ended.out, "1 .txt, 1 hidden" in ended.err) == (0, 0, 1)
    head, *lines = ended.out.splitlines()
    assert head.split()[:4] == ["method", "bpsp", "of", "PNG"]
    assert sorted(line.split()[0] for line in lines[:3]) == ["PNG", "Raw", zoo.DEFAULT]
    assert all(line.endswith("yes") for line in lines[:3])
    assert ["100.0" in line for line in lines[:3] if line.startswith("PNG")] == [True]
    assert lines[3].startswith("images: 1;")
    assert "left out 2020/alpha.png: alpha channel, not 8-bit RGB" in lines
    assert "left out grey.tif: greyscale, not 8-bit RGB" in lines
    methods = f"raw,{tmp_path / 'own.py'},{tmp_path / 'gone.py'}"
    ended = run("bench", album, "--methods", methods)
    assert (ended.code, "not measured: install it" in ended.out) == (1, True)
    line, reason = [line for line in ended.out.splitlines() if line.startswith("Own")]
    assert line.endswith("NO: failed, see below")
    assert reason.startswith("Own, a: ")
    methods = run("bench", album, "--methods", methods, "--json").content["methods"]
    found = {m["key"]: (m["lossless"], m["reason"][:9]) for m in methods}
    assert found == {"raw": (True, ""), "own": (False, "failed on"), "gone": (None, "not measu")}


def test_a_machine_that_was_not_quiet_is_named(run, album, monkeypatch):
    monkeypatch.setattr(OtherLoad, "share", lambda self: 0.5)
    content = run("bench", album, "--methods", "png,raw", "--json").content
    assert [method["key"] for method in content["methods"]] == ["png", "raw"]
    assert content["methods"][0]["of_png"] == 1
    assert {(row["image"], row["other_load"]) for row in content["rows"]} == {("a", 0.5)}
    assert all(row["lossless"] is True and row["bpsp"] > 0 for row in content["rows"])
    assert ("png" in content["not_quiet"].lower(), len(content["left_out"])) == (True, 3)


def test_several_models_and_folders(run, album, other_model, photo, tmp_path):
    more = tmp_path / "of the same name" / album.name
    more.mkdir(parents=True)
    shutil.copy(photo, more / "b.png")
    models = ["--model", zoo.DEFAULT, "--model", other_model]
    content = run("bench", more, "--methods", "l3c", *models, "--json").content
    found = {(each["key"], each["method"], each["lossless"]) for each in content["methods"]}
    assert found == {("l3c_1", zoo.DEFAULT, True), ("l3c_2", "other", True)}
    ended = run("bench", album, more, "--methods", "raw")
    titles = [line for line in ended.out.splitlines() if line.endswith(":")]
    assert (ended.code, titles) == (0, [f"{album}:", f"{more}:"])
    Image.fromarray(smooth(9, 9)[..., 0]).save(more / "b.png")  # nothing to measure there
    ended = run("bench", album, more, "--methods", "raw", "--json")
    assert (ended.code, [each["folder"] for each in ended.content["methods"]]) == (1, [str(album)])
    assert (str(more), "b.png") in [(e["folder"], e["image"]) for e in ended.content["left_out"]]


def test_the_learned_method_as_it_is_written_and_otherwise(run, album):
    keys = ["l3c", "l3c_network"]
    rows = run("bench", album, "--methods", ",".join([*keys, "png"]), "--json").content["rows"]
    sizes = {row["key"]: row["num_bytes"] for row in rows if row["key"] in keys}
    assert set(sizes) == set(keys)
    # The model is untrained, and bench's processes choose as users' do.
    assert sizes["l3c"] < sizes["l3c_network"]
    assert [row["by_fallback"] for row in rows] == [True, False, False]
    lines = run("bench", album, "--methods", "l3c,png").out.splitlines()
    assert len([line for line in lines if "--methods l3c_network" in line]) == 1


def test_methods_and_folders_are_checked_before_any_is_measured(run, album, tmp_path, monkeypatch):
    (tmp_path / "half.py").write_text("def encode(image): return b''\n")
    (tmp_path / "raw.py").write_text(GONE)
    for methods in (f"raw,{tmp_path / 'half.py'}", f"raw,{tmp_path / 'raw.py'}", "pgn"):
        ended = run("bench", album, "--methods", methods)
        assert (ended.code, ended.out) == (2, "")
    assert "there are: raw, png" in ended.err
    assert run("bench", tmp_path / "nowhere").code == 1
    monkeypatch.setattr("l3c.models.zoo._FOLDERS", ())
    assert run("bench", album).code == 4
    assert run("bench", album, "--methods", "raw,l3c").code == 4
    assert run("bench", album, "--model", "nowhere").code == 4


PAGE = (Path(__file__).parents[2] / "docs" / "submit.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folders as the page makes them, of two small images; `trusted` is to be checked against."""
    root = tmp_path_factory.mktemp("made")
    (root / "embedded-test").mkdir()
    for name, size in (("a", (20, 30)), ("b", (16, 9))):
        Image.fromarray(smooth(*size)).save(root / "embedded-test" / f"{name}.png")
    [method] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (root / "mine.py").write_text(method)
    [command] = re.findall(r"^l3c (bench.*)$", PAGE, re.MULTILINE)
    with contextlib.chdir(root):
        assert main(command.split()) == 0
        assert main(["bench", "embedded-test", "--methods", "png", "--keep", "trusted"]) == 0
    return root


@pytest.fixture
def submission(made, tmp_path, monkeypatch):
    """A copy, in the working directory."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "submission"


def check(run, *options):
    [command] = re.findall(r"^l3c (check.*)$", PAGE, re.MULTILINE)
    ended = run(*command.split(), "--against", "trusted", *options)
    return ended.code, ended.out.splitlines()


def test_the_submission_of_the_page_is_accepted(run, submission):
    code, lines = check(run)
    assert (code, lines[0], len(lines)) == (0, "accepted", 4)
    rows = read(submission / "rows.csv", ResultRow)
    assert f"{rows.bpsp.mean():.3f} bpsp, 2 images" in lines[1]
    size = (submission / "mine.py").stat().st_size
    assert lines[3].endswith(f"{size} bytes")
    content = run("check", submission, "--against", "trusted", "--json").content
    assert (content["accepted"], content["problems"], content["exit_code"]) == (True, [], 0)
    assert content["rates"][0]["mean_bpsp"] == pytest.approx(rows.bpsp.mean())
    assert run("bench", "embedded-test", "--methods", "png", "--keep", submission).code == 1


def stream(folder, image):
    [path] = folder.glob(f"streams/*/*/{image}.bin")
    return path


def edit(folder, change):
    rows = change(read(folder / "rows.csv", ResultRow))
    bpsp = 8 * rows.num_bytes / (3 * rows.height * rows.width)
    write(folder / "rows.csv", rows.assign(bpsp=bpsp))


def wrong_pixel(folder):
    """A file that was written with the method from another image, with its rightful size."""
    image = smooth(16, 9)
    image[3, 4, 1] ^= 1
    namespace = {}
    exec((folder / "mine.py").read_text(), namespace)
    size = stream(folder, "b").write_bytes(namespace["encode"](image))
    edit(folder, lambda rows: rows.assign(num_bytes=rows.num_bytes.mask(rows.image == "b", size)))


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (wrong_pixel, ["b of embedded-test: decoded to other pixels"]),
        (
            lambda folder: edit(folder, lambda rows: rows[rows.image != "b"]),
            ["b of embedded-test: missing"],
        ),
        (
            lambda folder: edit(folder, lambda rows: rows.assign(num_bytes=rows.num_bytes - 1)),
            ["a of embedded-test: rows.csv has", "b of embedded-test: rows.csv has"],
        ),
        (  # larger images of the same bytes, so that the rate looks better
            lambda folder: edit(folder, lambda rows: rows.assign(height=2 * rows.height)),
            ["a of embedded-test: rows.csv has height", "b of embedded-test: rows.csv has height"],
        ),
        (lambda folder: stream(folder, "a").unlink(), ["a of embedded-test: no stream"]),
        (
            lambda folder: stream(folder, "a").write_bytes(
                bytes(stream(folder, "a").stat().st_size)
            ),
            ["a of embedded-test: decode: "],
        ),
        (
            lambda folder: (folder / "mine.py").write_text((folder / "mine.py").read_text() + "#"),
            ["rows.csv has version"],
        ),
    ],
)
def test_others_are_refused(damage, expected, run, submission):
    damage(submission)
    code, lines = check(run)
    assert (code, lines[-1], len(lines)) == (1, "refused", len(expected) + 1)
    for line, start in zip(lines, expected, strict=False):
        assert line.startswith(start)


def test_other_data_sets_are_refused(run, submission):
    (submission.parent / "other").mkdir()
    shutil.copy("embedded-test/a.png", "other/a.png")
    assert run("bench", "other", "--methods", "png", "--keep", "elsewhere").code == 0
    ended = run("check", submission, "--against", "elsewhere")
    assert (ended.code, ended.out.count("no such image")) == (1, 2)
    assert run("check", "nowhere").code == 1
