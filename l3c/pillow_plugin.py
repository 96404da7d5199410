"""Pillow plugin: `Image.open("x.l3c")` and `image.save("x.l3c")`, once `import l3c` has run.

What takes time to import is imported when it is used: every start of the command imports this.
"""

from __future__ import annotations

from dataclasses import replace
from typing import IO, Any

from PIL import Image, ImageFile

FORMAT = "L3C"
SUFFIX = ".l3c"
START = b"\x8fL3C"  # of l3c.fileformat.container.MAGIC


class L3CImageFile(ImageFile.ImageFile):
    """A `.l3c` file: size and mode are read from the header, pixels decoded when first used."""

    format = FORMAT
    format_description = "learned lossless image compression (L3C)"

    def _open(self) -> None:
        from l3c.coding import opened
        from l3c.images.picture import Mode
        from l3c.images.pillow import info_of

        assert self.fp is not None
        data = self.fp.read()
        try:
            container, mode, sections = opened(data)
        except ValueError as error:  # CoderError is one
            raise SyntaxError(str(error)) from error  # what Pillow expects of a plugin
        if mode == Mode.RGB16:
            raise SyntaxError("Pillow has no 16-bit RGB; l3c.decode gives a NumPy array")
        self._size = (container.width, container.height)
        self._mode = mode.pil
        self.info.update(info_of(mode, sections).items())
        self._data = data

    def load(self) -> Any:
        """Decodes the pixels."""
        data = self.__dict__.pop("_data", None)
        if data is not None:
            from coder.errors import CoderError
            from l3c.api import decode

            try:
                decoded = decode(data, as_pil=True)
            except CoderError as error:
                raise OSError(str(error)) from error
            self.im, self.palette = decoded.im, decoded.palette
            if self._exclusive_fp and self.fp is not None:  # opened by Pillow, not by the caller
                self.fp.close()
                self.fp = None
        return Image.Image.load(self)


def register() -> None:
    """Makes Pillow open and save `.l3c` files."""
    Image.register_open(FORMAT, L3CImageFile, lambda prefix: prefix.startswith(START))
    Image.register_save(FORMAT, _save)
    Image.register_extension(FORMAT, SUFFIX)
    Image.register_mime(FORMAT, "image/x-l3c")


def _save(image: Image.Image, file: IO[bytes], filename: str | bytes) -> None:
    """Writes the image with its metadata, or that of `exif=`, `icc_profile=` and `xmp=`."""
    from l3c.api import encode
    from l3c.images.pillow import EXIF_PREFIX, INFO_KEYS, from_pil

    picture = from_pil(image)
    sections = dict(picture.sections)
    for section, key in INFO_KEYS.items():
        if key in image.encoderinfo:
            content = image.encoderinfo[key]
            content = content.tobytes() if isinstance(content, Image.Exif) else content
            content = content.encode() if isinstance(content, str) else content or b""
            sections[section] = content.removeprefix(EXIF_PREFIX)
    picture = replace(picture, sections={kind: data for kind, data in sections.items() if data})
    file.write(encode(picture, image.encoderinfo.get("model")))
