"""E^(s): features of scale s-1 -> features and bottleneck of scale s."""

from __future__ import annotations

from torch import Tensor, nn

from l3c.model.layers import ResidualStack, conv


class Extractor(nn.Module):
    """Strided convolution, residual stack, and the 1x1 convolution to the bottleneck.

    Args:
        inputs: channels of the input: 3 for the image (s = 1), Cf for the features of scale s-1.
        features: Cf.
        blocks: residual blocks.
        channels: C, channels of z.
    """

    def __init__(self, inputs: int, features: int, blocks: int, channels: int) -> None:
        super().__init__()
        self.head = conv(inputs, features)
        self.down = conv(features, features, kernel=5, stride=2)
        self.stack = ResidualStack(features, blocks)
        self.to_z = conv(features, channels, kernel=1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(N, inputs, H, W) -> features (N, Cf, H/2, W/2) and unquantized z (N, C, H/2, W/2)."""
        features = self.stack(self.down(self.head(x)))
        return features, self.to_z(features)
