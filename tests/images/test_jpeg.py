"""JPEG files: which are refused by what they are, which lack data, and what their segments hold."""

import io

import imagecodecs
import numpy as np
import pytest
from pictures import refused, saved
from PIL import Image
from tiny_models import noise, smooth

from l3c.images.picture import Section
from l3c.images.pillow import from_pil
from l3c.images.reading import read_picture

RDF = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="r">%s</rdf:RDF></x:xmpmeta>'
GUID = b"0123456789ABCDEF0123456789ABCDEF"
MAIN = RDF % (b'<rdf:Description xmpNote:HasExtendedXMP="' + GUID + b'"/>')
NAMESPACE = b"http://ns.adobe.com/xap/1.0/\0"
MORE_NAMESPACE = b"http://ns.adobe.com/xmp/extension/\0"
KINDS = [
    {},
    {"progressive": True},
    {"restart_marker_rows": 1},
    {"restart_marker_blocks": 1},
    {"progressive": True, "restart_marker_blocks": 3},
    {"subsampling": 0, "quality": 95},
]


PHOTO = smooth(45, 61)


def jpeg(mode="RGB", **options):
    return saved(Image.fromarray(PHOTO).convert(mode), "JPEG", **options)


def with_segments(*segments):
    parts = [
        bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body
        for marker, body in segments
    ]
    data = jpeg()
    return data[:2] + b"".join(parts) + data[2:]


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("options", KINDS, ids=str)
def test_truncated_data_with_an_end_added_are_refused(options, mode):
    data = jpeg(mode, **options)
    assert read_picture(data).samples.shape[:2] == (45, 61)
    for length in range(data.index(b"\xff\xda") + 14, len(data) - 40, 41):
        assert "truncated" in refused(data[:length].rstrip(b"\xff") + b"\xff\xd9")


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_scans_that_are_missing_altogether_are_noticed(mode):
    scans = jpeg(mode, progressive=True).split(b"\xff\xda")
    assert len(scans) > 5
    for kept in range(2, len(scans)):
        assert "truncated" in refused(b"\xff\xda".join(scans[:kept]) + b"\xff\xd9")


@pytest.mark.parametrize(
    ("marker", "bits", "says"),
    [(marker, 8, "lossless") for marker in (0xC3, 0xC7, 0xCB, 0xCF)]
    + [(0xC3, 16, "16-bit lossless"), (0xC1, 12, "12-bit JPEG"), (0xC2, 12, "12-bit JPEG")]
    + [(marker, 8, "hierarchical") for marker in (0xC5, 0xC6, 0xCD, 0xCE)]
    + [(0xF7, 8, "JPEG-LS")],
)
def test_other_kinds_are_refused_by_name(marker, bits, says):
    data = bytearray(jpeg())
    frame = data.index(b"\xff\xc0")
    data[frame + 1], data[frame + 4] = marker, bits
    assert says in refused(bytes(data))


def extended(more, main=MAIN, size=0):
    pieces = [
        (0xE1, MORE_NAMESPACE + GUID + (size or len(more)).to_bytes(4, "big") + at + body)
        for start in range(0, len(more), 60_000)
        for at, body in [(start.to_bytes(4, "big"), more[start : start + 60_000])]
    ]
    return with_segments((0xE1, NAMESPACE + main), *reversed(pieces))


def test_a_long_xmp_packet_is_kept_whole():
    note = b"<note>" + b"e" * 150_000 + b"</note>"
    data = extended(RDF % note)
    expected = MAIN.replace(b"</rdf:RDF>", note + b"</rdf:RDF>")
    assert read_picture(data).sections == {Section.XMP: expected}
    with Image.open(io.BytesIO(data)) as image:
        assert from_pil(image).sections == {Section.XMP: expected}
    loose = b"<x>" + GUID + b"</x>"  # no RDF
    assert read_picture(extended(note, loose)).sections == {Section.XMP: loose + note}


@pytest.mark.parametrize(
    ("segments", "losses"),
    [
        ([(0xED, b"Photoshop 3.0\x008BIM\x04\x04\x00\x00\x00\x00\x00\x04abcd")], ("IPTC",)),
        ([(0xED, b"Photoshop 3.0\x008BIM\x03\xed\x00\x00\x00\x00\x00\x00")], ("Photoshop data",)),
        ([(0xEB, b"JP content credentials")] * 2, ("APP11",)),
        ([(0xFE, b"made by hand")], ("comment",)),
        ([(0xE2, b"ICC_PROFILE\x00\x01\x02half")], ("ICC profile, which is incomplete",)),
        ([(0xE1, b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x00\x00\x00\x00\x00\x00")], ()),
    ],
)
def test_what_is_not_kept_is_said(segments, losses):
    picture = read_picture(with_segments(*segments))
    assert picture.losses == losses
    assert (picture.samples == read_picture(jpeg()).samples).all()


def test_bytes_that_fill_before_a_marker_are_skipped():
    filled = jpeg()[:-2] + b"\xff\xfe\x00\x04ab\xff\xff\xd9"  # behind a comment
    assert (read_picture(filled).samples == read_picture(jpeg()).samples).all()


def test_what_follows_the_picture_is_said():
    assert read_picture(jpeg() + bytes(99)).losses == ()
    assert read_picture(jpeg() + b"a film").losses == ("6 bytes behind the image",)
    others = [Image.fromarray(PHOTO[:n, :n]) for n in (8, 9)]
    several = saved(Image.fromarray(PHOTO), "MPO", save_all=True, append_images=others)
    picture = read_picture(several)
    assert picture.losses == ("2 more pictures",)
    assert (picture.samples == read_picture(jpeg()).samples).all()


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("more", [{}, {"progressive": True}, {"restart_marker_blocks": 2}])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0", "keep_rgb"])
def test_pixels_are_those_of_pillow(mode, more, subsampling, monkeypatch):
    kind = {"keep_rgb": True} if subsampling == "keep_rgb" else {"subsampling": subsampling}
    for size in ((45, 61), (16, 8), (1, 1)):
        image = Image.fromarray(noise(*size, 3)).convert(mode)
        data = saved(image, "JPEG", quality=80, **kind, **more)
        expected = np.asarray(Image.open(io.BytesIO(data))).reshape(*size, -1)
        assert (read_picture(data).samples == expected).all()
        with monkeypatch.context() as without:  # the library that takes less memory
            without.setattr(imagecodecs, "jpeg8_decode", lambda data: 1 / 0)
            assert (read_picture(data).samples == expected).all()
