"""Around a script's work: the log, one line for an error, one run in a folder."""

import subprocess
import sys
import textwrap
import time

import pytest

JOB = """
from types import SimpleNamespace
from l3c.workflow.job import hold_folder, job
with job(SimpleNamespace(threads=3, log=["logs/x.log"], rule="some_rule")):
"""
MAIN = """
import os, subprocess, sys, time
from pathlib import Path
from l3c.workflow.job import FolderInUseError, hold_folder
try:
    hold_folder(Path("state"))
except FolderInUseError:
    raise SystemExit("in use")
print("held", flush=True)
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
    assert status == 1
    assert "Error in some_rule: KeyError: 'no such thing'" in shown
    assert "logs/x.log" in shown
    assert "Traceback" not in shown
    assert "Traceback" in log


@pytest.fixture
def start(tmp_path):
    """Starts Python code in the test's folder; what still runs at the end is killed."""
    started = []

    def start(code):
        command = [sys.executable, "-c", code]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, cwd=tmp_path, stdout=pipe, stderr=pipe, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_one_run_in_a_folder_and_a_killed_one_leaves_it_free(start):
    first = start(MAIN + "time.sleep(60)")
    assert first.stdout.readline() == "held\n"
    assert start(MAIN).communicate(timeout=60)[1] == "in use\n"
    first.kill()
    first.wait()
    assert start(MAIN).communicate(timeout=60)[0] == "held\n"


def test_a_job_ends_with_its_run(start):
    work = JOB + "    print('working', flush=True); import time; time.sleep(60)"
    main = start(MAIN + f"subprocess.Popen([sys.executable, '-c', {work!r}])\ntime.sleep(60)")
    assert [main.stdout.readline() for _ in range(2)] == ["held\n", "working\n"]
    main.kill()  # alone: the job lives on, and holds the other end of stdout
    main.wait()
    began = time.monotonic()
    assert main.stdout.read() == ""  # only when the job has ended, too
    assert time.monotonic() - began < 10


def test_a_job_without_a_run_is_left_alone(run_script, monkeypatch):
    monkeypatch.delenv("L3C_MAIN_PROCESS", raising=False)
    assert run_script("pass")[0] == 0
