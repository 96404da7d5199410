"""L3C: learned lossless image compression, decoded exactly or refused.

    import l3c

    data = l3c.encode(image)
    assert (l3c.decode(data) == image).all()

Importing the package also teaches Pillow to open and save `.l3c` files, and sets how PyTorch's
threads wait for each other if PyTorch is not loaded yet (`l3c.openmp`).
"""

from l3c import openmp, pillow_plugin
from l3c.api import Model, decode, encode, open_model

__all__ = ["Model", "decode", "encode", "open_model"]

openmp.limit_spinning()
pillow_plugin.register()
