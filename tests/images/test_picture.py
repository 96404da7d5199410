"""Pictures: round trips through arrays, Pillow and files; everything that is refused."""

import io
import pickle
import struct
import tempfile
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from l3c.data.images import read_rgb
from l3c.images import reading
from l3c.images.picture import Mode, Picture, PictureError, Section
from l3c.images.reading import read_picture
from l3c.images.writing import WRITABLE_SUFFIXES, write_picture

SIZES = [(1, 1), (1, 4096), (4096, 1), (7, 13), (33, 8)]
COLORED = (Mode.PALETTE, Mode.GREY_ALPHA, Mode.RGBA)  # no single transparent color
quick = settings(
    max_examples=8,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def exif_block(**tags: Any) -> bytes:
    exif = Image.Exif()
    exif[274] = 6  # an orientation, which must not be applied
    exif[271] = tags.get("maker", "Maker")
    return exif.tobytes().removeprefix(b"Exif\x00\x00")


def png_of(picture: Picture) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.png"
        write_picture(path, picture)
        return path.read_bytes()


@st.composite
def pictures(draw: st.DrawFn, modes: tuple[Mode, ...] = tuple(Mode)) -> Picture:
    mode = draw(st.sampled_from(modes))
    height, width = draw(st.sampled_from(SIZES) | st.tuples(st.integers(1, 40), st.integers(1, 40)))
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    entries = draw(st.sampled_from([1, 2, 3, 5, 16, 17, 200, 256]))
    top = entries if mode == Mode.PALETTE else 1 << mode.bits
    samples = rng.integers(0, top, (height, width, mode.channels)).astype(mode.dtype)
    sections: dict[Section, bytes] = {}
    if draw(st.booleans()):
        sections[Section.ICC] = rng.bytes(200)
    if draw(st.booleans()):
        sections[Section.EXIF] = exif_block()
    if draw(st.booleans()):
        sections[Section.XMP] = "<x:xmpmeta>é</x:xmpmeta>".encode() + rng.bytes(5)
    if mode == Mode.PALETTE:
        sections[Section.PALETTE] = rng.bytes(3 * entries)
    if mode not in (Mode.GREY_ALPHA, Mode.RGBA) and draw(st.booleans()):
        if mode == Mode.PALETTE:
            sections[Section.TRANSPARENCY] = rng.bytes(draw(st.integers(1, entries)))
        else:
            sections[Section.TRANSPARENCY] = b"".join(
                int(value).to_bytes(2, "big") for value in rng.integers(0, top, mode.channels)
            )
    return Picture(mode, samples, sections)


@quick
@given(picture=pictures(tuple(set(Mode) - {Mode.RGB16})))
def test_round_trip_through_pillow(picture: Picture) -> None:
    image = picture.to_pil()
    assert (image.mode, image.size) == (picture.mode.pil, (picture.width, picture.height))
    assert Picture.from_pil(image) == picture


@pytest.mark.parametrize("mode", Mode)
@quick
@given(data=st.data())
def test_round_trip_through_png(mode: Mode, data: st.DataObject) -> None:
    picture = data.draw(pictures((mode,)))
    assert read_picture(png_of(picture)) == picture


@pytest.mark.parametrize("suffix", sorted(WRITABLE_SUFFIXES))
@pytest.mark.parametrize("mode", Mode)
@quick
@given(data=st.data())
def test_a_file_holds_all_or_is_refused(
    mode: Mode, suffix: str, data: st.DataObject, tmp_path: Path
) -> None:
    picture = data.draw(pictures((mode,)))
    path = tmp_path / f"picture{suffix}"
    path.unlink(missing_ok=True)
    for one in (picture, picture.strip()):
        message = None
        try:
            write_picture(path, one)
        except PictureError as error:
            message = str(error)
        if message is None:
            assert read_picture(path) == one
            path.unlink()
        else:
            assert message.startswith(f"{path}: ")
            assert "write it as .png" in message
    assert list(tmp_path.iterdir()) == []


HELD = {
    ".png": set(Mode),
    ".tif": set(Mode) - {Mode.PALETTE},
    ".tiff": set(Mode) - {Mode.PALETTE},
    ".bmp": {Mode.BILEVEL, Mode.GREY, Mode.RGB},
    ".webp": {Mode.RGB, Mode.RGBA},
}


@pytest.mark.parametrize("suffix", HELD)
def test_what_each_format_holds(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"x{suffix}"
    for mode in Mode:
        picture = Picture(mode, np.zeros((5, 6, mode.channels), mode.dtype))
        if mode in HELD[suffix]:
            write_picture(path, picture)
            found = read_picture(path)
            assert found.mode == mode
            assert (found.samples == picture.samples).all()
        else:
            with pytest.raises(PictureError, match="does not hold this kind of image"):
                write_picture(path, picture)


def test_a_profile_in_tiff_and_what_tiff_would_lose(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    for mode in (Mode.GREY, Mode.RGB, Mode.RGB16):
        samples = np.zeros((5, 6, mode.channels), mode.dtype)
        picture = Picture(mode, samples, {Section.ICC: b"profile" * 30})
        write_picture(path, picture)
        assert read_picture(path) == picture
        picture = Picture(mode, samples, {Section.EXIF: b"MM", Section.XMP: b"<x/>"})
        with pytest.raises(PictureError, match="TIFF would lose EXIF, XMP"):
            write_picture(path, picture)


@pytest.mark.parametrize(
    ("name", "mode", "shape", "says"),
    [
        ("x.jpg", Mode.RGB, (2, 2), "JPEG is lossy: write it as .png"),
        ("x.JPEG", Mode.RGB, (2, 2), "JPEG is lossy"),
        ("x.gif", Mode.PALETTE, (2, 2), ".gif files are not written: write it as .png"),
        ("x.webp", Mode.RGB, (1, 16384), "WebP ends at 16383 pixels a side"),
        ("no/such/x.png", Mode.RGB, (2, 2), "cannot be written: No such file or directory"),
    ],
)
def test_writing_refused(
    name: str, mode: Mode, shape: tuple[int, int], says: str, tmp_path: Path
) -> None:
    picture = Picture(mode, np.zeros((*shape, mode.channels), mode.dtype))
    with pytest.raises(PictureError) as caught:
        write_picture(tmp_path / name, picture)
    assert str(caught.value).startswith(f"{tmp_path / name}: {says}")
    assert list(tmp_path.iterdir()) == []


def test_webp_with_opaque_alpha_is_refused(tmp_path: Path) -> None:
    picture = Picture.from_array(np.full((3, 3, 4), 255, np.uint8))
    with pytest.raises(PictureError, match="opaque everywhere"):
        write_picture(tmp_path / "x.webp", picture)


def test_colors_under_alpha_0_survive_webp(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (9, 9, 4)).astype(np.uint8)
    array[..., 3] = 0
    write_picture(tmp_path / "x.webp", Picture.from_array(array))
    assert (read_picture(tmp_path / "x.webp").samples == array).all()


def test_without_suffix_it_is_a_png_and_one_is_replaced_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "picture"
    picture = Picture.from_array(np.zeros((2, 2), np.uint8))
    write_picture(path, picture)
    before = path.read_bytes()
    assert before.startswith(b"\x89PNG")

    def dies(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", dies)
    with pytest.raises(PictureError, match="cannot be written: No space left on device"):
        write_picture(path, Picture.from_array(np.ones((2, 2), np.uint8)))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("shape", "dtype", "mode"),
    [
        ((2, 3), np.uint8, Mode.GREY),
        ((2, 3, 1), np.uint8, Mode.GREY),
        ((2, 3, 2), np.uint8, Mode.GREY_ALPHA),
        ((2, 3, 3), np.uint8, Mode.RGB),
        ((2, 3, 4), np.uint8, Mode.RGBA),
        ((2, 3), np.uint16, Mode.GREY16),
        ((2, 3, 3), np.dtype(">u2"), Mode.RGB16),
        ((2, 3), np.bool_, Mode.BILEVEL),
    ],
)
def test_from_array(shape: tuple[int, ...], dtype: Any, mode: Mode) -> None:
    array = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    picture = Picture.from_array(array)
    assert picture.mode == mode
    assert picture.samples.dtype == mode.dtype
    assert (picture.samples == array.reshape(2, 3, -1)).all()
    if array.dtype.isnative and array.dtype != bool:
        assert np.shares_memory(picture.samples, array)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((2, 3, 5), np.uint8),
        np.zeros((2, 3, 4), np.uint16),
        np.zeros((2, 3, 2), np.uint16),
        np.zeros((2, 3), np.int16),
        np.zeros((2, 3), np.float32),
        np.zeros((2, 3), np.uint32),
        np.zeros(3, np.uint8),
        np.zeros((1, 2, 3, 3), np.uint8),
    ],
)
def test_from_array_refused(array: Any) -> None:
    with pytest.raises(PictureError) as caught:
        Picture.from_array(array)
    assert f"got {array.dtype} {array.shape}" in str(caught.value)


def test_from_array_of_no_array_and_of_nothing() -> None:
    with pytest.raises(PictureError, match="got list"):
        Picture.from_array([[1]])  # type: ignore[arg-type]
    with pytest.raises(PictureError, match="empty: no pixels"):
        Picture.from_array(np.zeros((0, 3), np.uint8))


@pytest.mark.parametrize(
    ("mode", "sections", "says"),
    [
        (Mode.RGB, {Section.PALETTE: b"abc"}, "does not go with RGB"),
        (Mode.PALETTE, {Section.PALETTE: b"abcd"}, "1 to 256 palette entries of 3 bytes, got 4"),
        (Mode.PALETTE, {Section.PALETTE: b""}, "got 0"),
        (Mode.PALETTE, {Section.PALETTE: bytes(771)}, "got 771"),
        (Mode.PALETTE, {Section.TRANSPARENCY: bytes(257)}, "got 257"),
        (Mode.RGBA, {Section.TRANSPARENCY: bytes(8)}, "does not go with RGBA"),
        (Mode.GREY, {Section.TRANSPARENCY: bytes(6)}, "expected 2 bytes"),
        (Mode.RGB16, {Section.TRANSPARENCY: bytes(2)}, "expected 6 bytes"),
    ],
)
def test_sections_that_do_not_fit(mode: Mode, sections: dict[Section, bytes], says: str) -> None:
    with pytest.raises(PictureError, match=says):
        Picture(mode, np.zeros((1, 1, mode.channels), mode.dtype), sections)


def test_samples_that_do_not_fit() -> None:
    with pytest.raises(PictureError, match=r"expected uint8 \(H, W, 3\) for RGB, got uint16"):
        Picture(Mode.RGB, np.zeros((1, 1, 3), np.uint16))
    with pytest.raises(PictureError, match="0 and 1 for BILEVEL, got 2"):
        Picture(Mode.BILEVEL, np.full((1, 1, 1), 2, np.uint8))


def test_equality_and_strip() -> None:
    grey = Picture.from_array(np.zeros((2, 2), np.uint8))
    assert grey == Picture.from_array(np.zeros((2, 2), np.uint8))
    assert grey != Picture.from_array(np.ones((2, 2), np.uint8))
    assert grey != Picture(Mode.PALETTE, grey.samples)
    assert grey != "grey"
    kept = {Section.TRANSPARENCY: b"\0\1"}
    full = kept | {Section.ICC: b"i", Section.EXIF: b"e", Section.XMP: b"x"}
    assert Picture(Mode.GREY, grey.samples, full).strip() == Picture(Mode.GREY, grey.samples, kept)


def test_error_can_be_sent_to_another_process() -> None:
    error = pickle.loads(pickle.dumps(PictureError("CMYK", "a.jpg")))
    assert (str(error), error.name, error.reason) == ("a.jpg: CMYK", "a.jpg", "CMYK")


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("PA", "palette with alpha: convert it to RGBA first"),
        ("La", "greyscale with premultiplied alpha: convert it to LA first"),
        ("RGBa", "premultiplied alpha channel: convert it to RGBA first"),
        ("RGBX", "four channels: convert it to RGB first"),
        ("CMYK", "CMYK: convert it to RGB first"),
        ("YCbCr", "YCbCr: convert it to RGB first"),
        ("LAB", "LAB: convert it to RGB first"),
        ("HSV", "HSV: convert it to RGB first"),
        ("F", "floating-point greyscale: convert it to I;16 or L first"),
        ("I", "32-bit greyscale: convert it to I;16 or L first"),
    ],
)
def test_pillow_modes_refused(mode: str, says: str) -> None:
    with pytest.raises(PictureError) as caught:
        Picture.from_pil(Image.new(mode, (2, 2)))
    assert str(caught.value) == f"image: {says}"


def test_pillow_image_without_pixels_and_16_bit_rgb_to_pillow() -> None:
    with pytest.raises(PictureError, match="empty"):
        Picture.from_pil(Image.new("L", (0, 2)))
    with pytest.raises(PictureError, match="Pillow has no such mode"):
        Picture.from_array(np.zeros((1, 1, 3), np.uint16)).to_pil()


@pytest.mark.parametrize("mode", ["I;16", "I;16L", "I;16B"])
def test_16_bit_grey_of_any_byte_order(mode: str) -> None:
    values = np.array([[0, 1, 258], [65535, 4660, 3]], ">u2" if mode == "I;16B" else "<u2")
    image = Image.frombytes(mode, (3, 2), values.tobytes())
    picture = Picture.from_pil(image)
    assert picture.mode == Mode.GREY16
    assert (picture.samples[..., 0] == values).all()


def palette_image(entries: int, rawmode: str = "RGB") -> Image.Image:
    image = Image.frombytes("P", (5, 3), bytes(i % max(entries, 1) for i in range(15)))
    if entries:
        image.putpalette(bytes(i % 251 for i in range(len(rawmode) * entries)), rawmode)
    return image


@pytest.mark.parametrize("entries", [0, 1, 2, 15, 16, 17, 256])
@pytest.mark.parametrize("transparency", [None, 0, 7, 255, b"\x01", b"\xff\x00\xff\x80"])
def test_palettes_of_any_length(entries: int, transparency: Any) -> None:
    image = palette_image(entries)
    if transparency is not None:
        image.info["transparency"] = transparency
    found = Picture.from_pil(image).to_pil()
    assert found.mode == "P"
    assert found.tobytes() == image.tobytes()
    assert found.getpalette() == image.getpalette()
    assert found.info.get("transparency") == transparency


def test_palette_with_alpha_becomes_transparency() -> None:
    image = palette_image(5, "RGBA")
    picture = Picture.from_pil(image)
    assert picture.sections[Section.PALETTE] == bytes(image.getpalette() or [])
    assert picture.sections[Section.TRANSPARENCY] == bytes((image.getpalette("RGBA") or [])[3::4])
    assert picture.to_pil().convert("RGBA").tobytes() == image.convert("RGBA").tobytes()
    assert read_picture(png_of(picture)) == picture


def test_indices_beyond_the_palette_are_kept() -> None:
    """Pillow alone would write 7 as 1, since a palette of two entries takes one bit."""
    image = Image.frombytes("P", (2, 1), b"\x01\x07")
    image.putpalette(b"abcdef")
    picture = Picture.from_pil(image)
    assert Picture.from_pil(picture.to_pil()) == picture
    found = read_picture(png_of(picture))
    assert found.samples.tobytes() == b"\x01\x07"
    assert found.sections[Section.PALETTE] == b"abcdef" + bytes(18)


@pytest.mark.parametrize(
    ("mode", "transparency"),
    [("L", b"\x01"), ("RGB", 5), ("RGB", (1, 2)), ("RGB", (1, 2, 70000)), ("P", 256), ("L", -1)],
)
def test_transparency_that_does_not_go_with_the_mode(mode: str, transparency: Any) -> None:
    image = Image.new(mode, (2, 2))
    image.info["transparency"] = transparency
    with pytest.raises(PictureError, match="correct or delete"):
        Picture.from_pil(image)


def test_transparency_left_over_beside_alpha_does_not_count() -> None:
    image = Image.new("RGBA", (2, 2))
    image.info["transparency"] = 3
    assert Picture.from_pil(image).sections == {}


def test_pillow_keeps_the_same_metadata() -> None:
    image = Image.new("RGB", (3, 2), (1, 2, 3))
    image.info |= {"icc_profile": b"icc", "exif": b"Exif\0\0" + exif_block(), "xmp": b"<x/>"}
    image.info["transparency"] = (1, 2, 3)
    found = Picture.from_pil(image).to_pil()
    assert found.info == image.info
    assert found.getexif()[274] == 6


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(channels: int, dtype: Any = np.uint8) -> Any:
    top = np.iinfo(dtype).max + 1
    return np.random.default_rng(channels).integers(0, top, (6, 9, channels)).astype(dtype)


def test_orientation_is_kept_and_not_applied() -> None:
    exif = b"Exif\0\0" + exif_block()
    for kind in ("PNG", "JPEG", "WEBP"):
        data = saved(Image.fromarray(noise(3)), kind, exif=exif)
        picture = read_picture(data)
        assert (picture.height, picture.width) == (6, 9)
        assert picture.sections == {Section.EXIF: exif_block()}, kind


def test_tiff_is_turned_by_pillow_and_keeps_what_describes_the_photograph() -> None:
    exif = Image.Exif()
    exif[274], exif[271], exif[34665] = 6, "Maker", {36867: "2020:01:02 03:04:05"}
    picture = read_picture(saved(Image.fromarray(noise(3)), "TIFF", exif=exif.tobytes()))
    assert (picture.height, picture.width) == (9, 6)
    found = picture.to_pil().getexif()
    assert (found.get(274), found[271]) == (None, "Maker")
    assert found.get_ifd(34665)[36867] == "2020:01:02 03:04:05"
    assert read_picture(saved(Image.fromarray(noise(3)), "TIFF")).sections == {}


def test_old_exif_of_png_is_found() -> None:
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    block = b"Exif\0\0" + exif_block()
    text.add_text("Raw profile type exif", f"\nexif\n    {len(block)}\n{block.hex()}\n")
    picture = read_picture(saved(Image.new("L", (2, 2)), "PNG", pnginfo=text))
    assert picture.sections == {Section.EXIF: exif_block()}


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_png_of_few_bits(bits: int) -> None:
    top = (1 << bits) - 1
    values = np.arange(32).reshape(4, 8) % (top + 1)
    image = Image.fromarray((values * 255 // top).astype(np.uint8))
    image = image.convert("1", dither=Image.Dither.NONE) if bits == 1 else image
    options: dict[str, Any] = {} if bits == 1 else {"bits": bits}
    picture = read_picture(saved(image, "PNG", transparency=1, **options))
    scale = 1 if bits == 1 else 255 // top
    assert picture.mode == (Mode.BILEVEL if bits == 1 else Mode.GREY)
    assert (picture.samples[..., 0] == values * scale).all()
    assert picture.sections == {Section.TRANSPARENCY: scale.to_bytes(2, "big")}


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palette_png_of_few_bits(bits: int) -> None:
    image = palette_image(1 << bits)
    picture = read_picture(saved(image, "PNG"))
    assert picture == Picture.from_pil(image)
    assert len(picture.sections[Section.PALETTE]) == 3 << bits


@pytest.mark.parametrize("encoder", [imagecodecs.png_encode, imagecodecs.tiff_encode])
def test_16_bit_rgb_and_grey_are_read_whole(encoder: Callable[[Any], Any], tmp_path: Path) -> None:
    path = tmp_path / "x.any"
    for array, mode in ((noise(3, np.uint16), Mode.RGB16), (noise(1, np.uint16), Mode.GREY16)):
        data = bytes(encoder(array if mode == Mode.RGB16 else array[..., 0]))
        path.write_bytes(data)
        for found in (read_picture(data), read_picture(path), read_picture(str(path))):
            assert found == Picture(mode, array)


def test_metadata_behind_the_pixels_of_a_16_bit_png() -> None:
    picture = Picture(Mode.RGB16, noise(3, np.uint16), {Section.EXIF: exif_block()})
    data = png_of(picture)
    start = data.index(b"eXIf") - 4
    end = start + 12 + len(exif_block())
    moved = data[:start] + data[end:-12] + data[start:end] + data[-12:]
    assert read_picture(moved) == picture


def test_16_bit_png_is_read_without_a_word_of_libpng(capfd: pytest.CaptureFixture[str]) -> None:
    sections = {Section.ICC: b"no profile", Section.TRANSPARENCY: bytes(6)}
    picture = Picture(Mode.RGB16, noise(3, np.uint16), sections)
    assert read_picture(png_of(picture)) == picture
    assert capfd.readouterr() == ("", "")


def animated(kind: str, **options: Any) -> bytes:
    frames = [Image.fromarray(noise(3)), Image.new("RGB", (9, 6))]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)


def tiff(array: Any, **options: Any) -> bytes:
    return bytes(imagecodecs.tiff_encode(array, **options))


def huge_png() -> bytes:
    header = struct.pack(">IIBBBBB", 20000, 20000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


REFUSED: list[tuple[str, Callable[[], bytes], str]] = [
    ("CMYK JPEG", lambda: saved(Image.new("CMYK", (3, 3)), "JPEG"), "CMYK: convert it to RGB"),
    ("CMYK TIFF", lambda: saved(Image.new("CMYK", (3, 3)), "TIFF"), "CMYK: convert it to RGB"),
    ("float", lambda: saved(Image.new("F", (3, 3)), "TIFF"), "floating-point greyscale"),
    ("32 bits", lambda: saved(Image.new("I", (3, 3)), "TIFF"), "32-bit greyscale"),
    ("LAB", lambda: saved(Image.new("LAB", (3, 3)), "TIFF"), "LAB: convert"),
    ("YCbCr", lambda: saved(Image.new("YCbCr", (3, 3)), "TIFF"), "YCbCr: convert"),
    ("animated GIF", lambda: animated("GIF"), "animated or multi-page: 2 frames"),
    ("animated WebP", lambda: animated("WEBP"), "animated or multi-page: 2 frames"),
    ("animated PNG", lambda: animated("PNG"), "animated or multi-page: 2 frames"),
    ("pages", lambda: animated("TIFF"), "animated or multi-page: 2 frames"),
    (
        "16-bit LA",
        lambda: bytes(imagecodecs.png_encode(noise(2, np.uint16))),
        "16-bit grey with alpha: only 8 bits",
    ),
    (
        "16-bit RGBA",
        lambda: bytes(imagecodecs.png_encode(noise(4, np.uint16))),
        "16-bit RGB with alpha: only 8 bits",
    ),
    ("16-bit RGBA TIFF", lambda: tiff(noise(4, np.uint16), photometric=2), "16-bit alpha channel"),
    (
        "premultiplied",
        lambda: tiff(noise(4), photometric=2, extrasample=1, planarconfig=1),
        "a TIFF with alpha premultiplied: convert",
    ),
    (
        "fourth channel",
        lambda: tiff(noise(4), photometric=2, extrasample=0, planarconfig=1),
        "a TIFF of 4 channels, of which Pillow takes 3",
    ),
    (
        "planes",
        lambda: tiff(np.moveaxis(noise(3, np.uint16), 2, 0).copy(), photometric=2, planarconfig=2),
        "16-bit RGB stored plane by plane",
    ),
    (
        "white is 0",
        lambda: tiff(noise(1, np.uint16)[..., 0], photometric=0),
        "a 16-bit TIFF that counts from white to black",
    ),
    ("odd TIFF", lambda: b"II*\x00garbage", "a TIFF of a kind that is not read"),
    ("empty", lambda: b"", "empty file"),
    ("text", lambda: b"hello, this is no image", "not an image: no PNG"),
    ("too large", huge_png, "20000 x 20000"),
]


@pytest.mark.parametrize(("make", "says"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED])
def test_files_refused_by_name(make: Callable[[], bytes], says: str, tmp_path: Path) -> None:
    data, path = make(), tmp_path / "some.file"
    path.write_bytes(data)
    for source, name, shown in (
        (data, "", "<stdin>"),
        (data, "upload", "upload"),
        (path, "", str(path)),
    ):
        with pytest.raises(PictureError) as caught:
            read_picture(source, name)
        if "20000" in says:  # Pillow's own words where its limit is the lower one
            assert str(caught.value).startswith(f"{shown}: ")
        else:
            assert str(caught.value).startswith(f"{shown}: {says}")
        assert "\n" not in str(caught.value)


def test_paths_refused(tmp_path: Path) -> None:
    raw = tmp_path / "x.nef"
    raw.write_bytes(b"II*\x00")
    for path, says in (
        (tmp_path / "none.png", "No such file or directory"),
        (tmp_path, "not a regular file"),
        (raw, ".nef files are not read: convert it to PNG"),
    ):
        with pytest.raises(PictureError) as caught:
            read_picture(path)
        assert str(caught.value) == f"{path}: {says}"


def test_size_limit_is_checked_before_the_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    data = png_of(Picture.from_array(np.zeros((4, 5), np.uint8)))
    monkeypatch.setattr(reading, "MAX_PIXELS", 20)
    assert read_picture(data).samples.size == 20
    monkeypatch.setattr(reading, "MAX_PIXELS", 19)
    with pytest.raises(PictureError, match="5 x 4 pixels, more than the 19 allowed in a file"):
        read_picture(data)


def test_100_megapixels_are_opened_without_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pillow warns from 89 megapixels on; here from 10 pixels, which is the same to it."""
    data = png_of(Picture.from_array(np.zeros((4, 5), np.uint8)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_picture(data).samples.shape == (4, 5, 1)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF"])
def test_truncated_files(kind: str) -> None:
    data = saved(Image.fromarray(noise(3).repeat(9, 0).repeat(9, 1)), kind)
    for length in (1, 10, 30, len(data) // 3, len(data) // 2):
        with pytest.raises(PictureError) as caught:
            read_picture(data[:length])
        assert str(caught.value).startswith("<stdin>: ")


@pytest.mark.parametrize("encoder", [imagecodecs.png_encode, imagecodecs.tiff_encode])
def test_truncated_16_bit_files(encoder: Callable[[Any], Any]) -> None:
    data = bytes(encoder(noise(3, np.uint16).repeat(9, 0)))
    for length in (30, len(data) // 2):
        with pytest.raises(PictureError):
            read_picture(data[:length])


def test_jpeg_in_grey_and_the_main_picture_of_several() -> None:
    grey = Image.fromarray(noise(1)[..., 0])
    assert read_picture(saved(grey, "JPEG")).mode == Mode.GREY
    data = animated("MPO")
    with Image.open(io.BytesIO(data)) as image:
        first = np.asarray(next(ImageSequence.Iterator(image)))
    assert (read_picture(data).samples == first).all()


def test_data_sets_refuse_tiff_channels_that_pillow_drops(tmp_path: Path) -> None:
    path = tmp_path / "x.tif"
    path.write_bytes(tiff(noise(4), photometric=2, extrasample=0, planarconfig=1))
    with pytest.raises(PictureError, match="a TIFF of 4 channels, of which Pillow takes 3"):
        read_rgb(path)
