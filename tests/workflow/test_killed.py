"""A run killed by SIGKILL goes on with the same command: no lock, no orphan, no half file."""

import os
import signal
import subprocess
import time

import pytest

# Encodes slowly and writes down who is at work, so that two at once would be seen.
SLOW = """
import os, time
from baselines.png import Png

class Slow(Png):
    name = "Slow"
    key = "slow"

    def encode(self, image):
        with open("at_work.txt", "a") as file:
            print(os.getpid(), file=file)
        time.sleep(1)
        while os.path.exists("hold"):
            time.sleep(0.1)
        return super().encode(image)
"""

TARGET = "out/rows/toy/slow.csv"


@pytest.fixture
def slow(make_workflow, tmp_path):
    """A workflow that was started and is at work."""
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "hold").touch()
    workflow = make_workflow(methods=["slow.py"])
    nowhere = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    command = workflow.command(TARGET)
    process = subprocess.Popen(command, cwd=tmp_path, start_new_session=True, **nowhere)
    end = time.monotonic() + 120
    while not (tmp_path / "at_work.txt").exists():
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < end
        time.sleep(0.02)
    yield workflow, process
    process.wait(120)


@pytest.mark.slow
@pytest.mark.parametrize("kill", [os.killpg, os.kill], ids=["all processes", "main process only"])
def test_a_killed_run_goes_on_with_the_same_command(slow, tmp_path, kill):
    workflow, process = slow
    kill(process.pid, signal.SIGKILL)
    process.wait()
    (tmp_path / "hold").unlink()
    code, text = workflow.run(TARGET)
    assert code == 0, text
    workers = (tmp_path / "at_work.txt").read_text().split()
    second = workers.index(workers[-1])
    assert len(set(workers)) == 2
    assert workers[0] not in workers[second:]  # the orphan had ended before the second one began


@pytest.mark.slow
def test_a_living_run_is_not_disturbed(slow, tmp_path):
    workflow, process = slow
    assert workflow.run("--dry-run", TARGET)[0] == 0
    code, text = workflow.run(TARGET)
    assert code != 0
    assert f"another run is at work in {tmp_path}" in text
    (tmp_path / "hold").unlink()
    assert process.wait(120) == 0
