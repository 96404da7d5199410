"""Real photographs that come inside packages which are installed anyway.

The split is by scene, so that no test pixel was trained on: both pictures of the stereo pair train.
Licences are as the packages state them: scikit-learn in the README.txt beside its images,
scikit-image in the docstrings of `skimage.data`.
"""

from __future__ import annotations

import importlib.resources
from pathlib import Path
from typing import Literal, NamedTuple

from l3c.data.errors import DatasetError
from l3c.data.sources import Photo

_INSTALL = {"skimage": "scikit-image", "sklearn": "scikit-learn"}  # others are called as they are
_NASA = "public domain (NASA)"
_TEMPLE = "CC BY 2.0, danielbuechele (flickr.com/photos/danielbuechele/6061409035)"
_FLOWER = "CC BY 2.0, vultilion (flickr.com/photos/vultilion/6056698931)"
_STEREO = (
    "Middlebury 2014 stereo benchmark, Scharstein et al., GCPR 2014; "
    "no licence stated in scikit-image"
)
_NO_RIGHTS = "no known copyright restrictions (Center for Microscopy and Molecular Imaging)"
_UNSTATED = (
    "no licence stated in matplotlib; its source is commons.wikimedia.org/wiki/"
    "File:Grace_Hopper.jpg"
)


class EmbeddedPhoto(NamedTuple):
    """A photograph inside a package: what it shows, where it is, and under which licence."""

    subset: Literal["train", "test"]
    scene: str
    file: str
    licence: str


EMBEDDED = (
    EmbeddedPhoto("train", "astronaut", "skimage/data/astronaut.png", _NASA),
    EmbeddedPhoto("train", "motorcycle", "skimage/data/motorcycle_left.png", _STEREO),
    EmbeddedPhoto("train", "motorcycle", "skimage/data/motorcycle_right.png", _STEREO),
    EmbeddedPhoto("train", "retina", "skimage/data/retina.jpg", "CC0 1.0, Mikael Häggström"),
    EmbeddedPhoto("train", "tissue", "skimage/data/ihc.png", _NO_RIGHTS),
    EmbeddedPhoto("train", "stars", "skimage/data/hubble_deep_field.jpg", _NASA),
    EmbeddedPhoto("train", "temple", "sklearn/datasets/images/china.jpg", _TEMPLE),
    EmbeddedPhoto(
        "train", "officer", "matplotlib/mpl-data/sample_data/grace_hopper.jpg", _UNSTATED
    ),
    EmbeddedPhoto("test", "cat", "skimage/data/chelsea.png", "CC0, Stefan van der Walt"),
    EmbeddedPhoto("test", "coffee", "skimage/data/coffee.png", "CC0, Rachel Michetti"),
    EmbeddedPhoto("test", "rocket", "skimage/data/rocket.jpg", "public domain (SpaceX)"),
    EmbeddedPhoto("test", "flower", "sklearn/datasets/images/flower.jpg", _FLOWER),
)


def embedded_photos(subset: Literal["train", "test"]) -> list[Photo]:
    """The embedded photographs of one subset.

    Raises:
        DatasetError: if a package or a file of it is missing, with the package to install.
    """
    return [_photo(one, Path(one.file).stem) for one in EMBEDDED if one.subset == subset]


def embedded_photo(scene: str) -> Photo:
    """One of them by what it shows.

    Raises:
        DatasetError: none shows that; the message lists the scenes. Or as `embedded_photos`.
    """
    for one in EMBEDDED:
        if one.scene == scene:
            return _photo(one, scene)
    scenes = ", ".join(dict.fromkeys(one.scene for one in EMBEDDED))
    raise DatasetError(f'no embedded photograph is called "{scene}"; there are: {scenes}')


def _photo(one: EmbeddedPhoto, name: str) -> Photo:
    package, _, file = one.file.partition("/")
    try:
        path = Path(str(importlib.resources.files(package))) / file
        path.stat()
    except (ModuleNotFoundError, OSError):
        raise DatasetError(
            f"embedded photograph {one.file}: not in the installed "
            f"{_INSTALL.get(package, package)}; install it, or another version"
        ) from None
    return Photo(name, path, one.file, one.licence)
