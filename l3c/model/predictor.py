"""D^(s): z^(s) and the features f^(s+1) -> f^(s), at twice the resolution of z^(s)."""

from __future__ import annotations

from torch import Tensor, nn

from l3c.model.layers import ResidualStack, Upsample, conv


class Predictor(nn.Module):
    """1x1 convolution, feature fusion, residual stack, upsampling by 2.

    Args:
        channels: channels of z^(s).
        features: Cf.
        blocks: residual blocks.
    """

    def __init__(self, channels: int, features: int, blocks: int) -> None:
        super().__init__()
        self.head = conv(channels, features, kernel=1)
        self.stack = ResidualStack(features, blocks)
        self.up = Upsample(features)

    def forward(self, z: Tensor, above: Tensor | None) -> Tensor:
        """(N, C, H, W) and f^(s+1) (N, Cf, H, W) or None -> f^(s) (N, Cf, 2H, 2W)."""
        x = self.head(z)
        if above is not None:
            x = x + above
        return self.up(self.stack(x))
