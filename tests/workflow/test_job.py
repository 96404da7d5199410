"""Around a script's work: the log, the terminal, one line for an error."""

import os
import pty
import subprocess
import sys
import termios
import textwrap

import pytest

from l3c.bench.measure.files import MethodFailedError
from l3c.messages import typed_line


@pytest.fixture
def run_script(tmp_path):
    """Runs the body of a script inside job(); returns status, what was shown, and the log."""

    def run(body, terminal):
        script = tmp_path / "script.py"
        script.write_text(
            "from types import SimpleNamespace as S\n"
            "from l3c.workflow.job import job\n"
            "with job(S(threads=3, log=['logs/x.log'], rule='some_rule')):\n"
            + textwrap.indent(textwrap.dedent(body), "    ")
        )
        reader, writer = pty.openpty() if terminal else os.pipe()
        if terminal:
            termios.tcsetwinsize(writer, (24, 80))  # rows and columns; a new one has none
        process = subprocess.Popen([sys.executable, str(script)], cwd=tmp_path, stderr=writer)
        os.close(writer)
        shown = b""
        try:
            while data := os.read(reader, 4096):
                shown += data
        except OSError:  # how Linux says that the other end of a terminal was closed
            pass
        os.close(reader)
        log = (tmp_path / "logs" / "x.log").read_text()
        return process.wait(30), shown.decode(), log

    return run


BAR = """
    import os, sys
    from l3c.progress import Progress
    with Progress(2, "counting", "image") as progress:
        progress.update()
        progress.update()
    print("a remark", file=sys.stderr)
    print("\\udcff, of a file's name", file=sys.stderr)
    os.write(2, b"from a library\\n")
    assert os.environ["OMP_NUM_THREADS"] == "3"
"""


def test_a_log_gets_lines_and_the_pipe_nothing(run_script):
    status, shown, log = run_script(BAR, terminal=False)
    assert (status, shown) == (0, "")
    assert "counting: 2/2 images" in log
    assert "a remark" in log
    assert "\\udcff, of a file's name" in log
    assert "from a library" in log


def test_a_terminal_shows_the_bar_and_the_log_stays_readable(run_script):
    status, shown, log = run_script(BAR, terminal=True)
    assert status == 0
    assert "\r" in shown
    assert "2/2" in shown
    assert "counting: 2/2 images" in log
    assert "\r" not in log
    assert "a remark" in log
    assert "a file's name\nfrom a library\n" in log


@pytest.mark.parametrize("terminal", [True, False])
def test_an_error_is_one_line_its_traceback_in_the_log(run_script, terminal):
    status, shown, log = run_script('raise KeyError("no such thing")', terminal)
    assert status == 1
    assert "Error in some_rule: KeyError: 'no such thing'" in shown
    assert "logs/x.log" in shown
    assert "Traceback" not in shown
    assert "Traceback" in log


def test_messages_are_joined_and_only_foreign_ones_name_their_type():
    assert typed_line(MethodFailedError("m", "d", "i", "bad\n  luck")).startswith("method m failed")
    assert "\n" not in typed_line(MethodFailedError("m", "d", "i", "bad\n  luck"))
    assert typed_line(ValueError("x")) == "ValueError: x"
