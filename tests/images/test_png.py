"""PNG files: all rows or none, metadata wherever it is, and nothing that only has its name."""

import zlib

import numpy as np
import pytest
from pictures import refused
from png_files import KINDS, SIGNATURE, chunk, noise_rows, png_file

from l3c.images.picture import Mode, Picture, PictureError, Section
from l3c.images.png import png_of
from l3c.images.reading import read_picture

EXIF = b"II*\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00"
XMP = b"<x:xmpmeta>\xc3\xa9</x:xmpmeta>"
RAW_XMP = f"\nxmp\n {len(XMP)}\n{XMP.hex()}\n".encode()
KEYWORD = b"XML:com.adobe.xmp"
NO_IDAT = chunk(b"IDAT", zlib.compress(b""))
TAKEN = [kind for kind in KINDS if kind not in ((16, 4), (16, 6))]


def with_chunks(*chunks):
    return png_file(noise_rows(5, 7, 8, 2, False)[1], (7, 5, 8, 2, 0), chunks)


def text(keyword, content):
    return chunk(b"tEXt", keyword.encode() + b"\x00" + content.encode())


def raw_profile(kind, content):
    digits = "\n".join(content.hex()[i : i + 72] for i in range(0, 2 * len(content), 72))
    return text(f"Raw profile type {kind}", f"\n{kind}\n{len(content):8}\n{digits}\n")


def plain(data):
    """The picture of a file, which must be the one without further chunks but for sections."""
    picture = read_picture(data)
    assert (picture.samples == read_picture(with_chunks()).samples).all()
    return picture


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("bits", "color"), TAKEN)
def test_every_kind_is_read_whole_and_refused_with_fewer_rows(bits, color, interlaced, capfd):
    for height, width in ((1, 1), (1, 9), (3, 2), (29, 37)):
        samples, rows = noise_rows(height, width, bits, color, interlaced)
        header = (width, height, bits, color, int(interlaced))
        scale = 255 // ((1 << bits) - 1) if color == 0 and bits in (2, 4) else 1
        assert (read_picture(png_file(rows, header)).samples == samples * scale).all()
        for lost in {1, len(rows) // 3, len(rows) - 1} - {0}:
            assert "truncated" in refused(png_file(rows[:-lost], header))
    assert capfd.readouterr() == ("", "")  # libraries have their own way to stderr


def test_a_flipped_bit_is_seen_wherever_it_changes_pixels():
    samples, rows = noise_rows(7, 9, 8, 2, False)
    data = png_file(rows, (9, 7, 8, 2, 0))
    refused = 0
    for at in range(len(SIGNATURE), len(data)):
        altered = bytearray(data)
        altered[at] ^= 0x10
        try:
            assert (read_picture(bytes(altered)).samples == samples).all()
        except PictureError:
            refused += 1
    assert refused > 0.9 * (len(data) - len(SIGNATURE))


def test_a_file_that_ends_early_is_refused_at_every_length():
    data = with_chunks(chunk(b"eXIf", EXIF))
    for length in range(1, len(data)):
        refused(data[:length])


def test_a_png_without_pixels_or_of_a_side_that_the_library_does_not_take_is_refused():
    for none in (b"", chunk(b"IDAT", b"")):
        assert "without pixels" in refused(png_file(b"", (1, 1, 8, 2, 0)).replace(NO_IDAT, none))
    assert "without pixels" in refused(png_file(b"\0", (0, 1, 8, 2, 0)))
    wide = np.zeros((1, 1_000_001, 1), np.uint8)
    assert "1,000,000" in refused(png_file(bytes(125_002), (1_000_001, 1, 1, 0, 0)))
    with pytest.raises(PictureError, match="1,000,000"):
        next(png_of(Picture(Mode.BILEVEL, wide)))


@pytest.mark.parametrize("height", [3, 512, 513, 1024])  # 512 rows make a strip
def test_pixels_end_with_their_checksum_and_what_follows_is_passed_over(height):
    samples, rows = noise_rows(height, 1023, 8, 0, False)
    stream = zlib.compress(rows, 1)

    def stored(*pieces):
        chunks = b"".join(chunk(b"IDAT", piece) for piece in pieces)
        whole = png_file(rows, (1023, height, 8, 0, 0))
        return whole[:33] + chunks + chunk(b"IEND", b"")

    for behind in (b"", b"more", bytes(100_000)):
        for data in (stored(stream + behind), stored(b"", stream[:-4], b"", stream[-4:] + behind)):
            assert (read_picture(data).samples == samples).all()
    assert (read_picture(stored(zlib.compress(rows + rows))).samples == samples).all()
    for flawed in (stream[:-4], stream[:-1], stream[:-1] + bytes([stream[-1] ^ 1])):
        assert "unreadable or truncated" in refused(stored(flawed))
        assert "unreadable or truncated" in refused(stored(flawed[:-4], flawed[-4:]))


@pytest.mark.parametrize("first", [chunk(b"CgBI", bytes(4)), chunk(b"NeWc", b"")])
def test_what_only_looks_like_png_is_refused_by_name(first):
    data = with_chunks(first)
    if first[4:8] == b"CgBI":  # before the header
        data = SIGNATURE + first + with_chunks()[len(SIGNATURE) :]
    assert first[4:8].decode() in refused(data)


@pytest.mark.parametrize(
    ("chunks", "sections"),
    [
        ([raw_profile("exif", b"Exif\x00\x00" + EXIF)], {Section.EXIF: EXIF}),
        ([raw_profile("exif", EXIF)], {Section.EXIF: EXIF}),
        ([raw_profile("APP1", b"Exif\x00\x00" + EXIF)], {Section.EXIF: EXIF}),
        ([raw_profile("APP1", b"http://ns.adobe.com/xap/1.0/\x00" + XMP)], {Section.XMP: XMP}),
        ([raw_profile("xmp", XMP)], {Section.XMP: XMP}),
        ([raw_profile("icc", b"profile" * 99)], {Section.ICC: b"profile" * 99}),
        (
            [chunk(b"zTXt", b"Raw profile type xmp\0\0" + zlib.compress(RAW_XMP))],
            {Section.XMP: XMP},
        ),
        ([chunk(b"iTXt", KEYWORD + b"\0\1\0\0\0" + zlib.compress(XMP))], {Section.XMP: XMP}),
        ([raw_profile("exif", b"other"), chunk(b"eXIf", EXIF)], {Section.EXIF: EXIF}),
    ],
)
def test_metadata_is_kept_whole_wherever_it_is(chunks, sections):
    picture = plain(with_chunks(*chunks))
    assert picture.sections == sections
    assert picture.losses == ()


NAMES = ["exif", "icc_profile", "xmp", "transparency", "interlace", "gamma", "dpi", "loop"]
NAMES += ["default_image", "Raw profile type", "XML:com.adobe.xm"]
BODIES = {b"tEXt": b"hello", b"zTXt": b"\0" + zlib.compress(b"hello"), b"iTXt": b"\0\0\0\0hello"}
BROKEN = ["zzzz no digits", "\nexif\n 20\nzz\n", "\nexif\n 20\nab\n", ""]


@pytest.mark.parametrize(
    "comment",
    [chunk(kind, name.encode() + b"\0" + BODIES[kind]) for name in NAMES for kind in BODIES]
    + [text("Raw profile type exif", content) for content in BROKEN],
)
def test_a_comment_is_a_comment_whatever_it_is_called(comment):
    picture = plain(with_chunks(comment))
    assert (picture.sections, picture.losses) == ({}, ("1 comment",))


GAMMA, CHROMA = chunk(b"gAMA", bytes(4)), chunk(b"cHRM", bytes(32))


@pytest.mark.parametrize(
    ("chunks", "losses"),
    [
        ([GAMMA, CHROMA], ("gAMA", "cHRM")),
        ([GAMMA, CHROMA, chunk(b"sRGB", b"\x00")], ()),  # which counts before the two
        ([GAMMA, chunk(b"iCCP", b"name\x00\x00" + zlib.compress(b"icc"))], ()),
        ([chunk(b"cICP", bytes(4)), chunk(b"sRGB", b"\x00")], ("cICP",)),
        ([chunk(b"sBIT", b"\x05\x06\x05")], ("sBIT",)),
        ([chunk(b"sBIT", b"\x08\x08\x08"), chunk(b"pHYs", bytes(9))], ()),
        ([raw_profile("iptc", b"caption"), raw_profile("IPTC", b"again")], ("IPTC",)),
        ([text("Title", "a"), text("Author", "b")], ("2 comments",)),
        ([chunk(b"iCCP", b"name\x00\x00no zlib")], ("ICC profile, which is damaged",)),
        ([chunk(b"eXIf", EXIF)[:-1] + b"?"], ("eXIf, which is damaged",)),
        ([chunk(b"prVt", b"x")], ("prVt",)),
    ],
)
def test_what_is_not_kept_is_said(chunks, losses):
    assert plain(with_chunks(*chunks)).losses == losses
    assert plain(with_chunks() + b"more").losses == ("4 bytes behind the image",)


@pytest.mark.parametrize("mode", [Mode.GREY, Mode.RGB, Mode.PALETTE, Mode.RGB16])
def test_large_metadata_is_read_and_what_is_written_is_read_again(mode):
    rng = np.random.default_rng(0)
    sections = {Section.ICC: rng.bytes(1_500_000), Section.XMP: b"<x>" + b"e" * 2_000_000}
    sections |= {Section.EXIF: EXIF * 90_000}
    if mode == Mode.PALETTE:
        sections[Section.PALETTE] = bytes(768)
    picture = Picture(mode, np.ones((2, 3, mode.channels), mode.dtype), sections)
    assert read_picture(b"".join(png_of(picture))) == picture
