"""The published data set beside each of ours, and whether ours is that very one.

A paper's values can be compared one by one only on the paper's images. On others the order of the
methods and the distances between them can be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import pandas as pd

from l3c.data.catalogue import ImageSet
from l3c.data.datasets import DatasetSpec
from l3c.data.manifest import ManifestRow


@dataclass(frozen=True)
class Counterpart:
    """The published data set beside one of ours.

    Attributes:
        label: published data set and edition, as in results/published.csv.
        same: ours has the published images, all of them and as they are; else it stands in.
        title: of our images, with their edition; "" for images that have no title.
    """

    label: str
    same: bool
    title: str

    def beside(self, manifest: Iterable[ManifestRow]) -> Counterpart:
        """The same, given the manifest of our data set, which may lack published images."""
        dropped = sum(row.status == "dropped" for row in manifest)
        if not self.same or not dropped:
            return self
        return replace(self, same=False, title=f"{self.title}, {dropped} left out")

    @property
    def words(self) -> str:
        """How to compare, as the end of a sentence."""
        if self.same:
            return "the images measured here"
        return "other images than those measured here: compare order and distances, not values"


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
        spec, same, title = datasets[key], False, ""
        if image_set := catalogue.get(spec.source):
            changes = ["scaled"] if spec.prepare else []
            changes += [f"{spec.limit} images of it"] if spec.limit else []
            same = image_set.published_as in (names[label], label) and not changes
            title = ", ".join([image_set.title, *changes])
        found[key] = Counterpart(label, same, title)
    return found
