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
    with (tmp_path / "out").open("wb") as out:
        ended = l3c(
            "info",
            *[coded] * 9,
            "--json",
            stdout=out.fileno(),
            before=small_disk,
            PYTHONUNBUFFERED=unbuffered,
        )
    assert (ended.returncode, ended.stderr.count(b"\n")) == (1, 1)
    assert ended.stderr.startswith(b"l3c: standard output: ")
    assert (tmp_path / "out").stat().st_size == 1000
    with Path("/dev/full").open("wb") as full:
        path = coded.with_suffix(".png")
        ended = l3c("encode", path, "-o", "-", stdout=full.fileno(), PYTHONUNBUFFERED=unbuffered)
    assert (ended.returncode, ended.stderr[:23]) == (1, b"l3c: standard output: c")


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


def test_a_pipe_that_does_not_block_gets_everything(coded: Path) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    image = str(coded.with_suffix(".png"))
    command = [sys.executable, "-m", "l3c", "encode", image, "-o", "-", "-q"]
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=writer, env=env, cwd=ROOT) as process:
        os.close(writer)
        with os.fdopen(reader, "rb") as file:
            data = file.read()
    assert (process.returncode, data == coded.read_bytes()) == (0, True)


def test_closed_streams(noise: Path, tmp_path: Path) -> None:
    """The work is done; what had to be read or written there is an error; no file takes a place."""

    def closing(*descriptors: int) -> Callable[[], object]:
        return lambda: [os.close(descriptor) for descriptor in descriptors]

    coded = noise.with_suffix(".l3c")
    ended = l3c("encode", noise, before=closing(0, 1))
    assert (ended.returncode, ended.stderr[:21]) == (1, b"l3c: standard output:")
    content = coded.read_bytes()
    ended = l3c("encode", noise, "--force", "-q", before=closing(0, 1, 2))
    assert (ended.returncode, coded.read_bytes() == content != b"") == (0, True)
    ended = l3c("encode", noise, "-o", "-", before=closing(1))
    assert (ended.returncode, ended.stderr[:21]) == (1, b"l3c: standard output:")
    ended = l3c("encode", "-", "-o", tmp_path / "x.l3c", before=closing(0))
    assert (ended.returncode, ended.stderr[:20]) == (1, b"l3c: standard input:")
    ended = l3c("info", coded, tmp_path / "no.l3c", before=closing(2))
    assert (ended.returncode, ended.stdout[:6] != b"") == (1, True)
    assert not (tmp_path / "x.l3c").exists()


def test_messages_that_cannot_be_written_stop_nothing(noise: Path, tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        ended = l3c(
            "encode", tmp_path / "no.png", noise, stdout=full.fileno(), stderr=full.fileno()
        )
    assert (ended.returncode, noise.with_suffix(".l3c").exists()) == (1, True)


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
