"""Standard streams as processes get them: full, closed, unbuffered, of another encoding."""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
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
    before: Callable[[], object] | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Runs the command as a process; `before` runs in it first."""
    return subprocess.run(
        [sys.executable, "-m", "l3c", *map(os.fspath, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        preexec_fn=before,
        env={**os.environ, **(env or {})},
        cwd=ROOT,
    )


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """A grey image, which needs no network, of more bytes than a pipe holds."""
    path = tmp_path / "noise.png"
    samples = np.random.default_rng(0).integers(0, 256, (300, 400), np.uint8)
    Image.fromarray(samples).save(path)
    return path


def small_disk() -> None:
    """Files end after 1,000 bytes, at which the system cuts a write short first."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("command", ["encode", "info"])
def test_a_full_disk_is_no_success(
    noise: Path, tmp_path: Path, command: str, unbuffered: str
) -> None:
    coded = noise.with_suffix(".l3c")
    assert main(["encode", str(noise), "-q"]) == 0
    arguments = {"encode": [noise, "-o", "-", "-q"], "info": [*[coded] * 9, "--json"]}[command]
    with (tmp_path / "out").open("wb") as out:
        ended = l3c(
            command,
            *arguments,
            stdout=out.fileno(),
            before=small_disk,
            env={"PYTHONUNBUFFERED": unbuffered},
        )
    assert ended.returncode == 1
    assert ended.stderr.startswith(b"l3c: standard output: ")
    assert ended.stderr.count(b"\n") == 1
    assert (tmp_path / "out").stat().st_size == 1000


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_image_data_that_nobody_reads_are_no_success(noise: Path, unbuffered: str) -> None:
    reader, writer = os.pipe()
    with subprocess.Popen(
        [sys.executable, "-m", "l3c", "encode", str(noise), "-o", "-"],
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


def test_a_pipe_that_does_not_block_gets_everything(noise: Path) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    command = [sys.executable, "-m", "l3c", "encode", str(noise), "-o", "-", "-q"]
    with subprocess.Popen(
        command, stdout=writer, env={**os.environ, "PYTHONUNBUFFERED": "1"}, cwd=ROOT
    ) as process:
        os.close(writer)
        with os.fdopen(reader, "rb") as file:
            data = file.read()
    assert process.returncode == 0
    assert main(["encode", str(noise), "-q"]) == 0
    assert data == noise.with_suffix(".l3c").read_bytes()


def test_closed_streams(noise: Path, tmp_path: Path) -> None:
    """The work is done; what had to be read or written there is an error; no file takes a place."""
    coded = noise.with_suffix(".l3c")
    ended = l3c("encode", noise, before=lambda: [os.close(fd) for fd in (0, 1)])
    assert (ended.returncode, ended.stderr[:21]) == (1, b"l3c: standard output:")
    content = coded.read_bytes()
    assert content
    ended = l3c("encode", noise, "--force", "-q", before=lambda: [os.close(i) for i in (0, 1, 2)])
    assert ended.returncode == 0
    assert coded.read_bytes() == content
    ended = l3c("encode", noise, "-o", "-", before=lambda: os.close(1))
    assert (ended.returncode, ended.stderr[:21]) == (1, b"l3c: standard output:")
    ended = l3c("encode", "-", "-o", tmp_path / "x.l3c", before=lambda: os.close(0))
    assert (ended.returncode, ended.stderr[:20]) == (1, b"l3c: standard input:")
    ended = l3c("info", coded, tmp_path / "no.l3c", before=lambda: os.close(2))
    assert (ended.returncode, ended.stdout[:6] != b"") == (1, True)
    assert not (tmp_path / "x.l3c").exists()


def test_messages_that_cannot_be_written_stop_nothing(noise: Path, tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "l3c", "encode", str(tmp_path / "no.png"), str(noise)],
            stdout=full,
            stderr=full,
            cwd=ROOT,
        )
    assert ended.returncode == 1
    assert noise.with_suffix(".l3c").exists()


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_any_name_of_a_file_can_be_said(tmp_path: Path, encoding: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in NAMES:
        Image.fromarray(np.zeros((3, 5), np.uint8)).save(folder / name, format="PNG")
    env = {"PYTHONIOENCODING": f"{encoding}:strict"}
    ended = l3c("encode", folder, env=env)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.decode(encoding).count(" -> ") == 2 * len(NAMES) + 1
    ended = l3c("encode", folder, env=env)
    assert (ended.returncode, ended.stderr.decode(encoding).count("\n")) == (1, len(NAMES))
    ended = l3c("verify", folder, "--json", env=env)
    assert ended.returncode == 0
    content = json.loads(ended.stdout.decode("utf-8"))  # whatever the terminal's encoding is
    found = {os.fsencode(file["input"]) for file in content["files"]}
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
    for noise_of in (b"C", b"Python", b"a log"):
        assert b"noise of " + noise_of in loud.stderr
    assert (quiet.stdout, quiet.stderr.count(b"\n")) == (b"", 1)
    assert quiet.stderr.startswith(b"l3c: nowhere.png: ")
