import platform
import re
import subprocess
import sys

import numpy as np

from l3c.bench.measure.provenance import device_name, environment, hardware, peak_mib


def test_hardware_is_one_line_with_cores():
    assert re.fullmatch(r"[^\n]+, \d+ cores?(, \d+ GiB)?", hardware())


def test_environment_names_python_and_numpy():
    assert environment().startswith(f"Python {platform.python_version()}, numpy 2")
    assert "\n" not in environment()


def test_the_processor_is_named_as_in_the_hardware():
    assert hardware().startswith(device_name("cpu"))


def test_peak_memory_grows_with_what_was_held():
    before = peak_mib()
    held = np.ones(int(before + 100) * 2**20, np.uint8)
    assert held[-1]
    del held
    assert peak_mib() > before + 90


def test_peak_memory_of_programs_is_apart():
    subprocess.run([sys.executable, "-c", "b'1' * (400 * 2**20)"], check=True)
    assert peak_mib(children=True) > 400
