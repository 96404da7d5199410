"""MS-SSIM against its definition in NumPy, and against a library where it has one."""

import numpy as np
import pytest
import pytorch_msssim
import torch
from numpy.lib.stride_tricks import sliding_window_view

from l3c.nn.ms_ssim import WEIGHTS, ms_ssim


def images(channels, height, width, count=1):
    """Smooth images, and noisy ones of them."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    waves = [
        128 + 100 * np.sin(rng.uniform(0.05, 0.4) * x + rng.uniform(0.05, 0.4) * y + c)
        for c in range(count * channels)
    ]
    clean = np.stack(waves).reshape(count, channels, height, width)
    noisy = (clean * 0.9 + rng.normal(0, 12, clean.shape)).clip(0, 255)
    return torch.from_numpy(clean), torch.from_numpy(noisy)


def by_definition(x, y):
    """(N, H, W, C), even windows and odd sides too: Wang's definition, means over everything."""
    product = 1.0
    for level, weight in enumerate(WEIGHTS):
        size = min(11, *x.shape[1:3])
        place = np.arange(size) - (size - 1) / 2
        line = np.exp(-(place**2) / (2 * (1.5 * size / 11) ** 2))
        window = np.outer(line, line) / line.sum() ** 2
        mx, my, sxx, syy, sxy = (blurred(each, window) for each in (x, y, x * x, y * y, x * y))
        sx, sy, sxy = sxx - mx * mx, syy - my * my, sxy - mx * my
        c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
        contrast = (2 * sxy + c2) / (sx + sy + c2)
        last = level == len(WEIGHTS) - 1
        term = contrast * (2 * mx * my + c1) / (mx * mx + my * my + c1) if last else contrast
        product *= term.mean() ** weight
        x, y = _halved(x), _halved(y)
    return product


def blurred(image, window):
    """Where the window fits."""
    views = sliding_window_view(image, window.shape, axis=(1, 2))
    return np.einsum("nhwcij,ij->nhwc", views, window)


def _halved(image):
    odd = [(0, n % 2) for n in image.shape[1:3]]
    image = np.pad(image, ((0, 0), *odd, (0, 0)), mode="edge")
    return sum(image[:, i::2, j::2] for i in (0, 1) for j in (0, 1)) / 4


@pytest.mark.parametrize(("height", "width"), [(176, 192), (160, 160), (90, 101), (16, 40)])
def test_it_is_the_definition(height, width):
    x, y = images(3, height, width, 2)
    expected = by_definition(*(each.permute(0, 2, 3, 1).numpy() for each in (x, y)))
    assert float(ms_ssim(x, y)) == pytest.approx(expected, rel=1e-9)
    if min(height, width) >= 176:
        assert float(ms_ssim(x, y, training=True)) == pytest.approx(expected, rel=1e-9)


def test_a_library_agrees():
    """On gray images: it takes the product over levels for each channel, then the mean."""
    x, y = images(1, 256, 384)
    found = pytorch_msssim.ms_ssim(x, y, data_range=255)
    assert float(found) == pytest.approx(float(ms_ssim(x, y)), rel=1e-6)


@pytest.mark.parametrize("side", [160, 96, 40, 16])
def test_training_on_small_crops_has_gradients(side):
    x, y = images(3, side, side, 2)
    for other in (y, torch.rand_like(y) * 255, torch.zeros_like(y)):
        other = other.clone().requires_grad_()
        value = ms_ssim(x, other, training=True)
        (gradient,) = torch.autograd.grad(value, other)
        assert 0 < value < 1
        assert gradient.isfinite().all()
    assert float(ms_ssim(x, x, training=True)) == pytest.approx(1)
    assert abs(float(ms_ssim(x, y, training=True) - ms_ssim(x, y))) < 0.02


def test_wrong_shapes_are_refused():
    x, y = images(3, 16, 16)
    for first, second in ((x[..., :15], y[..., :15]), (x, y[:, :1])):
        with pytest.raises(ValueError):
            ms_ssim(first, second)
