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

from l3c.codec import Codec
from l3c.coding import decode_picture, encode_picture
from l3c.config import ModelSettings
from l3c.integer import files, reference
from l3c.model.network import Network
from l3c.model.stages import Stage
from l3c.picture import Picture

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
CASES: dict[str, dict[str, Any]] = json.loads((GOLDEN / "integer.json").read_text())


def codec_of(case: str, kind: type[Codec] = Codec) -> Codec:
    network = Network(ModelSettings.model_validate(CASES[case]["settings"]))
    tensors = load_file(GOLDEN / f"integer-{case}.safetensors")
    path = files.load(network, {name: value.int() for name, value in tensors.items()})
    return kind(network, "cpu", path)


class NumPyCodec(Codec):
    """Predicts with the reference."""

    def predict(self, stage: Stage, symbols: Tensor, above: Any) -> tuple[list[Tensor], Any]:
        assert self._path is not None
        raws, f = reference.predict(self._path, stage, symbols[0].numpy(), above)
        return [torch.from_numpy(raw.astype(np.int32))[None] for raw in raws], f


@pytest.mark.parametrize("kind", [Codec, NumPyCodec])
@pytest.mark.parametrize("case", CASES)
def test_golden_files_decode_for_ever(case: str, kind: type[Codec]) -> None:
    codec = codec_of(case, kind)
    assert codec.identity.hex() == CASES[case]["identity"]
    data = (GOLDEN / f"integer-{case}.l3c").read_bytes()
    samples = decode_picture(data, lambda identity, arithmetic: codec).picture.samples
    assert hashlib.sha256(samples.tobytes()).hexdigest() == CASES[case]["pixel_sha256"]


@pytest.mark.parametrize(
    "case", ["rgb", "rgb-shared", "paper-rgb", "interlaced-rgb", "interlaced-shared"]
)
def test_golden_images_give_the_same_bytes(case: str) -> None:
    """Of the kinds without floating point in the encoder, that is; z of L3C may differ."""
    codec = codec_of(case)
    data = (GOLDEN / f"integer-{case}.l3c").read_bytes()
    picture: Picture = decode_picture(data, lambda identity, arithmetic: codec).picture
    assert encode_picture(picture, codec) == data


def test_golden_files_are_those_listed() -> None:
    assert {path.stem for path in GOLDEN.glob("integer-*")} == {f"integer-{case}" for case in CASES}
