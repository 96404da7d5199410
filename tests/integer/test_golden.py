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
from l3c.integer import files, reference
from l3c.models.pyramid import PyramidModel
from l3c.models.pyramid_codec import PyramidCodec
from l3c.nn.steps import CodingStep
from l3c.picture import Picture
from l3c.recipe import Recipe

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
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
    assert encode_picture(picture, codec) == data


def test_golden_files_are_those_listed() -> None:
    assert {path.stem for path in GOLDEN.glob("integer-*")} == {f"integer-{case}" for case in CASES}
