"""Writes golden models and files of the integer path, once: what exists is never written again.

    PYTHONPATH=.:tests/helpers:tests/integer python tests/integer/make_golden.py

`tests/data/golden/integer-<case>.safetensors` holds integers only, `.l3c` a file of an image, and
`integer.json` the settings of each network, its identity and the SHA-256 of the image's pixels.
`mixed-rgb.l3c` is a file of format 3, with the weights of `rgb`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from safetensors.torch import save_file
from test_golden import codec_of
from tiny_models import limit, noise, smooth, stir

from l3c import tile_coding
from l3c.coding import encode_picture
from l3c.fileformat import tiles
from l3c.images.picture import Picture
from l3c.models.pyramid import PyramidModel
from l3c.recipe import Recipe
from l3c.tile_coding import Choice

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
_UNIT: dict[str, Any] = {
    "parametrization": "unit",
    "initialization": "pyramid",
    "channel_coefficients": "centred",
}
CASES: dict[str, tuple[str, dict[str, Any]]] = {  # family and settings
    "l3c": ("l3c", {"kind": "l3c", **_UNIT}),
    "rgb": ("l3c", {"kind": "rgb", **_UNIT, "dilations": (2,)}),
    "rgb-shared": ("l3c", {"kind": "rgb_shared", **_UNIT, "channel_coefficients": "linear"}),
    "paper": ("l3c", {"kind": "l3c", "bottleneck": 4}),
    "paper-rgb": ("l3c", {"kind": "rgb"}),
    "interlaced": ("interlaced", {"channel_coefficients": "centred"}),
}
SHAPE: dict[str, Any] = {
    "scales": 2,
    "features": 12,
    "blocks": 1,
    "mixtures": 2,
    "dilations": (1, 2),
}


def main() -> None:
    """Writes the cases that are not there."""
    listed = GOLDEN / "integer.json"
    known = json.loads(listed.read_text()) if listed.exists() else {}
    for seed, (case, (family, settings)) in enumerate(CASES.items()):
        if case in known:
            continue
        model = Recipe(name=case, family=family, model=SHAPE | settings).make_model()
        assert isinstance(model, PyramidModel)
        model.initialize(seed)
        integers = stir(model, seed).to_integers([smooth(64, 64), smooth(40, 24)])
        image = np.concatenate([smooth(19, 27), noise(6, 27, 3)])
        codec = model.codec("cpu", integers)
        data = encode_picture(Picture.from_array(image), codec, choice=Choice.NETWORK)
        save_file(
            {name: value.contiguous() for name, value in integers.items()},
            GOLDEN / f"integer-{case}.safetensors",
        )
        (GOLDEN / f"integer-{case}.l3c").write_bytes(data)
        known[case] = {
            "family": family,
            "settings": model.settings.model_dump(mode="json"),
            "identity": codec.identity.hex(),
            "pixel_sha256": hashlib.sha256(image.tobytes()).hexdigest(),
        }
    listed.write_text(json.dumps(known, indent=2) + "\n")
    _write_mixed(GOLDEN / "mixed-rgb.l3c")


def _write_mixed(path: Path) -> None:
    """A file of format 3 with the weights of `rgb`: three tiles, the second flat."""
    if path.exists():
        return
    image = smooth(16, 48)
    image[:, 16:32] = (1, 2, 3)
    with (
        mock.patch.object(tiles, "TILE_PIXELS", 16 * 16),
        mock.patch.object(tile_coding, "_limit", limit),
    ):
        path.write_bytes(encode_picture(Picture.from_array(image), codec_of("rgb")))
    print(f"{path.name}: {hashlib.sha256(image.tobytes()).hexdigest()}")


if __name__ == "__main__":
    main()
