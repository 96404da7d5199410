"""Rows of all images -> one summary per data set and method, with the published value beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from l3c.evaluation.bootstrap import Interval, mean_interval
from l3c.evaluation.published import PublishedValue, normalize, published_name
from l3c.evaluation.rows import FailedRow, MethodRecord, ResultRow

# The method every other one is compared with, where it was measured; a normalized name.
REFERENCE = "l3c"


@dataclass(frozen=True)
class Totals:
    """What was measured for one method on one data set.

    Attributes:
        images: how many came back exactly; others are not among them.
        mean_bpsp: mean over images of each image's bpsp.
        mean_interval: of `mean_bpsp`, bootstrap; None for too few images.
        total_bpsp: all bits over all sub-pixels.
        theory_bpsp: cross-entropy in bits over all sub-pixels; None for classical codecs.
        gap_percent: file bits above the cross-entropy, in percent of it.
        encode_s, decode_s: mean seconds per image.
        encode_mb_s, decode_mb_s: 10^6 bytes of raw pixels over seconds, all images together.
        threads: what the method was given.
        in_process: False where an external program does the work, and times include the way to it.
    """

    images: int
    mean_bpsp: float
    mean_interval: Interval | None
    total_bpsp: float
    theory_bpsp: float | None
    gap_percent: float | None
    encode_s: float
    decode_s: float
    encode_mb_s: float
    decode_mb_s: float
    threads: int
    in_process: bool


@dataclass(frozen=True)
class Summary:
    """One row of the comparison.

    Attributes:
        key: of the method; "" for one that was only published.
        method: label.
        totals: None if it was not measured here.
        reason: why it was not, "" if it was.
        failed: on which images it failed; the totals are over the others.
        published: bpsp of the chosen edition, None where it has none.
        vs_reference: mean bpsp over the reference's, in percent above it; ours against ours. None
            where one of the two failed on an image: their means are over different ones.
        published_vs_reference: the same, published against published.
        version, settings: of the method; "" if it was not measured.
    """

    key: str
    method: str
    totals: Totals | None
    reason: str
    published: PublishedValue | None
    vs_reference: float | None
    published_vs_reference: float | None
    version: str
    settings: str
    failed: tuple[FailedRow, ...] = ()


def summarize(
    rows: Sequence[ResultRow],
    records: Sequence[MethodRecord],
    published: Mapping[str, PublishedValue],
    dataset: str,
    published_as: Mapping[str, str],
    failed: Sequence[FailedRow] = (),
) -> list[Summary]:
    """Summaries of one data set: the methods in the order of `records`, then those only published.

    Args:
        rows: of any data sets.
        records: of any data sets; one for each method that was to be measured.
        published: bpsp by normalized method name (`published.bpsp_of`).
        dataset: key of the data set.
        published_as: key -> name in the paper, for methods that are called otherwise here.
        failed: of any data sets.
    """
    failures = {
        record.key: tuple(f for f in failed if (f.dataset, f.key) == (dataset, record.key))
        for record in records
    }
    measured = {
        record.key: totals([r for r in rows if (r.dataset, r.key) == (dataset, record.key)])
        for record in records
        if record.dataset == dataset
    }
    ours = next((key for key in measured if is_reference(key, published_as)), None)
    reference = _comparable(measured, failures, ours)
    theirs = published.get(REFERENCE)
    summaries = []
    named: set[str] = set()
    for record in (record for record in records if record.dataset == dataset):
        name = published_name(record.key, record.method, published_as, published)
        named.add(name)
        found = published.get(name)
        result = measured[record.key]
        summaries.append(
            Summary(
                key=record.key,
                method=record.method,
                totals=result,
                reason=record.reason,
                published=found,
                vs_reference=percent_above(_comparable(measured, failures, record.key), reference),
                published_vs_reference=percent_above(_value(found), _value(theirs)),
                version=record.version,
                settings=record.settings,
                failed=failures[record.key],
            )
        )
    for name, value in published.items():
        if name not in named:
            above = percent_above(value.value, _value(theirs))
            reason = "published only; not among the methods of this run"
            summaries.append(Summary("", value.method, None, reason, value, None, above, "", ""))
    return summaries


def is_reference(key: str, published_as: Mapping[str, str]) -> bool:
    """Whether a method is the one that others are compared with."""
    return normalize(published_as.get(key, key)) == REFERENCE


def totals(rows: Sequence[ResultRow]) -> Totals | None:
    """Totals over the rows of one method on one data set; None without rows."""
    if not rows:
        return None
    raw_bytes = sum(3 * row.height * row.width for row in rows)
    bits = 8 * sum(row.num_bytes for row in rows)
    theory = [row.bits_theory for row in rows if row.bits_theory is not None]
    theory_bits = sum(theory) if len(theory) == len(rows) else None
    encode_s, decode_s = (
        sum(getattr(row, name) for row in rows) for name in ("encode_s", "decode_s")
    )
    return Totals(
        images=len(rows),
        mean_bpsp=sum(row.bpsp for row in rows) / len(rows),
        mean_interval=mean_interval([row.bpsp for row in rows]),
        total_bpsp=bits / raw_bytes,
        theory_bpsp=None if theory_bits is None else theory_bits / raw_bytes,
        gap_percent=None if theory_bits is None else 100 * (bits / theory_bits - 1),
        encode_s=encode_s / len(rows),
        decode_s=decode_s / len(rows),
        encode_mb_s=_rate(raw_bytes, encode_s),
        decode_mb_s=_rate(raw_bytes, decode_s),
        threads=max(row.threads for row in rows),
        in_process=all(row.in_process for row in rows),
    )


def _comparable(
    measured: Mapping[str, Totals | None],
    failures: Mapping[str, Sequence[FailedRow]],
    key: str | None,
) -> float | None:
    """Mean bpsp of a method that was measured on all images."""
    result = measured[key] if key is not None else None
    return None if result is None or key is None or failures[key] else result.mean_bpsp


def _value(published: PublishedValue | None) -> float | None:
    return None if published is None else published.value


def percent_above(value: float | None, reference: float | None) -> float | None:
    """How far a value lies above the reference's, in percent of that; None without either."""
    if value is None or not reference:
        return None
    return 100 * (value / reference - 1)


def _rate(num_bytes: int, seconds: float) -> float:
    """MB/s; a clock too coarse to see the work gives infinity."""
    return num_bytes / 1e6 / seconds if seconds > 0 else float("inf")
