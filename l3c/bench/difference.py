"""How far a mean in run B lies from that in run A, as numbers and as a verdict.

Values are paired image by image, so the intervals say how far a difference depends on which images
were taken. They do not know how much another training of the same recipe, or another hour of the
same machine, would have changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import floor, log10
from statistics import fmean

from l3c.bench.stats import difference_interval, percent_above

# Signs of n differences that are due to chance agree with probability 2^(1-n): below 5 % from here.
FEWEST_IMAGES = 6


@dataclass(frozen=True)
class Difference:
    """Means over the images that A and B share, and how far B's lies from A's.

    Attributes:
        a, b: means over images.
        images: how many.
        percent: B above (+) or below (-) A, in percent of A; None if A's mean is 0.
        low, high: 95 % interval of `percent` (paired bootstrap over images); None if there are
            fewer than FEWEST_IMAGES.
        equal: no image differs.
    """

    a: float
    b: float
    images: int
    percent: float | None
    low: float | None
    high: float | None
    equal: bool


def difference(a: Sequence[float], b: Sequence[float]) -> Difference:
    """Compares two series of numbers above 0, one for each image, in the same order."""
    mean_a, mean_b = fmean(a), fmean(b)
    percent = low = high = None
    if mean_a > 0:
        ratio = mean_b / mean_a
        percent = percent_above(mean_b, mean_a)
        # Around the ratio of the means, so that a change of equal percents has a narrow interval
        # whatever the images are (linearised ratio estimator).
        scaled = [ratio * value for value in a]
        interval = difference_interval(b, scaled) if len(a) >= FEWEST_IMAGES else None
        if interval:
            low, high = (100 * (ratio - 1 + bound / mean_a) for bound in interval)
    equal = all(x == y for x, y in zip(a, b, strict=True))
    return Difference(mean_a, mean_b, len(a), percent, low, high, equal)


def size_verdict(change: Difference) -> str:
    """What came of the size of the files, B against A."""
    return "same bytes" if change.equal else _verdict(change, "smaller", "larger")


def time_verdict(change: Difference, of: str = "image") -> str:
    """What came of the time, B against A, in percent of A's seconds, for an image or a crop."""
    return "same time" if change.equal else _verdict(change, "faster", "slower", of)


def _verdict(change: Difference, less: str, more: str, of: str = "image") -> str:
    if change.percent is None:
        return "not comparable: A is 0"
    word = less if change.percent < 0 else more
    size = abs(change.percent)
    if change.low is None or change.high is None:
        count = f"{change.images} {of}{'' if change.images == 1 else 's'}"
        return f"{word} by {_digits(size)(size)} % on {count}, too few for an interval"
    if change.low <= 0 <= change.high:
        return "no difference beyond chance"
    shown = _digits(size)
    low, high = sorted((abs(change.low), abs(change.high)))
    return f"{word} by {shown(size)} % ({shown(low)} to {shown(high)})"


def _digits(percent: float) -> Callable[[float], str]:
    """Prints percents with one decimal, or with as many as show two digits of a small one."""
    decimals = 1 if percent >= 0.1 or percent == 0 else min(1 - floor(log10(percent)), 6)
    return lambda value: f"{value:.{decimals}f}"
