"""What is coded, and how it is cut into lanes."""

from __future__ import annotations

from dataclasses import dataclass

MAX_CHANNELS = 31  # the means of more coupled ones could leave 32 bits, see CDF.md
MAX_MIXTURES = 64
MAX_LEVELS = 65_535
PIXELS_PER_LANE = 4096
MAX_LANES = 256


@dataclass(frozen=True)
class MixtureShape:
    """C channels of symbols 0..L-1 at each pixel, each under a mixture of K logistics.

    The P parameters of a pixel stand in this order: logits (C, K), mu (C, K), log sigma (C, K),
    and, for `coupled` channels, lambda (C (C-1) / 2, K), which add lambda times the channels before
    to a channel's means (L3C Eq. 7). mu and sigma are in symbols: the bin of v is [v - 1/2, v +
    1/2].

    Args:
        channels: C, 1..31.
        levels: L, 1..65,535.
        mixtures: K, 1..64.
        coupled: whether there are lambdas.
        sigmoid: lambda is the sigmoid of the parameter, not the parameter.

    Raises:
        ValueError: naming the number that is out of range.
    """

    channels: int
    levels: int
    mixtures: int
    coupled: bool = False
    sigmoid: bool = False

    def __post_init__(self) -> None:
        for name, most in (
            ("channels", MAX_CHANNELS),
            ("levels", MAX_LEVELS),
            ("mixtures", MAX_MIXTURES),
        ):
            value = getattr(self, name)
            if not 1 <= value <= most:
                raise ValueError(f"{name} must be in 1..{most}, got {value}")

    @property
    def coefficients(self) -> int:
        """Number of lambda for each component."""
        return self.channels * (self.channels - 1) // 2 if self.coupled else 0

    @property
    def parameters(self) -> int:
        """P, parameters of a pixel."""
        return (3 * self.channels + self.coefficients) * self.mixtures


def lane_count(pixels: int) -> int:
    """Number of lanes, a function of the number of pixels alone: the same image, the same bytes.

    A lane costs 3 to 4 bytes; with at least 4,096 pixels each that is below 0.1 % of a photograph.
    """
    lanes = 1
    while lanes < MAX_LANES and 2 * lanes * PIXELS_PER_LANE <= pixels:
        lanes *= 2
    return lanes
