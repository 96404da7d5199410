"""How much of the coder's time the CDFs take, although both are one loop.

The range coder is run alone: on the same symbols, with the interval of each already there, that is
two of its CDF's values in a table. What the codec's coder takes beyond that is what evaluating CDFs
adds: reading the parameters, the two values of each symbol for an encoder, and for a decoder the
search among them.

So the range coder is measured and the CDFs are the difference. Where both share the processor well
the difference is less than the CDFs would take by themselves.
"""

from __future__ import annotations

import statistics
import time

import numpy as np
import numpy.typing as npt
import torch

from coder import range_coder
from coder.shape import MixtureShape
from coder.tables import FREQUENCY_BITS
from l3c.fileformat.tiles import tile_grid, tile_rectangles
from l3c.models.pyramid_codec import PyramidCodec, parameters
from l3c.models.tile_codec import RGB
from l3c.nn.steps import scale_name

CHUNK = 4096  # pixels whose whole CDFs are held at once, some 4 MB

Seconds = dict[tuple[str, str], float]
"""By direction, "encode" or "decode", and scale."""


@torch.inference_mode()
def range_coder_seconds(codec: PyramidCodec, image: RGB, repeats: int) -> Seconds:
    """Seconds of the range coder alone for an image, medians, scales with mixtures only.

    Args:
        codec: on the CPU. As many threads are used as PyTorch has.
        image: uint8 (H, W, 3), cut into tiles as in a file.
        repeats: of each run, after a warm-up.
    """
    seconds: Seconds = {}
    height, width = image.shape[:2]
    for y, x, h, w in tile_rectangles(height, width, *tile_grid(height, width)):
        planes = codec.symbols(np.ascontiguousarray(image[y : y + h, x : x + w]))
        for step, predicted in codec.predictions(planes):
            s = step.s - 1
            shape = codec.network.shape(s)
            targets = [target.select(planes[s])[0].flatten(1).T for target, _ in predicted]
            symbols = torch.cat(targets).numpy().astype(np.uint16)
            table = known_intervals(symbols, parameters([raw[0] for _, raw in predicted]), shape)
            for direction, spent in _clock(table, repeats).items():
                key = (direction, scale_name(s))
                seconds[key] = seconds.get(key, 0.0) + spent
    return seconds


def known_intervals(
    symbols: npt.NDArray[np.uint16], raws: npt.NDArray[np.generic], shape: MixtureShape
) -> npt.NDArray[np.uint32]:
    """A table for the range coder in which all symbols are 1, with the intervals of these.

    Args:
        symbols: (pixels, C).
        raws: their parameters, see `coder.range_coder`.
        shape: what a pixel holds.

    Returns:
        Rows 0, CDF(x), CDF(x + 1), 2^24, (pixels * C, 4). A CDF(x) of 0, and a CDF(x + 1) of 2^24,
        are there twice: the coder takes that where it does not `check` all entries.
    """
    table = np.zeros((*symbols.shape, 4), np.uint32)
    table[..., 3] = 1 << FREQUENCY_BITS
    for start in range(0, len(symbols), CHUNK):
        part = slice(start, start + CHUNK)
        for channel in range(shape.channels):
            cdf = range_coder.mixture_cdf(raws[part], shape, channel, symbols[part])
            at = symbols[part, channel, None].astype(np.int64)
            table[part, channel, 1:3] = np.take_along_axis(cdf, np.hstack((at, at + 1)), axis=1)
    return table.reshape(-1, 4)


def _clock(table: npt.NDArray[np.uint32], repeats: int) -> dict[str, float]:
    symbols = np.ones(len(table), np.uint16)
    threads = torch.get_num_threads()
    runs: dict[str, list[float]] = {"encode": [], "decode": []}
    for _ in range(repeats + 1):
        start = time.perf_counter()
        data = range_coder.encode(symbols, table, threads=threads, check=False)
        middle = time.perf_counter()
        decoded = range_coder.decode(data, table, threads=threads, check=False)
        runs["decode"].append(time.perf_counter() - middle)
        runs["encode"].append(middle - start)
        assert np.array_equal(decoded, symbols)
    return {direction: statistics.median(spent[1:]) for direction, spent in runs.items()}
