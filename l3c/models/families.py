"""Families of models, found by name or by the path of a Python file.

A family is a module, in this folder or anywhere. It defines `FAMILY`, a subclass of
`l3c.models.base.Model`; and `open_tile_codec(file, device, arithmetic)`, if its models are opened
otherwise than with PyTorch (`l3c.models.base.open_torch_codec`).
"""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from baselines.user_files import MethodFileError, load_file
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
    try:
        return f"{Path(name).name} {hashlib.sha256(Path(name).read_bytes()).hexdigest()[:12]}"
    except OSError as error:
        raise FamilyError(f"{name}: cannot be read ({one_line(error)})") from None


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
        try:
            return load_file(Path(name))
        except MethodFileError as error:
            raise FamilyError(str(error)) from error
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
