"""`l3c check`: a submission accepted, and refused for a pixel, an image, a row, a file."""

import contextlib
import re
import shutil
from pathlib import Path

import pytest
from PIL import Image
from tiny_models import smooth

from l3c.bench.schema import ResultRow, read, write
from l3c.cli import main

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
