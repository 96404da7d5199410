"""The process behind one setting of the matrix: reads a question, writes the answer, pickled."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from coder import cuda
from coder.errors import CoderError
from l3c.arithmetic import KINDS, Kind
from l3c.bench.measure.exactness import Setting
from l3c.coding import decode_picture, encode_picture
from l3c.images.picture import Picture
from l3c.integer.network import IntegerNetwork
from l3c.models.base import load_model
from l3c.models.pyramid import PyramidModel
from l3c.models.pyramid_codec import PyramidCodec
from l3c.models.zoo import read_model
from l3c.nn.pyramid import CodingStep
from l3c.tile_coding import Choice
from l3c.torch_state import attribute


class SettingCodec(PyramidCodec):
    """A codec that predicts as a setting says."""

    def __init__(self, weights: Path, setting: Setting, kind: Kind) -> None:
        model, tensors = load_model(read_model(weights))
        assert isinstance(model, PyramidModel)
        if tensors is None:
            raise RuntimeError(f"{weights} has no integers")
        integers = IntegerNetwork.load(model, tensors)
        layout = torch.channels_last if setting.channels_last else torch.contiguous_format
        used = integers if kind == "integer" else None
        integers.carrier = torch.int64 if setting.carrier == "numpy" else torch.float32
        super().__init__(model, setting.device, used, layout)
        self._batch = setting.batch
        self._onednn = setting.onednn

    def predict(
        self, step: CodingStep, symbols: Tensor, coarser_features: Any
    ) -> tuple[list[Tensor], Any]:
        """See `PyramidCodec.predict`: as one of a batch."""
        # The whole batch of features is passed on, but the parameters of one image only. oneDNN is
        # chosen here, because the codec fixes it (`l3c.torch_state`).
        batch = symbols.expand(self._batch, -1, -1, -1)
        with attribute(torch.backends.mkldnn, "enabled", self._onednn):
            params, f = super().predict(step, batch, coarser_features)
        return [each[-1:] for each in params], f


def why_not(setting: Setting, kind: Kind) -> str:
    """What a setting lacks here; "" if it can run."""
    if setting.device == "cuda" and (reason := cuda.why_unavailable()):
        return reason
    if setting.carrier == "numpy" and kind == "float":
        return "it has integers only"
    return ""


def answer(question: dict[str, Any], setting: Setting, kind: Kind) -> Any:
    """Files of the images that are to be encoded, or the outcome of each that is to be decoded."""
    if reason := why_not(setting, kind):
        return reason
    codec = SettingCodec(Path(question["weights"]), setting, kind)
    if "encode" in question:
        pictures = map(Picture.from_array, question["encode"])
        return [encode_picture(picture, codec, choice=Choice.NETWORK) for picture in pictures]
    return [
        outcome(codec, data, question["images"][i]) for i, data in question["decode"].get(kind, ())
    ]


def outcome(codec: PyramidCodec, data: bytes, image: np.ndarray) -> str:
    """One of `exactness.ORDER`."""
    try:
        decoded = decode_picture(data, lambda identity, arithmetic: codec).picture.samples
    except CoderError:
        return "refused"
    return "exact" if np.array_equal(decoded, image) else "wrong"


def main() -> None:
    """Answers one question."""
    question = pickle.loads(Path(sys.argv[1]).read_bytes())
    setting: Setting = question["setting"]
    torch.set_num_threads(setting.threads)
    torch.backends.cudnn.benchmark = setting.benchmark
    torch.set_float32_matmul_precision(setting.precision)
    answers = {kind: answer(question, setting, kind) for kind in KINDS}
    Path(sys.argv[2]).write_bytes(pickle.dumps(answers))


if __name__ == "__main__":
    main()
