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
        return super().encode(image)
"""


def wait_for(path, process, seconds=60):
    end = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("whole_group", [True, False], ids=["all processes", "main process only"])
def test_killed_run_goes_on_with_the_same_command(make_workflow, tmp_path, whole_group):
    (tmp_path / "slow.py").write_text(SLOW)
    workflow = make_workflow(methods=["slow.py"])
    at_work = tmp_path / "at_work.txt"
    process = subprocess.Popen(
        workflow.command(),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_for(at_work, process)
    (os.killpg if whole_group else os.kill)(process.pid, signal.SIGKILL)
    process.wait()
    assert list((tmp_path / ".snakemake" / "locks").iterdir())  # Snakemake left its lock behind

    code, text = workflow.run()
    assert code == 0, text
    assert "Nothing to be done" in workflow.run()[1]
    workers = at_work.read_text().split()
    second = workers.index(workers[-1])
    assert len(set(workers)) == 2
    assert workers[0] not in workers[second:]  # the orphan had ended before the second one began


@pytest.mark.slow
def test_a_living_run_is_not_disturbed(make_workflow, tmp_path):
    """A second command in the folder gets Snakemake's refusal, and the first one ends well."""
    (tmp_path / "slow.py").write_text(SLOW)
    workflow = make_workflow(methods=["slow.py"])
    process = subprocess.Popen(
        workflow.command(), cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    wait_for(tmp_path / "at_work.txt", process)
    code, text = workflow.run()
    assert code != 0
    assert "cannot be locked" in text
    assert process.wait(60) == 0
