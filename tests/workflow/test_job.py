"""Around a script's work: the log, one line for an error; test_killed.py has whole runs."""

import subprocess
import sys
import textwrap

import pytest

JOB = """
from types import SimpleNamespace
from l3c.workflow.job import job
with job(SimpleNamespace(threads=3, log=["logs/x.log"], rule="some_rule")):
"""


@pytest.fixture
def run_script(tmp_path):
    """Runs the body of a script inside job(); returns status, stderr, and the log."""

    def run(body):
        code = JOB + textwrap.indent(textwrap.dedent(body), "    ")
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.returncode, done.stderr, (tmp_path / "logs" / "x.log").read_text()

    return run


def test_a_log_gets_whole_lines_and_the_terminal_nothing(run_script):
    status, shown, log = run_script("""
        import os, sys
        from l3c.progress import Progress
        with Progress(2, "counting", "image") as progress:
            progress.update()
            progress.update()
        print("\\udcff, of a file's name", file=sys.stderr)
        os.write(2, b"from a library\\n")
        assert os.environ["OMP_NUM_THREADS"] == "3"
    """)
    assert (status, shown) == (0, "")
    assert "counting: 2/2 images" in log
    assert "\\udcff, of a file's name\nfrom a library\n" in log
    assert "\r" not in log


def test_an_error_is_one_line_its_traceback_in_the_log(run_script):
    status, shown, log = run_script('raise KeyError("no such thing")')
    assert (status, "Traceback" in shown, "Traceback" in log) == (1, False, True)
    assert "Error in some_rule: KeyError: 'no such thing'" in shown
    assert "logs/x.log" in shown


def test_a_job_without_a_run_is_left_alone(run_script, monkeypatch):
    monkeypatch.delenv("L3C_MAIN_PROCESS", raising=False)
    assert run_script("pass")[0] == 0
