"""Published figures as data: results/published.csv, one value per line."""

from __future__ import annotations

import csv
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# Label shown beside every value whose confidence is not "primary".
UNVERIFIED = "unverified"
SAMPLES = "S5.4"  # section of the paper that samples images
# Methods that the file spells otherwise than the tables here do.
_SPELLED = {"JPEG2000": "JPEG 2000"}


class PublishedError(ValueError):
    """The file of published values is missing or not as documented."""


@dataclass(frozen=True)
class PublishedValue:
    """One figure of a paper.

    Attributes:
        table: table or section it stands in.
        dataset, edition: what it was measured on, and in which version of the paper.
        method: as named there, in the spelling of this project.
        quantity, unit: e.g. bpsp.
        value: the number.
        confidence: "primary" (read in the paper's appendix or the authors' README) or "unverified".
        note: remark, may be empty.
        text: the number as it is written in the file, "" for values from elsewhere.
    """

    table: str
    dataset: str
    edition: str
    method: str
    quantity: str
    value: float
    unit: str
    confidence: str
    note: str
    text: str = ""

    @property
    def label(self) -> str:
        """Data set and edition, as the configuration names them."""
        return f"{self.dataset} {self.edition}"

    @property
    def printed(self) -> str:
        """The number with the digits it was published with."""
        return self.text or f"{self.value:g}"

    @property
    def verified(self) -> bool:
        """Whether somebody read the value in the source."""
        return self.confidence == "primary"


def read_published(path: Path) -> list[PublishedValue]:
    """Reads the file.

    Raises:
        PublishedError: naming the file, the line and the reason.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise PublishedError(f"{path}: cannot be read ({error.strerror})") from None
    values = []
    for number, line in enumerate(csv.DictReader(text.splitlines()), start=2):
        try:
            written = {"value": float(line["value"]), "text": line["value"]}
            method = _SPELLED.get(line["method"], line["method"])
            values.append(PublishedValue(**{**line, **written, "method": method}))  # type: ignore[arg-type]
        except (KeyError, TypeError, ValueError) as error:
            raise PublishedError(f"{path}, line {number}: {error}") from None
    return values


def editions(values: Sequence[PublishedValue]) -> list[str]:
    """Labels that hold whole-image bpsp of at least two methods, in the order of the file."""
    labels = [value.label for value in values if value.quantity == "bpsp"]
    return [label for label in dict.fromkeys(labels) if labels.count(label) > 1]


def bpsp_of(values: Sequence[PublishedValue], label: str | None) -> dict[str, PublishedValue]:
    """Published bpsp of one edition, keyed by `normalize(method)`, in the order of the file."""
    return {
        normalize(value.method): value
        for value in values
        if value.label == label and value.quantity == "bpsp"
    }


def samples_of(values: list[PublishedValue]) -> list[PublishedValue]:
    """The paper's own example: the whole image, x sampled, x and z1 sampled, and on."""
    return [value for value in values if value.table == SAMPLES]


def published_name(
    key: str, method: str, published_as: Mapping[str, str], published: Collection[str]
) -> str:
    """Under which normalized name a method was published, "" if it was not.

    Args:
        key: of the method. A learned one is known by it: its row in the paper fixes the key.
        method: label of the method, by which a codec is known.
        published_as: key -> name, for methods that neither key nor label gives away.
        published: normalized names.
    """
    names = (published_as[key],) if key in published_as else (key, method)
    return next((name for name in map(normalize, names) if name in published), "")


def normalize(name: str) -> str:
    """Name of a method without case, spaces and signs: "JPEG 2000" and "JPEG2000" are one."""
    return "".join(letter for letter in name.lower() if letter.isalnum())
