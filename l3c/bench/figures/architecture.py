"""The networks as block diagrams."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from l3c.bench.figures import style
from l3c.bench.figures.registry import figure

_SCALES = 3
_KINDS = {
    "L3C": ("$E^{{({s})}}$, $Q$", "$D^{{({s})}}$", "5 channels, 25 levels"),
    "RGB": ("bicubic", "$D^{{({s})}}$", "3 channels, 256 levels"),
    "RGB Shared": ("bicubic", "$D$", "3 channels, 256 levels"),
}
_Z, _D, _P = 0.0, 1.6, 3.3  # columns: bottlenecks, predictors, distributions
_SIDE = 1.0  # of the box of x; each coarser scale has a smaller one


@figure()
def baselines() -> Figure:
    """The architecture of L3C and of its baselines.

    L3C and the two baselines of its paper (L3C Figs. 2 and A2), of three scales: each bottleneck,
    of half the side of the one before, is coded with the distributions that a predictor D makes of
    the next coarser one and of that one's features f; the coarsest is uniform. L3C learns its
    bottlenecks, by extractors E, each of which goes on from the features that the one before had
    before its quantizer Q. RGB has the image itself, downsampled, in their
    place. RGB Shared applies one predictor, trained on the finest scale, at all scales, without f.
    """
    drawn = style.new_figure(11.2, 5.4)
    for axes, (name, texts) in zip(drawn.subplots(1, len(_KINDS)), _KINDS.items(), strict=True):
        axes.set(xlim=(-0.75, 4.25), ylim=(-0.75, 2 * _SCALES + 0.75), aspect="equal")
        axes.axis("off")
        axes.set_title(name)
        _draw(axes, *texts, shared=name == "RGB Shared")
        axes.text(_Z - 0.6, -0.7, f"$z^{{(s)}}$: {texts[2]}", fontsize=9, color=style.QUIET)
    return drawn


def _draw(axes: Axes, below: str, predictor: str, _about: str, shared: bool) -> None:
    for s in range(_SCALES + 1):
        y, side = 2.0 * (_SCALES - s), _SIDE * 0.8**s
        _box(axes, _Z, y, side, side, style.scale_label(f"z{s}" if s else "x"), style.CLASSICAL)
        if s == _SCALES:
            continue
        _arrow(axes, (_Z, y - side / 2), (_Z, y - 2 + side * 0.4))
        axes.text(_Z + 0.1, y - 1, below.format(s=s + 1), fontsize=9, va="center")
        label = f"$p({'x' if s == 0 else f'z^{{({s})}}'}\\,|\\,f^{{({s + 1})}})$"
        if shared:
            label = label.replace("f^{", "z^{")
        _box(axes, _P, y, 1.5, 0.62, label, style.LEARNED)
        _arrow(axes, (_Z + side * 0.4, y - 2), (_D - 0.35, y - 2))
        _box(axes, _D, y - 2, 0.75, 0.62, predictor.format(s=s + 1), style.INK)
        _arrow(axes, (_D + 0.1, y - 1.69), (_P - 0.4, y - 0.31))
        if not shared and s + 1 < _SCALES:
            _arrow(axes, (_D - 0.15, y - 3.69), (_D - 0.15, y - 2.31))
            axes.text(_D - 0.22, y - 3, f"$f^{{({s + 2})}}$", fontsize=9, ha="right", va="center")
    _box(axes, _P, 0.0, 1.5, 0.62, "uniform", style.QUIET)


def _box(
    axes: Axes, x: float, y: float, width: float, height: float, text: str, color: str
) -> None:
    style_ = "round,pad=0,rounding_size=0.08"
    corner = (x - width / 2, y - height / 2)
    axes.add_patch(
        FancyBboxPatch(corner, width, height, style_, fc=style.pale(color), ec=color, lw=1.1)
    )
    axes.text(x, y, text, ha="center", va="center")


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    look = {"arrowstyle": "-|>", "color": style.QUIET, "lw": 1.1, "shrinkA": 2, "shrinkB": 2}
    axes.annotate("", end, start, arrowprops=look)
