"""The Python API: images to `.l3c` bytes and back.

In two calls, or with a model that stays open:

    data = l3c.encode(image)             # NumPy array, Pillow image or torch tensor
    assert (l3c.decode(data) == image).all()

    model = l3c.open_model("models/mine.safetensors", device="cuda")
    files = model.encode_batch(images)   # one file each
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image

from l3c import coding, lossy
from l3c.images.picture import Picture
from l3c.images.pillow import from_pil, to_pil
from l3c.models import zoo
from l3c.models.tile_codec import Arithmetic, Kind, TileCodec
from l3c.tile_coding import Choice

if TYPE_CHECKING:
    import torch

Output = Literal["numpy", "pil", "torch"]
Region = tuple[int, int, int, int]
"""x, y, width, height."""


def encode(
    image: Any, model: Model | str | Path | None = None, *, choice: str = Choice.SMALLEST
) -> bytes:
    """Compresses one image with the model that comes with the package, or another.

    Args:
        image: see `Model.encode`.
        model: an opened model, the name of a released one, or the path of a `.safetensors` file.
        choice: see `Model.encode`.
    """
    return _model(model).encode(image, choice=choice)


def decode(
    data: bytes,
    *,
    as_pil: bool = False,
    region: Region | None = None,
    model: Model | str | Path | None = None,
) -> Any:
    """Inverse of `encode`; see `Model.decode`. The model is found by its identity in the file."""
    return _model(model).decode(data, "pil" if as_pil else "numpy", region=region)


def open_model(
    model: str | Path | None = None, device: str = "auto", arithmetic: Kind | None = None
) -> Model:
    """A model to encode and decode with.

    Args:
        model: the name of a released model, or the path of a `.safetensors` file with its card.
        device: "auto", "cpu" or "cuda".
        arithmetic: of files to write: "integer", which decode exactly everywhere; "float", which
            other machines decode to the same pixels or to an error; by default integers where the
            model has them, see `Model.arithmetic`.

    Raises:
        l3c.models.zoo.ModelError: no such model, or one that cannot be used.
        ValueError: no such device here, or no such arithmetic.
    """
    opened = Model(model, device, arithmetic)
    opened.identity  # noqa: B018 - fails now rather than at the first image
    return opened


@dataclass(frozen=True)
class Model:
    """A model, opened when the first image or file needs it. Use `open_model`."""

    source: str | Path | None
    device: str = "auto"
    wanted: Kind | None = None

    @property
    def identity(self) -> bytes:
        """The eight bytes by which files name the model."""
        return self.codec.identity

    @property
    def arithmetic(self) -> Kind:
        """Of files that it writes."""
        return self.codec.arithmetic.kind

    def encode(
        self, image: Any, *, tile_side: int | None = None, choice: str = Choice.SMALLEST
    ) -> bytes:
        """The `.l3c` file of one image.

        Args:
            image: a NumPy array, uint8 or uint16, (H, W) or (H, W, C): grey, grey + alpha, RGB or
                RGBA in 8 bits, grey or RGB in 16; a Pillow image, whose profile, EXIF and XMP
                are kept (`l3c.images.pillow.from_pil(image).losses` names what is not); or a uint8
                torch tensor (3, H, W).
            tile_side: 8..1024; the image is cut into tiles of at most the pixels of a square of
                this side, which are coded alone. Memory grows with it, the file shrinks. By default
                tiles have up to 2^19 pixels.
            choice: what codes RGB: the "smallest" of network and fallback, as the command does; or
                the "network" alone.

        Raises:
            l3c.images.picture.PictureError: an image of another kind, by name.
            ValueError: no such tile, or no such choice.
        """
        picture, choice = _picture(image), Choice(choice)
        codec = self.codec if coding.uses_network(picture.mode) else None
        return coding.encode_picture(picture, codec, choice=choice, tile_side=tile_side)

    def encode_batch(self, images: Iterable[Any] | torch.Tensor) -> list[bytes]:
        """One file for each image: of a tensor (N, 3, H, W), an array (N, H, W, C), or a list.

        They are the bytes that `encode` gives. In integers the network codes small images of one
        size together, which is several times faster than one by one.
        """
        pictures = [_picture(image) for image in images]
        needed = any(coding.uses_network(picture.mode) for picture in pictures)
        return coding.encode_pictures(pictures, self.codec if needed else None)

    def decode(self, data: bytes, output: Output = "numpy", *, region: Region | None = None) -> Any:
        """The image of a `.l3c` file, compared with the checksums of the original.

        Args:
            data: the whole file.
            output: "numpy": uint8 or uint16 (H, W, C), of palette images the indices; "pil": a
                Pillow image with palette, profile and metadata; "torch": a tensor (C, H, W).
            region: x, y, width, height of the part to decode.

        Raises:
            coder.CoderError: one of its classes says what is wrong with the file.
        """
        inside = None if region is None else (region[1], region[0], region[3], region[2])
        return _as(output, coding.decode_picture(_bytes(data), self.find_codec, region=inside))

    def decode_batch(self, files: Iterable[bytes], output: Output = "numpy") -> list[Any]:
        """The image of each file, as `decode` gives it; small ones of one size are done together.

        Raises:
            coder.CoderError: what is wrong with one of the files.
        """
        pictures = coding.decode_pictures([_bytes(data) for data in files], self.find_codec)
        return [_as(output, picture) for picture in pictures]

    def encode_lossy(self, image: Any) -> bytes:
        """The `.l3y` file of one RGB image, which decodes to a reconstruction.

        Args:
            image: as for `encode`, 8 bits without alpha.

        Raises:
            l3c.models.tile_codec.UnsupportedError: the model is lossless.
            l3c.images.picture.PictureError: an image of another kind.
        """
        return lossy.encode_lossy(_picture(image), lossy.lossy_codec(self.codec))

    def decode_lossy(self, data: bytes, output: Output = "numpy") -> Any:
        """The reconstruction of a `.l3y` file; the model is found by its identity in the file.

        Args:
            data: the whole file.
            output: as for `decode`.

        Raises:
            coder.CoderError: one of its classes says what is wrong with the file.
        """
        return _as(output, lossy.decode_lossy(_bytes(data), self.find_codec))

    @property
    def codec(self) -> TileCodec:
        """What codes tiles with it."""
        return zoo.open_codec(self.source, self.device, self.wanted)

    def find_codec(self, identity: bytes, arithmetic: Arithmetic) -> TileCodec:
        """The codec that a file was written with: this model's, or a released one's."""
        more = () if self.source is None else (self.source,)
        return zoo.find_codec(identity, arithmetic, self.device, more)


def _model(model: Model | str | Path | None) -> Model:
    return model if isinstance(model, Model) else Model(model)


def _bytes(data: Any) -> bytes:
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise TypeError(f"expected the bytes of a file, got {type(data).__name__}")
    return bytes(data)


def _as(output: Output, picture: Picture) -> Any:
    if output == "pil":
        return to_pil(picture)
    if output == "torch":
        import torch

        return torch.from_numpy(picture.samples.transpose(2, 0, 1).copy())
    return picture.samples


def _picture(image: Any) -> Picture:
    if isinstance(image, Picture):
        return image
    if isinstance(image, (str, bytes, Path)):
        raise TypeError("expected an image, got a path or bytes: open it with PIL.Image.open")
    if isinstance(image, Image.Image):
        return from_pil(image)
    if hasattr(image, "detach") and hasattr(image, "permute"):  # a tensor, without importing torch
        if image.ndim != 3 or image.shape[0] not in (1, 3, 4):
            raise ValueError(
                f"expected a tensor (C, H, W), got {tuple(image.shape)}; encode_batch takes batches"
            )
        image = image.detach().permute(1, 2, 0).cpu().contiguous().numpy()
    return Picture.from_array(np.asarray(image))
