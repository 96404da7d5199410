"""Which model a file was written with: a hash of all that decoding depends on."""

from __future__ import annotations

import hashlib

from l3c.model.network import Network

IDENTITY_BYTES = 8


def model_identity(network: Network) -> bytes:
    """The first 8 bytes of a SHA-256 over the network's settings and its weights in float32."""
    settings = network.settings
    later = set() if settings.interlaced else {"interlaced"}  # left out at what it was before
    digest = hashlib.sha256(settings.model_dump_json(exclude=later).encode())
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.cpu().contiguous().numpy().tobytes())
    return digest.digest()[:IDENTITY_BYTES]
