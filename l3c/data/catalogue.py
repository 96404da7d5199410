"""The image sets of the field that can be downloaded: config/datasets.tsv, one row each.

Its columns are the attributes of an `ImageSet`; URLs and checksums are separated by spaces, and
{0..2} in a URL stands for 0, 1, 2.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, ValidationError, field_validator, model_validator

from l3c.data import DatasetError
from l3c.settings import FrozenSettings, problems

FILES = "files"  # folder of the images of a set, as they were published
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_CHECKSUM = "(?i)^(sha256:[0-9a-f]{64}|sha1:[0-9a-f]{40}|md5:[0-9a-f]{32})$"
Checksum = Annotated[str, StringConstraints(pattern=_CHECKSUM)]


class ImageSet(FrozenSettings):
    """A row of the catalogue.

    Attributes:
        name: by which configurations call it.
        title: with the edition.
        licence: one line.
        urls: archives, image files, or one archive with a list.
        checksums: of each URL, "sha256:...", "sha1:..." or "md5:..."; none where not known.
        gb: about what is downloaded, in 10^9 bytes.
        images: about how many.
        images_from: column of the list, in a CSV file, that holds the URLs of the images; or "".
        published_as: name of this data set in results/published.csv, alone or with an edition,
            where results were published on these very images; or "".
    """

    name: str
    title: str = ""
    licence: str = ""
    urls: tuple[str, ...] = Field(min_length=1)
    checksums: tuple[Checksum, ...] = ()
    gb: float = 0.0
    images: int = 0
    images_from: str = ""
    published_as: str = ""

    @field_validator("urls", "checksums", mode="before")
    @classmethod
    def _split(cls, cell: Any) -> Any:
        return [url for each in cell.split() for url in expand(each)] if type(cell) is str else cell

    @model_validator(mode="after")
    def _a_checksum_for_each(self) -> Self:
        if self.checksums and len(self.checksums) != len(self.urls):
            raise ValueError(f"{len(self.urls)} URLs, {len(self.checksums)} checksums")
        return self

    def fetched(self) -> dict[str, Any]:
        """What decides which files are fetched, as arguments of an image set."""
        return self.model_dump(include={"name", "urls", "checksums", "images_from"}, mode="json")


def read_catalogue(path: Path) -> dict[str, ImageSet]:
    """Name -> image set.

    Raises:
        DatasetError: the file is missing, or a row of it is not as described above.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            if reader.fieldnames != list(ImageSet.model_fields):
                raise DatasetError(f"{path}: columns are not {', '.join(ImageSet.model_fields)}")
            return {row["name"]: ImageSet.model_validate(row) for row in reader}
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror})") from None
    except ValidationError as error:
        raise DatasetError(
            f"{path}, line {reader.line_num}: {'; '.join(problems(error))}"
        ) from None


def expand(pattern: str) -> list[str]:
    """`a{08..10}` -> `a08`, `a09`, `a10`."""
    found = _RANGE.search(pattern)
    if not found:
        return [pattern]
    first, last = found.groups()
    numbers = (f"{number:0{len(first)}d}" for number in range(int(first), int(last) + 1))
    return [one for n in numbers for one in expand(pattern.replace(found.group(), n, 1))]
