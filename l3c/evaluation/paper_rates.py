"""Sections of the paper's tables that hold bits per sub-pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from l3c.evaluation.bootstrap import mean_interval
from l3c.evaluation.paper_lines import NOT_A_METHOD, Line, Measured
from l3c.evaluation.published import PublishedValue, normalize, published_name
from l3c.evaluation.rows import FailedRow, MethodRecord, ResultRow, failure_texts
from l3c.evaluation.summary import REFERENCE, is_reference, percent_above
from l3c.evaluation.timing_rows import TOTAL, TimingRow


@dataclass(frozen=True)
class Rated:
    """A method and the sizes of its files.

    Attributes:
        key, method: of the method.
        sizes: of each image, bits and sub-pixels.
        reason: why there are none, or none of some images.
        theory: cross-entropy of each image in bits; None where there is no model.
    """

    key: str
    method: str
    sizes: tuple[tuple[int, int], ...]
    reason: str = ""
    theory: tuple[float | None, ...] = ()

    def measured(self) -> Measured | None:
        """Mean, its interval, and the total; None without images."""
        if not self.sizes:
            return None
        bpsp = [bits / sub_pixels for bits, sub_pixels in self.sizes]
        total = sum(bits for bits, _ in self.sizes) / sum(count for _, count in self.sizes)
        theory = [
            bits / sub_pixels
            for bits, (_, sub_pixels) in zip(self.theory, self.sizes, strict=False)
            if bits is not None
        ]
        return Measured(
            sum(bpsp) / len(bpsp),
            mean_interval(bpsp),
            len(bpsp),
            total,
            theory=sum(theory) / len(theory) if len(theory) == len(bpsp) else None,
        )


def rated_images(
    rows: Sequence[ResultRow],
    records: Sequence[MethodRecord],
    dataset: str,
    failed: Sequence[FailedRow] = (),
) -> list[Rated]:
    """The methods of a data set with the files of its whole images."""
    texts = failure_texts(failed, rows)
    rated = []
    for record in records:
        if record.dataset == dataset:
            of = (dataset, record.key)
            own = [row for row in rows if (row.dataset, row.key) == of]
            sizes = tuple((8 * row.num_bytes, 3 * row.height * row.width) for row in own)
            theory = tuple(row.bits_theory for row in own)
            reason = record.reason or texts.get(of, "")
            rated.append(Rated(record.key, record.method, sizes, reason, theory))
    return rated


def rated_crops(timing: Sequence[TimingRow]) -> list[Rated]:
    """The methods that were timed with the files of the crops, each crop once."""
    sizes: dict[tuple[str, str], dict[str, tuple[int, int]]] = {}
    for row in timing:
        if (row.stage, row.direction) == (TOTAL, "encode"):
            crops = sizes.setdefault((row.key, row.method), {})
            crops.setdefault(row.image, (8 * row.num_bytes, 3 * row.height * row.width))
    return [Rated(key, method, tuple(crops.values())) for (key, method), crops in sizes.items()]


def rate_lines(
    published: Sequence[PublishedValue], ours: Sequence[Rated], published_as: Mapping[str, str]
) -> tuple[Line, ...]:
    """The paper's methods in its order, then those it does not have.

    Args:
        published: bpsp of one data set and edition.
        ours: methods of the data set that stands beside it; none where there is no such.
        published_as: key -> name in the paper, for methods that are called otherwise here.
    """
    values = {normalize(value.method): value for value in published}
    theirs = values[REFERENCE].value if REFERENCE in values else None
    results = {rated.key: rated.measured() for rated in ours}
    means = [
        results[rated.key]
        for rated in ours
        if is_reference(rated.key, published_as) and not rated.reason
    ]
    reference = next((result.value for result in means if result), None)

    def line(rated: Rated, value: PublishedValue | None) -> Line:
        result = results[rated.key]
        if result and not rated.reason:  # else its mean is over other images
            result = replace(result, vs_reference=percent_above(result.value, reference))
        above = percent_above(value.value, theirs) if value else None
        return Line(rated.method, value, above, (result,), rated.reason)

    names = {r.key: published_name(r.key, r.method, published_as, values) for r in ours}
    absent = NOT_A_METHOD if ours else ""
    lines = []
    for name, value in values.items():
        matching = [line(rated, value) for rated in ours if names[rated.key] == name]
        above = percent_above(value.value, theirs)
        lines += matching or [Line(value.method, value, above, (None,), absent)]
    return (*lines, *(line(rated, None) for rated in ours if not names[rated.key]))
