"""Pictures of every mode for tests of files."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image

from l3c.images.picture import Mode, Picture, PictureError, Section
from l3c.images.reading import read_picture

SIZES = [(1, 1), (1, 4096), (4096, 1), (7, 13), (33, 8)]


def exif_block() -> bytes:
    exif = Image.Exif()
    exif[274], exif[271] = 6, "Maker"  # an orientation, which must not be applied
    return exif.tobytes().removeprefix(b"Exif\x00\x00")


def noise(channels: int, dtype: Any = np.uint8) -> Any:
    top = np.iinfo(dtype).max + 1
    return np.random.default_rng(channels).integers(0, top, (6, 9, channels)).astype(dtype)


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def refused(source: Path | bytes, name: str = "") -> str:
    """What is said of a file that is not read, in one line."""
    with pytest.raises(PictureError) as caught:
        read_picture(source, name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def picture_of(
    mode: Mode, height: int, width: int, seed: int = 0, entries: int = 16, metadata: bool = True
) -> Picture:
    """Noise of a mode with all metadata or none, and a palette of so many entries."""
    rng = np.random.default_rng(seed)
    top = entries if mode == Mode.PALETTE else 1 << mode.bits
    samples = rng.integers(0, top, (height, width, mode.channels)).astype(mode.dtype)
    sections = {Section.PALETTE: rng.bytes(3 * entries)} if mode == Mode.PALETTE else {}
    if metadata:
        xmp = "<x:xmpmeta>é</x:xmpmeta>".encode() + rng.bytes(5)
        sections |= {Section.ICC: rng.bytes(200), Section.EXIF: exif_block(), Section.XMP: xmp}
    return Picture(mode, samples, sections)


@st.composite
def pictures(draw: st.DrawFn, modes: tuple[Mode, ...] = tuple(Mode)) -> Picture:
    """Of any size, with any of the sections."""
    mode, seed = draw(st.sampled_from(modes)), draw(st.integers(0, 999))
    size = draw(st.sampled_from(SIZES) | st.tuples(st.integers(1, 40), st.integers(1, 40)))
    entries = draw(st.sampled_from([1, 2, 3, 5, 16, 17, 200, 256]))
    picture = picture_of(mode, *size, seed, entries)
    kept = {Section.PALETTE} | draw(st.sets(st.sampled_from(Section)))
    sections = {kind: data for kind, data in picture.sections.items() if kind in kept}
    if mode not in (Mode.GREY_ALPHA, Mode.RGBA) and Section.TRANSPARENCY in kept:
        color = picture.samples[0, 0].astype(">u2").tobytes()
        alphas = picture.samples.tobytes()[: draw(st.integers(1, entries))]
        sections[Section.TRANSPARENCY] = alphas if mode == Mode.PALETTE else color
    return Picture(mode, picture.samples, sections)
