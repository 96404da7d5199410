"""D: what a stage is the first to see, and the features of the stage before -> its features."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from l3c.model.layers import ResidualStack, Upsample, conv

Upsampling = Literal["after", "before", "none"]


class Predictor(nn.Module):
    """1x1 convolution, feature fusion, residual stack, and upsampling by 2.

    Args:
        channels: of what it sees, z^(s) in the paper.
        features: Cf.
        blocks: residual blocks.
        upsample: "after" the stack, so that f^(s) has twice the resolution of z^(s) (the paper's);
            "before" it, of the features that come from the coarser scale; or "none".
    """

    def __init__(
        self, channels: int, features: int, blocks: int, upsample: Upsampling = "after"
    ) -> None:
        super().__init__()
        self.head = conv(channels, features, kernel=1)
        self.stack = ResidualStack(features, blocks)
        self.upsample = upsample
        self.up = None if upsample == "none" else Upsample(features)

    def forward(self, z: Tensor, above: Tensor | None) -> Tensor:
        """(N, C, H, W), and features as they are to be added, or None -> (N, Cf, H', W')."""
        x = self.head(z)
        if above is not None:
            x = x + (self.up(above) if self.up and self.upsample == "before" else above)
        x = self.stack(x)
        return self.up(x) if self.up and self.upsample == "after" else x
