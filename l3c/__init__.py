"""L3C: learned lossless image compression, decoded exactly or refused.

    import l3c

    data = l3c.encode(image)
    assert (l3c.decode(data) == image).all()

Importing the package also teaches Pillow to open and save `.l3c` files, and sets how PyTorch's
threads wait for each other if PyTorch is not loaded yet (`l3c.threads`).
"""

from typing import TYPE_CHECKING, Any

from l3c import pillow_plugin
from l3c.threads import limit_spinning

if TYPE_CHECKING:
    from l3c.api import Model, decode, encode, open_model

__all__ = ["Model", "decode", "encode", "open_model"]

limit_spinning()
pillow_plugin.register()


def __getattr__(name: str) -> Any:
    """A function of `l3c.api`, imported once it is used: the command starts without NumPy."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from l3c import api

    return getattr(api, name)
