"""A codec that computes as a setting of the cross-decoding matrix says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from l3c.arithmetic import Kind
from l3c.integer.network import IntegerNetwork
from l3c.models.base import load_model
from l3c.models.pyramid import PyramidModel
from l3c.models.pyramid_codec import PyramidCodec
from l3c.models.zoo import read_model
from l3c.nn.pyramid import CodingStep
from l3c.torch_state import attribute

if TYPE_CHECKING:
    from l3c.bench.measure.cross_decoding import Setting


class SettingCodec(PyramidCodec):
    """A codec that predicts as a setting says."""

    def __init__(self, weights: Path, setting: Setting, kind: Kind) -> None:
        model, tensors = load_model(read_model(weights))
        assert isinstance(model, PyramidModel)
        if tensors is None:
            raise RuntimeError(f"{weights} has no integers")
        integers = IntegerNetwork.load(model, tensors)
        integers.carrier = getattr(torch, setting.carrier)
        layout = torch.channels_last if setting.channels_last else torch.contiguous_format
        used = integers if kind == "integer" else None
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
