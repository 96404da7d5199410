"""Families of models, found by name or by the path of a Python file.

A family is a module, in this folder or anywhere. It defines `FAMILY`, a subclass of
`l3c.models.base.Model`; and `open_tile_codec(file, device, arithmetic)`, if its models are opened
otherwise than with PyTorch (`l3c.models.base.open_torch_codec`).
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from l3c.messages import MissingExtraError, naming_extras, one_line

if TYPE_CHECKING:  # PyTorch takes seconds to import, and some families need none to code
    from l3c.models.base import Model

SUFFIX = ".py"  # of a family that is named by its path
OPENER = "open_tile_codec"


class FamilyError(ValueError):
    """No such family, or a file that does not define one."""


def load_family(name: str) -> type[Model]:
    """The class of a family.

    Args:
        name: of a file in this folder, such as "l3c", or the path of a Python file.

    Raises:
        FamilyError: naming what there is, or what is wrong with the file.
    """
    family = _class_of(_module(name))
    if family is None:
        raise FamilyError(f"{name}: defines no FAMILY, a subclass of l3c.models.base.Model")
    return family


def family_name(name: str) -> str:
    """What to publish of a family: a file by its name and the start of its SHA-256, not its path.

    Raises:
        FamilyError: the file cannot be read.
    """
    if not name.endswith(SUFFIX):
        return name
    return f"{Path(name).name} {hashlib.sha256(_content(Path(name))).hexdigest()[:12]}"


def opener_of(name: str) -> Callable[..., Any]:
    """What opens the models of a family: (file, device, arithmetic) -> codec; see `load_family`."""
    try:
        with naming_extras():
            module = _module(name)
            if OPENER in vars(module):
                return getattr(module, OPENER)
            from l3c.models.base import open_torch_codec

            return open_torch_codec
    except MissingExtraError as error:
        raise FamilyError(str(error)) from error


def _module(name: str) -> ModuleType:
    if name.endswith(SUFFIX):
        return _load_file(Path(name))
    found = [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])]
    if name in found:
        module = importlib.import_module(f"l3c.models.{name}")
        if OPENER in vars(module) or _class_of(module):
            return module
    modules = {each: importlib.import_module(f"l3c.models.{each}") for each in found}
    names = ", ".join(each for each, module in modules.items() if _class_of(module))
    raise FamilyError(
        f"no family of models is called {name!r}; there are: {names}; or name a {SUFFIX} file"
    )


def _class_of(module: ModuleType) -> type[Model] | None:
    from l3c.models.base import Model

    family = getattr(module, "FAMILY", None)
    return family if isinstance(family, type) and issubclass(family, Model) else None


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise FamilyError(f"{path}: cannot be read ({one_line(error)})") from None


def _load_file(path: Path) -> ModuleType:
    content = _content(path)
    # Named by content and place, so that two files of one name do not meet in sys.modules.
    digest = hashlib.sha256(str(path.resolve()).encode() + content).hexdigest()
    name = f"l3c_user_family_{digest[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None  # it has the suffix of Python
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pickle look a class's module up here
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's code raises, the file is what to look at
        del sys.modules[name]
        raise FamilyError(f"{path}: {type(error).__name__} on import: {error}") from error
    return module
