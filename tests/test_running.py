"""What runs: how many threads and how they wait, where the seconds go, how progress is shown.

PyTorch's threads do not spin, unless the user wants them to. A log of progress gets whole lines
that show how much is done and how long the rest takes.
"""

import os
import subprocess
import sys
import time

import pytest

from l3c import threads
from l3c.progress import Progress
from l3c.stopwatch import Stopwatch, is_timed, timed

VARIABLES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")


def _after(code, **set_before):
    """The two variables in a fresh process that has run some code; "-" for one that is not set."""
    environment = {k: v for k, v in os.environ.items() if k not in VARIABLES} | set_before
    show = f"import os; print(*(os.environ.get(name, '-') for name in {VARIABLES}))"
    command = [sys.executable, "-c", f"{code}; {show}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize("first", ["l3c", "l3c.cli", "l3c.workflow.job", "benchmarks"])
def test_spinning_is_limited_before_pytorch_is_loaded(first):
    code = f"import {first}, sys; assert 'torch' not in sys.modules"
    assert _after(code) == ["1000", "-"]


@pytest.mark.parametrize(
    ("name", "value"), [("GOMP_SPINCOUNT", "7"), ("OMP_WAIT_POLICY", "ACTIVE")]
)
def test_a_choice_of_the_user_is_left_alone(name, value):
    assert _after("import l3c", **{name: value}) == [
        value if name == each else "-" for each in VARIABLES
    ]


def test_as_many_threads_as_were_asked_for(monkeypatch):
    import torch

    with threads.torch_threads(3):
        assert threads.thread_count() == torch.get_num_threads() == 3
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {1, 2, 5, 6}, raising=False)
    for limit, wanted in (("5", 5), ("", 4), ("many", 4)):
        monkeypatch.setenv("OMP_NUM_THREADS", limit)
        assert threads.thread_count() == wanted


@pytest.mark.parametrize("count", [1, 3])
def test_results_come_in_order_and_errors_come_out(count):
    assert [*threads.in_threads(lambda i: i * i, range(20), count)] == [i * i for i in range(20)]
    with pytest.raises(ZeroDivisionError):
        list(threads.in_threads(lambda i: 1 // (3 - i), range(20), count))


def test_seconds_are_added_up():
    stopwatch = Stopwatch()
    for _ in range(2):
        with stopwatch, timed("coder", "x"):
            time.sleep(0.01)
    with pytest.raises(KeyError), stopwatch, timed("network"):
        raise KeyError
    assert set(stopwatch.seconds) == {("coder", "x"), ("network", "")}
    assert stopwatch.seconds["coder", "x"] >= 0.02
    with stopwatch, timed("container"):
        assert is_timed()
    with timed("network", "x"):
        assert not is_timed()
    assert set(stopwatch.seconds) == {("coder", "x"), ("network", ""), ("container", "")}


def test_a_log_gets_lines_and_a_resumed_run_counts_on(capsys):
    with Progress(100, "train", done=60) as shown:
        shown.update(10, bpsp=3.14159)
        assert shown.n == 70
    err = capsys.readouterr().err
    assert "\r" not in err
    first, last = err.splitlines()
    assert first.startswith("train: 60/100 steps, ")
    assert last.startswith("train: 70/100 steps, bpsp=3.142, 00:00, 00:00 left")


def test_a_terminal_gets_a_bar(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Progress(2, "train") as shown:
        shown.update(2)
    assert "\rtrain: 100%|" in capsys.readouterr().err


@pytest.mark.parametrize("stderr", [sys.stderr, None])
def test_silence_and_a_closed_stderr(monkeypatch, capsys, stderr):
    with monkeypatch.context() as closed:
        closed.setattr(sys, "stderr", stderr)
        with Progress(1, "train", silent=stderr is not None) as shown:
            shown.update()
    assert capsys.readouterr() == ("", "")
