"""How an image is cut into tiles, so that memory is bounded by a tile, whatever the image.

Near-equal rectangles that start at multiples of 8 (FORMAT.md, "Tiles"). A reader needs the number
of rows and columns alone; how a writer chooses them is `tile_grid`.
"""

from __future__ import annotations

import itertools
import math

from l3c.fileformat.errors import Rectangle

MAX_SIDE = (1 << 31) - 1
TILE_MULTIPLE = 8  # tiles start at multiples of it, so that a network with S <= 3 never pads inside
TILE_PIXELS = 1 << 19  # a writer's tiles have at most so many padded pixels
MAX_TILE_PIXELS = 1 << 20  # and a reader takes so many, room for writers to come
MAX_TILE_SIDE = math.isqrt(MAX_TILE_PIXELS)


def tile_grid(height: int, width: int, side: int | None = None) -> tuple[int, int]:
    """Rows and columns of tiles of at most TILE_PIXELS padded pixels, with the shortest cuts.

    A padded tile has sides rounded up to a multiple of 8. The length of all cuts is what tiles
    cost, since a network does not see across them; it is short where tiles are few and square.
    (The fewest tiles of all may be strips: 97 x 2 of 104x5000 pixels for 10,000x10,000, where
    13 x 15 of 776x672 have a quarter of the cuts.) Of equal cuts, the fewest and squarest tiles.

    Args:
        height: of the image, 1..MAX_SIDE pixels.
        width: of the image, 1..MAX_SIDE pixels.
        side: instead of TILE_PIXELS, tiles have at most the pixels of a square of this side.

    Raises:
        ValueError: side is not in TILE_MULTIPLE..MAX_TILE_SIDE.
    """
    if side is not None and not TILE_MULTIPLE <= side <= MAX_TILE_SIDE:
        raise ValueError(
            f"the side of a tile must be {TILE_MULTIPLE}..{MAX_TILE_SIDE} pixels, got {side}"
        )
    pixels = TILE_PIXELS if side is None else side**2
    blocks, high, wide = pixels // TILE_MULTIPLE**2, _blocks(height), _blocks(width)
    grids = set()
    # One side of a tile has at most sqrt(blocks) blocks. With each such side goes the longest other
    # side, for the fewest rows and columns: so the best grid is found from its own tiles' side.
    for short in range(1, math.isqrt(blocks) + 1):
        long = blocks // short
        grids.add((-(-high // short), -(-wide // long)))
        grids.add((-(-high // long), -(-wide // short)))

    def cost(grid: tuple[int, int]) -> tuple[int, int, float]:
        rows, cols = grid
        sides = -(-high // rows), -(-wide // cols)
        cuts = (rows - 1) * width + (cols - 1) * height
        return cuts, rows * cols, max(sides) / min(sides)

    return min(sorted(grids), key=cost)


def tile_rectangles(height: int, width: int, rows: int, cols: int) -> list[Rectangle]:
    """y, x, height and width in pixels of each tile, row by row; together they are the image.

    All start at multiples of 8, and none is empty, if the grid has no more rows and columns than
    the image has starts.
    """
    ys, xs = (
        [TILE_MULTIPLE * (i * _blocks(side) // count) for i in range(count)] + [side]
        for side, count in ((height, rows), (width, cols))
    )
    return [
        (y, x, y_end - y, x_end - x)
        for y, y_end in itertools.pairwise(ys)
        for x, x_end in itertools.pairwise(xs)
    ]


def grid_flaw(height: int, width: int, rows: int, cols: int) -> str:
    """What is wrong with an image's size or its grid of tiles, "" if nothing; see FORMAT.md."""
    high, wide = _blocks(height), _blocks(width)
    if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE):
        return f"an image of {height}x{width} pixels: sides must be in 1..{MAX_SIDE}"
    if not (1 <= rows <= high and 1 <= cols <= wide):
        return f"{rows}x{cols} tiles cannot cut an image of {height}x{width} pixels"
    if -(-high // rows) * -(-wide // cols) > MAX_TILE_PIXELS // TILE_MULTIPLE**2:
        return f"{rows}x{cols} tiles of {height}x{width} pixels: one has more than 2^20 pixels"
    return ""


def _blocks(side: int) -> int:
    return -(-side // TILE_MULTIPLE)
