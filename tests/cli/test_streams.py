"""Standard streams as processes get them: full, closed, unbuffered, of another encoding."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from l3c.cli import main

ROOT = Path(__file__).parents[2]
NAMES = ["фото.png", os.fsdecode(b"\xff.png"), "a\u0308\u2603.png"]


def l3c(
    *arguments: str | Path,
    stdout: int = subprocess.PIPE,
    stderr: int = subprocess.PIPE,
    before: Callable[[], object] | None = None,
    **env: str,
) -> subprocess.CompletedProcess[bytes]:
    """Runs the command as a process; `before` runs in it first."""
    return subprocess.run(
        [sys.executable, "-m", "l3c", *map(os.fspath, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        preexec_fn=before,
        env={**os.environ, **env},
        cwd=ROOT,
    )


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """A grey image, which needs no network, of more bytes than a pipe holds."""
    path = tmp_path / "noise.png"
    samples = np.random.default_rng(0).integers(0, 256, (300, 400), np.uint8)
    Image.fromarray(samples).save(path)
    return path


@pytest.fixture
def coded(noise: Path) -> Path:
    assert main(["encode", str(noise), "-q"]) == 0
    return noise.with_suffix(".l3c")


def small_disk() -> None:
    """Files end after 1,000 bytes, at which the system cuts a write short first."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_no_success(coded: Path, tmp_path: Path, unbuffered: str) -> None:
    how = {"before": small_disk, "PYTHONUNBUFFERED": unbuffered}
    with (tmp_path / "out").open("wb") as out:
        ended = l3c("info", *[coded] * 9, "--json", stdout=out.fileno(), **how)
    assert (ended.returncode, ended.stderr.count(b"\n")) == (1, 1)
    with Path("/dev/full").open("wb") as full:
        path = coded.with_suffix(".png")
        ended = l3c("encode", path, "-o", "-", stdout=full.fileno(), PYTHONUNBUFFERED=unbuffered)
    assert (ended.returncode, ended.stderr[:23]) == (1, b"l3c: standard output: c")


def test_closed_streams_take_no_file(noise: Path, tmp_path: Path) -> None:
    ended = l3c("encode", noise, "-q", before=lambda: [os.close(n) for n in range(3)])
    assert (ended.returncode, noise.with_suffix(".l3c").stat().st_size > 9) == (0, True)
    for stream, words in ((1, ["encode", noise, "-o", "-"]), (0, ["encode", "-", "-o", "x.l3c"])):
        ended = l3c(*words, before=lambda: os.close(stream))  # noqa: B023
        assert (ended.returncode, ended.stderr.count(b"\n")) == (1, 1)


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["encode", "info"])
def test_output_that_nobody_reads_is_no_success(coded: Path, command: str, unbuffered: str) -> None:
    arguments = {"encode": [str(coded.with_suffix(".png")), "-o", "-"], "info": [str(coded)] * 999}
    reader, writer = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-m", "l3c", command, *arguments[command]],
        stdout=writer,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        cwd=ROOT,
    ) as process:
        os.close(writer)
        os.read(reader, 10)
        os.close(reader)
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_any_name_of_a_file_can_be_printed(tmp_path: Path, encoding: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in NAMES:
        Image.fromarray(np.zeros((3, 5), np.uint8)).save(folder / name, format="PNG")
    ended = l3c("encode", folder, PYTHONIOENCODING=f"{encoding}:strict")
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.decode(encoding).count(" -> ") == 2 * len(NAMES) + 1
    ended = l3c("encode", folder, PYTHONIOENCODING=f"{encoding}:strict")
    assert (ended.returncode, ended.stderr.decode(encoding).count("\n")) == (1, len(NAMES))
    ended = l3c("verify", folder, "--json", PYTHONIOENCODING=f"{encoding}:strict")
    content = json.loads(ended.stdout.decode("utf-8"))  # whatever the terminal's encoding is
    found = {os.fsencode(file["input"]) for file in content["files"]}
    assert ended.returncode == 0
    assert found == {os.fsencode((folder / name).with_suffix(".l3c")) for name in NAMES}


def test_quiet_silences_libraries_but_no_error(noise: Path) -> None:
    code = (
        "import logging, os, sys, warnings\n"
        "from l3c.cli import encode, main\n"
        "def read(*arguments):\n"
        "    os.write(2, b'noise of C')\n"
        "    warnings.warn('noise of Python')\n"
        "    logging.warning('noise of a log')\n"
        "    return real(*arguments)\n"
        "real, encode.read_picture = encode.read_picture, read\n"
        "sys.exit(main())"
    )
    command = [sys.executable, "-c", code, "encode", str(noise), "nowhere.png"]
    loud, quiet = (
        subprocess.run([*command, *more], capture_output=True, cwd=ROOT)
        for more in ([], ["--force", "-q"])
    )
    assert all(b"noise of " + each in loud.stderr for each in (b"C", b"Python", b"a log"))
    assert (quiet.stdout, quiet.stderr.count(b"\n")) == (b"", 1)
    assert quiet.stderr.startswith(b"l3c: nowhere.png: ")
