"""Golden files of the integer networks decode for ever, in either carrier.

`integer-<case>.safetensors` holds integers only, `.l3c` a file of an image, and `integer.json` the
settings of each network, its identity and the SHA-256 of the pixels. They were written once, by
tests/integer/make_golden.py of commit 1b993b3; `mixed-rgb.l3c` is a file of format 3.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from l3c.coding import decode_picture, encode_picture
from l3c.fileformat.container import unpack
from l3c.integer.network import IntegerNetwork
from l3c.models.pyramid import PyramidModel
from l3c.models.pyramid_codec import PyramidCodec
from l3c.recipe import Recipe
from l3c.tile_coding import Choice, split_payload

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
MIXED_SHA256 = "d8b2ff79006051d18400840f92ab804aa6a1492931b06737d1822405c7794f29"
CASES: dict[str, dict[str, Any]] = json.loads((GOLDEN / "integer.json").read_text())


def codec_of(case: str, carrier: torch.dtype = torch.float32) -> PyramidCodec:
    known = CASES[case]
    model = Recipe(name=case, family=known["family"], model=known["settings"]).make_model()
    assert isinstance(model, PyramidModel)
    integers = IntegerNetwork.load(model, load_file(GOLDEN / f"integer-{case}.safetensors"))
    integers.carrier = carrier
    return PyramidCodec(model, "cpu", integers)


def decoded(codec: PyramidCodec, data: bytes) -> np.ndarray:
    return decode_picture(data, lambda identity, arithmetic: codec).picture.samples


@pytest.mark.parametrize("carrier", [torch.float32, torch.int64])
@pytest.mark.parametrize("case", CASES)
def test_golden_files_decode_for_ever(case: str, carrier: torch.dtype) -> None:
    codec = codec_of(case, carrier)
    assert codec.identity.hex() == CASES[case]["identity"]
    data = (GOLDEN / f"integer-{case}.l3c").read_bytes()
    pixels = decoded(codec, data)
    assert hashlib.sha256(pixels.tobytes()).hexdigest() == CASES[case]["pixel_sha256"]
    if "l3c" not in case and case != "paper":  # z is made in floating point, and may differ
        picture = decode_picture(data, lambda identity, arithmetic: codec).picture
        assert encode_picture(picture, codec, choice=Choice.NETWORK) == data


def test_a_golden_file_of_format_3_decodes_for_ever() -> None:
    codec, data = codec_of("rgb"), (GOLDEN / "mixed-rgb.l3c").read_bytes()
    container = unpack(data)
    assert container.version == 3
    found = [split_payload(container, tile.payload or b"")[0] for tile in container.tiles]
    assert found == [True, False, True]
    assert hashlib.sha256(decoded(codec, data).tobytes()).hexdigest() == MIXED_SHA256


def test_golden_files_are_those_listed() -> None:
    assert {path.stem for path in GOLDEN.glob("integer-*")} == {f"integer-{case}" for case in CASES}
