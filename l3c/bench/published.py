"""Published values as data, results/published.csv, and the published data set beside each of ours.

A paper's values can be compared one by one only on the paper's images. On others the order of the
methods and the distances between them can be.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from l3c.data.datasets import DatasetSpec
from l3c.data.images import ManifestRow
from l3c.data.sources import ImageSet

UNVERIFIED = "unverified"  # shown beside every value whose confidence is not "primary"
SAMPLES = "S5.4"
"""Section of the paper whose example is the whole image, x sampled, x and z1 sampled, and on."""
SAME = "the published images."
STAND_IN = "other images than the published ones, so compare order and distances, not values."
"""What was measured beside published values, as the end of a sentence."""
_COLUMNS = "table,dataset,edition,method,quantity,value,unit,confidence,note"
_SPELLED = {"JPEG2000": "JPEG 2000"}  # methods that the tables here spell otherwise


class PublishedError(ValueError):
    """The file of published values is missing or not as documented."""


def read_published(path: Path) -> pd.DataFrame:
    """Reads the file, see `published_values`.

    Raises:
        PublishedError: naming the file and the reason.
    """
    try:
        return published_values(pd.read_csv(path, dtype=str, keep_default_na=False))
    except OSError as error:
        raise PublishedError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:
        raise PublishedError(f"{path}, {error}") from None


def published_values(table: pd.DataFrame | None = None) -> pd.DataFrame:
    """Completes the columns of the file, all of them texts; no values without a table.

    Returns:
        `table` or section of the paper, `dataset`, `edition`, `method`, `quantity`, `value` (a
        number), `unit`, `confidence` ("primary": read in the paper or the authors' README) and
        `note` as in the file; `printed`, the number with the digits it was published with; `label`,
        data set and edition as the configuration names them; `name`, the method normalized;
        `verified`, whether the confidence is primary.
    """
    found = pd.DataFrame(columns=_COLUMNS.split(","), dtype=str) if table is None else table
    if (columns := ",".join(map(str, found))) != _COLUMNS:
        raise ValueError(f"line 1: the columns are {columns}, not {_COLUMNS}")
    numbers = pd.to_numeric(found.value, errors="coerce").astype(float)
    for line in numbers.index[numbers.isna()]:
        raise ValueError(f"line {line + 2}: {found.value[line]!r} is no number")
    method = found.method.replace(_SPELLED)
    return found.assign(
        method=method,
        value=numbers,
        printed=found.value,
        label=found.dataset + " " + found.edition,
        name=method.map(normalize),
        verified=found.confidence == "primary",
    )


def editions(values: pd.DataFrame) -> list[str]:
    """Labels that hold whole-image bpsp of at least two methods, in the order of the file."""
    counts = values.label[values.quantity == "bpsp"].value_counts(sort=False)
    return [str(label) for label in counts.index[counts > 1]]


def bpsp_of(values: pd.DataFrame, label: str | None) -> pd.DataFrame:
    """Published bpsp of one edition by normalized name of the method, in the order of the file."""
    return values[(values.label == label) & (values.quantity == "bpsp")].set_index("name")


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


class Counterpart(NamedTuple):
    """The published data set beside one of ours.

    Attributes:
        label: published data set and edition, as in results/published.csv.
        same: ours has the published images, all of them and as they are; else it stands in.
    """

    label: str
    same: bool

    def beside(self, manifest: Iterable[ManifestRow]) -> Counterpart:
        """The same, given the manifest of our data set, which may lack published images."""
        dropped = any(row.status == "dropped" for row in manifest)
        return Counterpart(self.label, self.same and not dropped)


def find_counterparts(
    datasets: Mapping[str, DatasetSpec],
    published: Mapping[str, str],
    catalogue: Mapping[str, ImageSet],
    values: pd.DataFrame,
) -> dict[str, Counterpart]:
    """Key of our data set -> its counterpart, for those that have one.

    Args:
        datasets: those of the configuration.
        published: key of a data set -> label of a published one.
        catalogue: image sets that can be downloaded.
        values: all published ones.
    """
    names = dict(zip(values.label, values.dataset, strict=True))
    found = {}
    for key, label in published.items():
        spec = datasets[key]
        image_set = None if spec.prepare or spec.limit else catalogue.get(spec.source)
        same = image_set is not None and image_set.published_as in (names[label], label)
        found[key] = Counterpart(label, same)
    return found


NO_VALUES = published_values()
