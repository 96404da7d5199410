"""Golden files of the integer path decode for ever, on every carrier (see make_golden.py)."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from l3c.coding import decode_picture, encode_picture
from l3c.fileformat.container import unpack
from l3c.images.picture import Picture
from l3c.integer import files, reference
from l3c.models.pyramid import PyramidModel
from l3c.models.pyramid_codec import PyramidCodec
from l3c.nn.steps import CodingStep
from l3c.recipe import Recipe
from l3c.tile_coding import Choice, split_payload

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
MIXED_SHA256 = "d8b2ff79006051d18400840f92ab804aa6a1492931b06737d1822405c7794f29"
CASES: dict[str, dict[str, Any]] = json.loads((GOLDEN / "integer.json").read_text())


def codec_of(case: str, kind: type[PyramidCodec] = PyramidCodec) -> PyramidCodec:
    known = CASES[case]
    model = Recipe(name=case, family=known["family"], model=known["settings"]).make_model()
    assert isinstance(model, PyramidModel)
    integers = files.load(model, load_file(GOLDEN / f"integer-{case}.safetensors"))
    return kind(model, model.identity(), "cpu", integers)


class NumPyCodec(PyramidCodec):
    """Predicts with the reference."""

    def predict(
        self, step: CodingStep, symbols: Tensor, coarser_features: Any
    ) -> tuple[list[Tensor], Any]:
        assert self._integers is not None
        outputs, f = reference.predict(self._integers, step, symbols[0].numpy(), coarser_features)
        return [torch.from_numpy(params.astype(np.int32))[None] for params in outputs], f


@pytest.mark.parametrize("kind", [PyramidCodec, NumPyCodec])
@pytest.mark.parametrize("case", CASES)
def test_golden_files_decode_for_ever(case: str, kind: type[PyramidCodec]) -> None:
    codec = codec_of(case, kind)
    assert codec.identity.hex() == CASES[case]["identity"]
    data = (GOLDEN / f"integer-{case}.l3c").read_bytes()
    samples = decode_picture(data, lambda identity, arithmetic: codec).picture.samples
    assert hashlib.sha256(samples.tobytes()).hexdigest() == CASES[case]["pixel_sha256"]


@pytest.mark.parametrize("case", ["rgb", "rgb-shared", "paper-rgb", "interlaced"])
def test_golden_images_give_the_same_bytes(case: str) -> None:
    """Of the kinds without floating point in the encoder, that is; z of L3C may differ."""
    codec = codec_of(case)
    data = (GOLDEN / f"integer-{case}.l3c").read_bytes()
    picture: Picture = decode_picture(data, lambda identity, arithmetic: codec).picture
    assert encode_picture(picture, codec, choice=Choice.NETWORK) == data


def test_a_golden_file_of_format_3_decodes_for_ever() -> None:
    codec, data = codec_of("rgb"), (GOLDEN / "mixed-rgb.l3c").read_bytes()
    container = unpack(data)
    assert container.version == 3
    found = [split_payload(container, tile.payload or b"")[0] for tile in container.tiles]
    assert found == [True, False, True]
    samples = decode_picture(data, lambda identity, arithmetic: codec).picture.samples
    assert (samples[:, 16:32] == (1, 2, 3)).all()
    assert hashlib.sha256(samples.tobytes()).hexdigest() == MIXED_SHA256


def test_golden_files_are_those_listed() -> None:
    assert {path.stem for path in GOLDEN.glob("integer-*")} == {f"integer-{case}" for case in CASES}
