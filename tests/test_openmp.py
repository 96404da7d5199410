"""PyTorch's threads do not spin, unless the user wants them to."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from l3c import openmp

VARIABLES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")


def _after(code: str, **set_before: str) -> list[str]:
    """The two variables in a fresh process that has run some code; "-" for one that is not set."""
    environment = {k: v for k, v in os.environ.items() if k not in VARIABLES} | set_before
    show = f"import os; print(*(os.environ.get(name, '-') for name in {VARIABLES}))"
    command = [sys.executable, "-c", f"{code}; {show}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    "first", ["import l3c", "import l3c.cli", "import l3c.workflow.job", "import benchmarks"]
)
def test_whoever_comes_first_sets_it_before_pytorch_is_loaded(first: str) -> None:
    assert _after(f"{first}; import sys; assert 'torch' not in sys.modules") == ["1000", "-"]


@pytest.mark.parametrize(
    "chosen",
    [{"GOMP_SPINCOUNT": "7"}, {"OMP_WAIT_POLICY": "ACTIVE"}, {"OMP_WAIT_POLICY": "passive"}],
)
def test_a_choice_of_the_user_is_left_alone(chosen: dict[str, str]) -> None:
    assert _after("import l3c", **chosen) == [chosen.get(name, "-") for name in VARIABLES]


def test_nothing_is_set_once_pytorch_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(sys.modules, "torch", sys)
    openmp.limit_spinning()
    assert not any(name in os.environ for name in VARIABLES)
