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
from l3c.codec import Codec
from l3c.coding import decode_picture, encode_picture
from l3c.evaluation.exactness import Setting
from l3c.integer import reference
from l3c.integer.path import IntegerPath
from l3c.model.stages import Stage
from l3c.picture import Picture
from l3c.torch_state import attribute
from l3c.zoo import load_network, read_model


class SettingCodec(Codec):
    """A codec that predicts as a setting says."""

    def __init__(self, weights: Path, setting: Setting, kind: Kind) -> None:
        network, path = load_network(read_model(weights))
        if path is None:
            raise RuntimeError(f"{weights} has no integer path")
        layout = torch.channels_last if setting.channels_last else torch.contiguous_format
        super().__init__(network, setting.device, path if kind == "integer" else None, layout)
        self._batch = setting.batch
        self._onednn = setting.onednn
        self._reference = path if setting.carrier == "numpy" else None

    def predict(self, stage: Stage, symbols: Tensor, above: Any) -> tuple[list[Tensor], Any]:
        """See `Codec.predict`: as one of a batch, or in NumPy's int64."""
        if self._reference is not None:
            return _reference(self._reference, stage, symbols, above)
        # Of the features the whole batch is handed on, of the parameters one image. oneDNN is
        # chosen here, because the codec fixes it (`l3c.torch_state`).
        with attribute(torch.backends.mkldnn, "enabled", self._onednn):
            raws, f = super().predict(stage, symbols.expand(self._batch, -1, -1, -1), above)
        return [raw[-1:] for raw in raws], f


def _reference(
    path: IntegerPath, stage: Stage, symbols: Tensor, above: Any
) -> tuple[list[Tensor], Any]:
    raws, f = reference.predict(path, stage, symbols[0].numpy(), above)
    return [torch.from_numpy(raw.astype(np.int32))[None] for raw in raws], f


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
        return [encode_picture(Picture.from_array(image), codec) for image in question["encode"]]
    return [
        outcome(codec, data, question["images"][i]) for i, data in question["decode"].get(kind, ())
    ]


def outcome(codec: Codec, data: bytes, image: np.ndarray) -> str:
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
