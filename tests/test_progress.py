"""Progress in a log: lines that say how much is done and how long the rest takes."""

import sys

import pytest

from l3c import progress
from l3c.progress import Progress


def test_a_resumed_run_does_not_count_what_was_done_before(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    with Progress(100, "train", done=60) as shown:
        now = 20.0
        shown.update(10, bpsp=3.14159)
    assert capsys.readouterr().err == "train: 70/100 steps, bpsp 3.142, 20 s, 60 s left\n"


def test_a_closed_stderr_is_no_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as closed:
        closed.setattr(sys, "stderr", None)
        with Progress(1, "train") as shown:
            shown.update()
    assert capsys.readouterr() == ("", "")
