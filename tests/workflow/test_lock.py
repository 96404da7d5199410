"""Locks of main processes and jobs, with real processes."""

import subprocess
import sys
import time

import pytest

MAIN = """
import sys, time
from pathlib import Path
from l3c.workflow.lock import hold_main_lock
print(hold_main_lock(Path(".state")), flush=True)
"""
JOB = """
import subprocess, sys
job = "from l3c.workflow.lock import watch_main; import time;"
job += "watch_main(); print('working', flush=True); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", job])
print(child.pid, flush=True)
"""


@pytest.fixture
def start(tmp_path):
    """Starts Python code in the test's folder; what still runs at the end is killed."""
    started = []

    def start(code):
        command = [sys.executable, "-c", code]
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def test_one_main_process_at_a_time(start):
    first = start(MAIN + "time.sleep(60)")
    assert first.stdout.readline() == "True\n"
    second = start(MAIN)
    assert second.stdout.readline() == "False\n"
    first.kill()
    first.wait()
    third = start(MAIN)
    assert third.stdout.readline() == "True\n"


def test_leftover_locks_go_only_when_nobody_lives(start, tmp_path):
    locks = tmp_path / ".state" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.input.lock").touch()
    first = start(MAIN + "time.sleep(60)")
    assert first.stdout.readline() == "True\n"
    assert not list(locks.iterdir())
    (locks / "0.input.lock").touch()
    start(MAIN).wait()
    assert list(locks.iterdir())


def test_job_ends_with_its_main_process(start):
    main = start(MAIN + JOB + "time.sleep(60)")
    assert main.stdout.readline() == "True\n"
    assert {main.stdout.readline().strip().isdigit(), main.stdout.readline()} == {True, "working\n"}
    main.kill()  # alone: the job lives on, and holds the other end of stdout
    main.wait()
    began = time.monotonic()
    assert main.stdout.read() == ""  # only when the job has ended, too
    assert time.monotonic() - began < 10


def test_job_without_a_main_process_is_left_alone(start, monkeypatch):
    monkeypatch.delenv("L3C_MAIN_PROCESS", raising=False)
    job = start("from l3c.workflow.lock import watch_main\nwatch_main(); print('done', flush=True)")
    assert job.stdout.readline() == "done\n"
    assert job.wait() == 0
