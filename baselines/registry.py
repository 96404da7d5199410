"""From a key of the configuration, or a user's Python file, to a method."""

import hashlib
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from baselines.base import Image, Method, check_method
from baselines.flif import Flif
from baselines.jpeg2000 import Jpeg2000
from baselines.jpegxl import JpegXLe7, JpegXLe9
from baselines.png import Png
from baselines.raw import Raw
from baselines.user_files import MethodFileError, load_file
from baselines.webp import WebP

METHODS: dict[str, Callable[[], Method]] = {
    method.key: method for method in (Raw, Png, WebP, Jpeg2000, JpegXLe7, JpegXLe9, Flif)
}
"""The classical methods by key, in the order of tables. Learned ones: l3c.bench.measure.methods."""


class UnknownMethodError(ValueError):
    """No method of that key; the message lists the known ones."""


def method_key(entry: str) -> str:
    """Key of a method entry: itself, or the file's stem in lower case for a path to a .py file."""
    if entry.endswith(".py"):
        return re.sub(r"[^a-z0-9]+", "_", Path(entry).stem.lower()).strip("_")
    return entry


def get_method(key_or_path: str) -> Method:
    """A fresh instance of a method, by its key or from a user's file.

    Args:
        key_or_path: a key of `METHODS`, or the path (ending in .py) of a file that defines two
            functions, `encode` and `decode`, or one concrete class that has them (a subclass of
            `Method` or not), or such an object as `METHOD`.

    Raises:
        UnknownMethodError: if it is neither.
        MethodFileError: if the file is missing, fails to import, or defines no usable method.
    """
    if key_or_path.endswith(".py"):
        return _from_file(Path(key_or_path))
    try:
        return METHODS[key_or_path]()
    except KeyError:
        raise UnknownMethodError(
            f"unknown method {key_or_path!r}: known are {', '.join(METHODS)}, "
            "or the path of a Python file (.py) that defines one"
        ) from None


def _from_file(path: Path) -> Method:
    method = _find_method(path, load_file(path))
    try:
        check_method(method)
    except ValueError as error:
        raise MethodFileError(path, str(error)) from None
    if method.key in METHODS:
        raise MethodFileError(path, f"its key {method.key!r} is taken: choose another one")
    return method


def _find_method(path: Path, module: ModuleType) -> Method:
    method = getattr(module, "METHOD", None)
    if method is not None:
        return _as_method(path, method, "METHOD")
    own = [
        item
        for item in vars(module).values()
        if inspect.isclass(item) and item.__module__ == module.__name__  # none that it imports
    ]
    methods: list[type] = [item for item in own if issubclass(item, Method)]
    if not methods and _codes(module):
        return _as_method(path, module, "the file")
    classes = methods or [item for item in own if _codes(item)]
    concrete = [item for item in classes if not inspect.isabstract(item)]
    if len(concrete) != 1:
        found = ", ".join(item.__name__ for item in concrete) or "none"
        missing = sorted(
            {name for item in methods for name in getattr(item, "__abstractmethods__", ())}
        )
        hint = f" (still to define: {', '.join(missing)})" if missing and not concrete else ""
        raise MethodFileError(
            path,
            "expected two functions, encode and decode, or one concrete class with them, found "
            f"{found}{hint}",
        )
    try:
        made = concrete[0]()
    except TypeError as error:
        raise MethodFileError(path, f"cannot be made without arguments: {error}") from error
    return _as_method(path, made, concrete[0].__name__)


def _codes(thing: object) -> bool:
    return all(callable(getattr(thing, name, None)) for name in ("encode", "decode"))


def _as_method(path: Path, thing: Any, what: str) -> Method:
    """A Method as it is; anything else that has `encode` and `decode`, with names of the file's."""
    if isinstance(thing, Method):
        return thing
    if inspect.isclass(thing) or not _codes(thing):
        raise MethodFileError(path, f"{what} has no functions encode and decode to be called")
    return PlainMethod(thing, path)


class PlainMethod(Method):
    """Two functions, `encode(image) -> bytes` and `decode(bytes) -> image`, as a method.

    Args:
        functions: has them, and may have `name`, `key`, `suffix`, `settings` and `version` (texts).
        path: of its file, which names it otherwise; its content is its version.
    """

    def __init__(self, functions: Any, path: Path) -> None:
        self._functions = functions
        self.name = getattr(functions, "name", path.stem)
        self.key = getattr(functions, "key", method_key(str(path)))
        self.suffix = getattr(functions, "suffix", ".bin")
        self.settings = getattr(functions, "settings", "")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        self._version = getattr(functions, "version", f"{path.name} {digest[:12]}")

    def version(self) -> str:
        return str(self._version() if callable(self._version) else self._version)

    def encode(self, image: Image) -> bytes:
        data: bytes = self._functions.encode(image)
        return data

    def decode(self, data: bytes) -> Image:
        image: Image = self._functions.decode(data)
        return image
