"""The segments of a JPEG: what kind it is, and whether the data of all its pixels are there.

libjpeg makes up what is missing, in grey, and Pillow does not pass its warning on.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

__all__ = ["SIGNATURE", "JpegSegments"]

SIGNATURE = b"\xff\xd8\xff"
_EOI, _SOS = 0xD9, 0xDA
_NO_LENGTH = (0x01, *range(0xD0, 0xD9))
_FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0), 0xF7)
_READABLE = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)
_LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF)
_PROGRESSIVE = (0xC2, 0xCA)
_ALL_COEFFICIENTS = 2**64 - 1
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")  # behind the data of a scan
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
# Data that no decoder looks at behind a complete scan, and that an incomplete one goes on with.
_NOISE = bytes((73 * i + 41) % 251 for i in range(64))


class _Frame(NamedTuple):
    marker: int
    bits: int
    components: tuple[int, ...]


class JpegSegments:
    """The segments of the first picture in a JPEG file; it may be damaged.

    Args:
        data: the file.

    Attributes:
        behind: what follows the picture: others, or a film, as phones add it.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._frame: _Frame | None = None
        self._scan_ends: list[int] = []
        self._coefficients: dict[int, int] = {}  # those that came in full precision, as bits
        self.behind = b""
        self._read()

    def problem(self) -> str:
        """What kind of JPEG it is, if none that is read; else ""."""
        if self._frame is None:
            return ""
        marker, bits, _ = self._frame
        if marker == 0xF7:
            return "a JPEG-LS file"
        if marker in _LOSSLESS:
            return f"a lossless JPEG (SOF{marker & 15}, {bits} bits)"
        if marker not in _READABLE:
            return f"a hierarchical JPEG (SOF{marker & 15})"
        return "" if bits == 8 else f"a {bits}-bit JPEG"

    def lacks_scans(self) -> bool:
        """Whether the data of a component, or the last bits of some coefficients, never came."""
        if self._frame is None:
            return False
        return any(
            self._coefficients.get(component) != _ALL_COEFFICIENTS
            for component in self._frame.components
        )

    def padded(self) -> bytes:
        """The picture with noise behind each scan: the same pixels, if no scan is cut off."""
        ends = [0, *self._scan_ends]
        parts = []
        for start, end in pairwise(ends):
            scan = self._data[start:end]
            restarts = _RESTART.findall(scan)
            awaited = (restarts[-1][1] + 1) & 0xD7 if restarts else 0xD0
            parts += [scan, _NOISE, bytes((0xFF, awaited)), _NOISE]
        return b"".join(parts) + self._data[ends[-1] :]

    def _read(self) -> None:
        data, at = self._data, 2
        while (at := data.find(b"\xff", at)) >= 0 and at + 4 <= len(data):
            marker = data[at + 1]
            if marker in (0x00, 0xFF):
                at += 1
            elif marker in _NO_LENGTH:
                at += 2
            elif marker == _EOI:
                break
            else:
                end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
                self._take(marker, data[at + 4 : end])
                at = end
                if marker == _SOS:
                    found = _MARKER.search(data, at)
                    at = found.start() if found else len(data)
                    self._scan_ends.append(at)
        if at >= 0 and data[at : at + 2] == b"\xff\xd9":
            self.behind = data[at + 2 :].strip(b"\x00")

    def _take(self, marker: int, body: bytes) -> None:
        if marker in _FRAMES and self._frame is None and len(body) >= 6:
            self._frame = _Frame(marker, body[0], tuple(body[6::3]))
        elif marker == _SOS and self._frame is not None and len(body) >= 4:
            count = body[0]
            first, last, precision = body[-3:]
            coefficients = _ALL_COEFFICIENTS
            if self._frame.marker in _PROGRESSIVE:
                coefficients = (2 << last) - (1 << first) if precision & 15 == 0 else 0
            for component in body[1 : 1 + 2 * count : 2]:
                known = self._coefficients.get(component, 0)
                self._coefficients[component] = known | coefficients
