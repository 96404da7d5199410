"""Bytes of the fallback beside PNG and WebP, on images of the modes that no network codes.

    python -m benchmarks.fallback FOLDER --out results/run/benchmarks/fallback.csv

The images are made from the photographs in the folder (a few minutes for twenty of them); every
result is decoded and compared. PNG is Pillow's with `optimize`, of the same mode; WebP is Pillow's,
lossless at method 6, of RGB or RGBA since it has nothing else, and of nothing with 16 bits. Both
are whole files with their palette, the fallback is not: its palette is counted on top, while the
rest of a container (under 64 bytes) is left out. Ratios are their bytes over ours.
"""

from __future__ import annotations

import argparse
import io
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFilter

from l3c.fileformat import fallback
from l3c.fileformat.fallback import Coder
from l3c.images.picture import Mode, Section
from l3c.images.pillow import from_pil
from l3c.images.reading import READABLE_SUFFIXES
from l3c.messages import aligned

_WORDS = ("lossless", "images", "are", "kept", "bit", "by", "or", "refused", "never", "changed")


@dataclass
class Row:
    """All images of one kind, in bytes; webp_bytes is None where WebP cannot hold them."""

    kind: str
    images: int = 0
    samples: int = 0
    fallback_bytes: int = 0
    png_bytes: int = 0
    webp_bytes: int | None = 0
    encode_s: float = 0.0
    decode_s: float = 0.0
    coders: Counter[str] = field(default_factory=Counter)
    lossless: bool = True


def grey(photograph: Image.Image) -> Image.Image:
    """Luma."""
    return photograph.convert("L")


def grey16(photograph: Image.Image) -> Image.Image:
    """Luma of half the size: means over four pixels, whose fractions fill the lower bits."""
    luma = np.asarray(photograph, np.float64) @ (0.299, 0.587, 0.114)
    luma = luma[: luma.shape[0] // 2 * 2, : luma.shape[1] // 2 * 2]
    mean = luma.reshape(luma.shape[0] // 2, 2, luma.shape[1] // 2, 2).mean((1, 3))
    return Image.fromarray(np.round(mean * 257).astype(np.uint16))


def alpha_gradient(photograph: Image.Image) -> Image.Image:
    """From transparent in one corner to opaque in the other."""
    y, x = np.indices(photograph.size[::-1])
    ramp = (x * 255 // max(1, x.max()) + y * 255 // max(1, y.max())) // 2
    return Image.fromarray(ramp.astype(np.uint8))


def alpha_cutout(photograph: Image.Image) -> Image.Image:
    """What is bright is opaque, with soft edges."""
    mask = photograph.convert("L").filter(ImageFilter.GaussianBlur(4))
    mask = mask.point([255 * (value > 127) for value in range(256)])
    return mask.filter(ImageFilter.GaussianBlur(1))


def grey_alpha(photograph: Image.Image) -> Image.Image:
    """Luma with the gradient as alpha."""
    return Image.merge("LA", (grey(photograph), alpha_gradient(photograph)))


def palette_dithered(photograph: Image.Image) -> Image.Image:
    """The 256 colors of median cut, dithered."""
    return photograph.quantize(palette=photograph.quantize(256))


def palette_plain(photograph: Image.Image) -> Image.Image:
    """The 256 colors of median cut."""
    return photograph.quantize(256, dither=Image.Dither.NONE)


def palette_web(photograph: Image.Image) -> Image.Image:
    """A fixed palette, dithered."""
    return photograph.convert("P")


def palette_16(photograph: Image.Image) -> Image.Image:
    """The 16 colors of median cut."""
    return photograph.quantize(16, dither=Image.Dither.NONE)


def bilevel_dithered(photograph: Image.Image) -> Image.Image:
    """Floyd-Steinberg."""
    return photograph.convert("1")


def bilevel_threshold(photograph: Image.Image) -> Image.Image:
    """White where luma is above 127."""
    return grey(photograph).convert("1", dither=Image.Dither.NONE)


def bilevel_text(photograph: Image.Image) -> Image.Image:
    """A page of words in Pillow's font, other ones for each photograph."""
    page = Image.new("1", photograph.size, 1)
    draw, order = ImageDraw.Draw(page), random.Random(photograph.tobytes()[:1000])
    for y in range(4, page.height - 10, 14):
        draw.text((8, y), " ".join(order.choices(_WORDS, k=page.width // 45)), fill=0)
    return page


KINDS: tuple[Callable[[Image.Image], Image.Image], ...] = (
    grey,
    grey16,
    grey_alpha,
    alpha_gradient,
    alpha_cutout,
    palette_plain,
    palette_dithered,
    palette_web,
    palette_16,
    bilevel_dithered,
    bilevel_threshold,
    bilevel_text,
)


def measure(photographs: Sequence[Path], say: Callable[[str], None]) -> Iterator[Row]:
    """One row for each kind of image."""
    for kind in KINDS:
        row = Row(kind.__name__.replace("_", " "))
        for path in photographs:
            say(f"{row.kind}: {path.name}")
            with Image.open(path) as file:
                image = kind(file.convert("RGB"))
            _add(row, image)
        yield row


def _add(row: Row, image: Image.Image) -> None:
    picture = from_pil(image)
    samples, mode = picture.samples, picture.mode
    start = time.process_time()
    stream = fallback.encode(samples, mode.bits)
    middle = time.process_time()
    height, width, channels = samples.shape
    found = fallback.decode(stream, (height, width, channels), mode.bits)
    row.decode_s += time.process_time() - middle
    row.encode_s += middle - start
    row.lossless &= bool((found == samples).all())
    row.images += 1
    row.samples += samples.size
    row.fallback_bytes += len(stream) + len(picture.sections.get(Section.PALETTE, b""))
    row.coders[Coder(stream[0]).name] += 1
    row.png_bytes += _size(image, "PNG", optimize=True)
    if mode == Mode.GREY16 or row.webp_bytes is None:
        row.webp_bytes = None
        return
    colors = image.convert("RGBA" if mode == Mode.GREY_ALPHA else "RGB")
    row.webp_bytes += _size(colors, "WEBP", lossless=True, method=6, quality=75, exact=True)


def _size(image: Image.Image, kind: str, **options: object) -> int:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.tell()


def as_text(rows: Sequence[Row]) -> str:
    """The rows as a table to read; ratios are of all bytes of a kind."""
    lines = [["kind", "bits/sample", "fallback", "PNG", "ratio", "WebP", "ratio", "encode s"]]
    lines[0] += ["decode s", "lossless", "coders"]
    for row in rows:
        ours, webp = row.fallback_bytes, row.webp_bytes
        cells = [row.kind, f"{8 * ours / row.samples:.4f}", str(ours), str(row.png_bytes)]
        cells += [f"{row.png_bytes / ours:.3f}"]
        cells += ["-", "-"] if webp is None else [str(webp), f"{webp / ours:.3f}"]
        cells += [f"{seconds / row.images:.3f}" for seconds in (row.encode_s, row.decode_s)]
        cells += ["yes" if row.lossless else "NO", _coders(row)]
        lines.append(cells)
    return "\n".join(aligned(lines, range(1, 10)))


def _coders(row: Row) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(row.coders.items()))


def write_csv(rows: Sequence[Row], path: Path) -> None:
    """The rows, with a header; seconds are of the CPU, for all images together."""
    table = pd.DataFrame([asdict(row) | {"coders": _coders(row)} for row in rows], dtype=object)
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, index=False)


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 1 where something was not lossless."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fallback", description=__doc__)
    parser.add_argument("folder", type=Path, help="photographs")
    parser.add_argument("--out", type=Path, help="CSV file to write")
    chosen = parser.parse_args(arguments)
    photographs = sorted(p for p in chosen.folder.iterdir() if p.suffix in READABLE_SUFFIXES)
    if not photographs:
        parser.error(f"{chosen.folder}: no photographs")
    rows = list(measure(photographs, lambda text: print(text, file=sys.stderr, flush=True)))
    print(as_text(rows))
    if chosen.out:
        write_csv(rows, chosen.out)
    return 0 if all(row.lossless for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
