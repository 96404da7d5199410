import platform
import re

from l3c.evaluation.environment import environment, hardware


def test_hardware_is_one_line_with_cores():
    assert re.fullmatch(r"[^\n]+, \d+ cores?(, \d+ GB)?", hardware())


def test_environment_names_python_and_numpy():
    assert environment().startswith(f"Python {platform.python_version()}, numpy 2")
    assert "\n" not in environment()
