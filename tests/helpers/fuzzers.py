"""The fuzzers of `tests/fuzz`, for the short runs of them among the tests."""

import importlib.util
from pathlib import Path
from types import ModuleType

FUZZ = Path(__file__).parents[1] / "fuzz"


def fuzzer(name: str) -> ModuleType:
    """The script `tests/fuzz/<name>.py` as a module."""
    spec = importlib.util.spec_from_file_location(name, FUZZ / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
