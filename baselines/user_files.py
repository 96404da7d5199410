"""Python files of users: methods, families of models, figures."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


class MethodFileError(ValueError):
    """A user's Python file that cannot be used."""

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def load_file(path: Path) -> ModuleType:
    """Runs a user's Python file; one that has run already is not run again.

    Raises:
        MethodFileError: it is missing, or fails to import.
    """
    import hashlib  # takes memory

    try:
        content = path.read_bytes()
    except OSError as error:
        reason = f"{error.strerror} (looked in {Path.cwd()})"
        raise MethodFileError(path, f"cannot be read: {reason}") from None
    # Named by content and place, so that two files of one name do not meet in sys.modules.
    digest = hashlib.sha256(str(path.resolve()).encode() + content).hexdigest()
    name = f"l3c_user_file_{digest[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        raise MethodFileError(path, "not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look a class's module up here
    try:
        # Not by the loader, which would write bytecode into the user's folder.
        exec(compile(content, str(path), "exec"), module.__dict__)
    except Exception as error:  # whatever the user's code raises, the file is what to look at
        del sys.modules[name]
        raise MethodFileError(path, f"{type(error).__name__} on import: {error}") from error
    return module
