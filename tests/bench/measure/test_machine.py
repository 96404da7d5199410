"""The machine in a line, its memory; rows and figures say when it was not quiet."""

import platform
import re
import subprocess
import sys

import numpy as np
import psutil
import pytest

from l3c.bench.measure import machine
from l3c.bench.measure.machine import (
    OtherLoad,
    device_name,
    environment,
    hardware,
    peak_mib,
    versions,
)


def test_the_machine_is_named_in_a_line():
    assert next(iter(versions())) == "Python"
    assert {"numpy", "torch", "imagecodecs"} <= set(versions())
    assert re.fullmatch(r"[^\n]+, \d+ cores?, \d+ GiB", hardware())
    assert hardware().startswith(device_name("cpu"))
    assert environment().startswith(f"Python {platform.python_version()}, numpy 2")
    assert "\n" not in environment()


def test_peak_memory_grows_with_what_was_held_and_programs_are_apart():
    before = peak_mib()
    held = np.ones(int(before + 100) * 2**20, np.uint8)
    assert held[-1]
    del held
    assert peak_mib() > before + 90
    subprocess.run([sys.executable, "-c", "b'1' * (400 * 2**20)"], check=True)
    assert peak_mib(children=True) > 400


@pytest.mark.parametrize(
    ("count", "readings", "shares"),
    [
        # 15 seconds of two cores for 10, of which 5 are ours; none; ours alone; all theirs.
        (2, [(0, 10, 1), (10, 25, 6), (20, 25, 6), (30, 45, 26), (40, 65, 26)], [0.5, 0, 0, 1]),
        # A short time is judged within a second.
        (
            1,
            [(0, 0, 0), (1, 0.5, 0), (1.01, 0.5, 0.01), (1.02, 0.5, 0.02), (2.5, 2, 0)],
            [0.5, 0.49 / 1.01, 0.48 / 1.02, 1],
        ),
    ],
)
def test_others_are_all_but_ours(monkeypatch, count, readings, shares):
    made = ((at, busy - own) for at, busy, own in readings)
    monkeypatch.setattr(machine, "usable_cores", lambda: {*range(count)})
    monkeypatch.setattr(machine, "_read", lambda: next(made))
    load = OtherLoad()
    assert [load.share() for _ in shares] == [pytest.approx(share, abs=1e-3) for share in shares]


def test_children_are_ours(monkeypatch):
    assert 0 <= OtherLoad().share() <= 1
    monkeypatch.setattr(psutil, "cpu_times", lambda percpu: [])  # what is left is ours, negative
    _, before = machine._read()
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-c", burn], check=True)
    assert machine._read()[1] - before <= -0.25
