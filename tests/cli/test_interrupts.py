"""Signals that end a command: early, in its midst, several at once; and nothing stays behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command import files_in

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


@pytest.mark.parametrize("module", ["l3c.cli.exits", "l3c.cli.encode"])
def test_an_interrupt_while_the_command_starts(photo, tmp_path, module):
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
    ("numbers", "ignored", "word"),
    [
        ([signal.SIGINT], False, "interrupted"),
        ([signal.SIGTERM], False, "terminated"),
        ([signal.SIGHUP], False, "the terminal was closed"),
        ([signal.SIGHUP, signal.SIGTERM], False, "the terminal was closed"),
        ([signal.SIGHUP], True, ""),  # as by nohup
    ],
)
def test_a_signal_leaves_nothing_or_stays_ignored(run, photo, monkeypatch, numbers, ignored, word):
    def interrupt(*args, **options):
        try:
            signal.raise_signal(numbers[0])
        finally:
            for number in numbers[1:]:
                signal.raise_signal(number)
        return real(*args, **options)

    real = encode.decodes_to
    monkeypatch.setattr(encode, "decodes_to", interrupt)
    # A job in the background ignores Ctrl-C, one under nohup SIGHUP; tests may be such a job.
    handlers = {number: signal.SIG_IGN if ignored else signal.SIG_DFL for number in numbers}
    handlers |= {signal.SIGINT: signal.default_int_handler}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        ended = run("encode", photo, "-q")
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert ended == ((0, "", "") if ignored else (130, "", f"l3c: {word}\n"))
    assert files_in(photo.parent) == ["photo.l3c"] * ignored + ["photo.png"]


SLOW = """
import os, time
print("method", os.getpid(), flush=True)
def encode(image):
    time.sleep(60)
decode = encode
"""


def test_ctrl_c_of_a_terminal_ends_a_method_without_a_traceback(photo, tmp_path):
    """The signal goes to all processes of the group in the foreground."""
    (tmp_path / "slow.py").write_text(SLOW)
    folder, scratch = tmp_path / "folder", tmp_path / "scratch"
    folder.mkdir()
    scratch.mkdir()
    photo.rename(folder / "photo.png")
    with subprocess.Popen(
        [sys.executable, "-m", "l3c", "bench", str(folder), "--methods", str(tmp_path / "slow.py")],
        stderr=subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(scratch)},
        process_group=0,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        cwd=ROOT,
    ) as process:
        process.stderr.readline()  # loaded to be checked
        method = int(process.stderr.readline().split()[1])  # loaded to be measured
        os.killpg(process.pid, signal.SIGINT)
        assert process.stderr.read() == b"l3c: interrupted\n"
    assert (process.returncode, files_in(scratch)) == (130, [])
    with pytest.raises(ProcessLookupError):
        os.kill(method, 0)
