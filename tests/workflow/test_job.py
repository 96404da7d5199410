"""Around a script's work: its log; test_workflow.py has its errors, test_killed.py whole runs."""

import subprocess
import sys

JOB = r"""
import os, sys
from types import SimpleNamespace
from l3c.progress import Progress
from l3c.workflow.job import job

with job(SimpleNamespace(threads=3, log=["logs/x.log"], rule="some_rule")):
    with Progress(2, "counting", "image") as progress:
        progress.update()
        progress.update()
    print("\udcff, of a file's name", file=sys.stderr)
    os.write(2, b"from a library\n")
    assert os.environ["OMP_NUM_THREADS"] == "3"
"""


def test_a_log_gets_whole_lines_and_the_terminal_nothing(tmp_path, monkeypatch):
    monkeypatch.delenv("L3C_MAIN_PROCESS", raising=False)  # a job without a run is left alone
    command = [sys.executable, "-c", JOB]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    log = (tmp_path / "logs" / "x.log").read_text()
    assert "counting: 2/2 images" in log
    assert "\\udcff, of a file's name\nfrom a library\n" in log
    assert "\r" not in log
