"""Signals that end a command: early, in its midst, several at once; and nothing stays behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command import Run, files_in

from l3c.cli import encode

ROOT = Path(__file__).parents[2]

# Python runs this first. The process interrupts itself when it is about to import a module.
EARLY = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
class Finder:
    def find_spec(name, path=None, target=None):
        if name == os.environ["INTERRUPTED_AT"]:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder)
"""


@pytest.mark.parametrize("module", ["l3c.cli.exits", "numpy._core.multiarray", "l3c.cli.encode"])
def test_an_interrupt_while_the_command_starts(photo: Path, tmp_path: Path, module: str) -> None:
    (tmp_path / "sitecustomize.py").write_text(EARLY)
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    ended = subprocess.run(
        [sys.executable, "-m", "l3c", "encode", str(photo)],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": path, "INTERRUPTED_AT": module},
        cwd=ROOT,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, b"", b"l3c: interrupted\n")


@pytest.mark.parametrize(
    ("numbers", "word"),
    [
        ([signal.SIGINT], "interrupted"),
        ([signal.SIGTERM], "terminated"),
        ([signal.SIGHUP], "the terminal was closed"),
        ([signal.SIGHUP, signal.SIGTERM], "the terminal was closed"),
    ],
)
def test_an_interrupt_leaves_nothing(
    run: Run,
    photo: Path,
    monkeypatch: pytest.MonkeyPatch,
    numbers: list[signal.Signals],
    word: str,
) -> None:
    def interrupt(*args: object, **options: object) -> None:
        try:
            signal.raise_signal(numbers[0])
        finally:
            for number in numbers[1:]:
                signal.raise_signal(number)

    monkeypatch.setattr(encode, "decode_picture", interrupt)
    # A job in the background ignores Ctrl-C, one under nohup SIGHUP; tests may be such a job.
    handlers = {number: signal.SIG_DFL for number in numbers}
    handlers |= {signal.SIGINT: signal.default_int_handler}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        ended = run("encode", photo)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert ended.code == 130
    assert ended.err == f"l3c: {word}\n"
    assert files_in(photo.parent) == ["photo.png"]


def test_a_signal_that_is_ignored_stays_so(
    run: Run, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang_up(*args: object, **options: object) -> object:
        signal.raise_signal(signal.SIGHUP)
        return real(*args, **options)  # type: ignore[arg-type]

    real = encode.decode_picture
    monkeypatch.setattr(encode, "decode_picture", hang_up)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as by nohup
    try:
        assert run("encode", photo).code == 0
    finally:
        signal.signal(signal.SIGHUP, before)


SLOW = """
import os, time
print("method", os.getpid(), flush=True)

def encode(image):
    time.sleep(60)

decode = encode
"""


def test_ctrl_c_of_a_terminal_ends_a_method_without_a_traceback(
    photo: Path, tmp_path: Path
) -> None:
    """The signal goes to all processes of the group in the foreground."""
    (tmp_path / "slow.py").write_text(SLOW)
    folder = tmp_path / "folder"
    folder.mkdir()
    photo.rename(folder / "photo.png")
    (tmp_path / "scratch").mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "l3c", "bench", str(folder), "--methods", str(tmp_path / "slow.py")],
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(tmp_path / "scratch")},
        process_group=0,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        cwd=ROOT,
    ) as process:
        assert process.stderr is not None
        process.stderr.readline()  # loaded to be checked
        method = int(process.stderr.readline().split()[1])  # loaded to be measured
        os.killpg(process.pid, signal.SIGINT)
        assert process.stderr.read() == b"l3c: interrupted\n"
    assert process.returncode == 130
    assert files_in(tmp_path / "scratch") == []
    with pytest.raises(ProcessLookupError):
        os.kill(method, 0)
