"""Progress in a log: whole lines that show how much is done and how long the rest takes."""

import sys

import pytest

from l3c.progress import Progress


def test_a_log_gets_lines_and_a_resumed_run_counts_on(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(100, "train", done=60) as shown:
        shown.update(10, bpsp=3.14159)
        assert shown.n == 70
    err = capsys.readouterr().err
    assert "\r" not in err
    first, last = err.splitlines()
    assert first.startswith("train: 60/100 steps, ")
    assert last.startswith("train: 70/100 steps, bpsp=3.142, 00:00, 00:00 left")


def test_a_terminal_gets_a_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Progress(2, "train") as shown:
        shown.update(2)
    assert "\rtrain: 100%|" in capsys.readouterr().err


@pytest.mark.parametrize("stderr", [sys.stderr, None])
def test_silence_and_a_closed_stderr(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], stderr: object
) -> None:
    with monkeypatch.context() as closed:
        closed.setattr(sys, "stderr", stderr)
        with Progress(1, "train", silent=stderr is not None) as shown:
            shown.update()
    assert capsys.readouterr() == ("", "")
