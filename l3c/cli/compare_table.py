"""What `l3c compare` found, as tables or JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from textwrap import shorten
from typing import Any

from l3c.bench.checks import failure_texts
from l3c.bench.compare import (
    DatasetDifference,
    MethodDifference,
    RunDifference,
    TimingDifference,
    resources,
)
from l3c.bench.difference import size_verdict, time_verdict
from l3c.bench.measure.other_load import noise_note
from l3c.bench.measure.provenance import SHORT
from l3c.bench.result_folder import ResultFolder
from l3c.bench.schema import failed, measured
from l3c.cli.report import print_json

Row = tuple[str, str, str, str]  # what, A, B, the verdict

_LISTED = 5  # names that a line gives before it says how many more there are
_SETTINGS = 64  # characters of settings that only one run has
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def print_difference(
    a: ResultFolder, b: ResultFolder, found: RunDifference, *, as_json: bool
) -> None:
    """Prints how run B differs from run A."""
    if as_json:
        print_json(_content(a, b, found))
        return
    for letter, folder in (("A", a), ("B", b)):
        print(f"{letter}: {folder.name} ({_origin(folder)})")
    for dataset in found.datasets:
        print()
        print("\n".join(_dataset_lines(dataset)))
    if found.timing:
        print()
        print("\n".join(_timing_lines(found.timing)))
    left = {
        "timing only in A": found.timing_only_a,
        "timing only in B": found.timing_only_b,
        "data sets only in A": found.datasets_only_a,
        "data sets only in B": found.datasets_only_b,
    }
    if any(left.values()):
        print()
    for what, names in left.items():
        if names:
            print(f"{what}: {_listed(names)}")
    for letter, folder in (("A", a), ("B", b)):
        for (name, key), text in failure_texts(folder.rows).items():
            print(f"in {letter}: {key} on {name} {text}")
        if noisy := noise_note(folder.rows, folder.timing):
            print(f"in {letter}: {noisy}")
    print()
    if not found.same_machine:
        print("A and B were measured on different machines or threads: their speeds tell of both\n")
    print("\n".join(_change_lines(found)))


def _origin(folder: ResultFolder) -> str:
    if folder.provenance is None:
        return "without provenance.json"
    return folder.provenance.short_id


def _dataset_lines(dataset: DatasetDifference) -> Iterator[str]:
    count = len(dataset.images)
    yield f"{dataset.dataset}: {count} image{'' if count == 1 else 's'} in both"
    yield from _aligned(list(_tables(dataset.methods)) if dataset.methods else [])
    if dataset.control_percent and any(dataset.control_percent):
        least, largest = dataset.control_percent
        yield ""
        yield f"  times of codecs that were not changed moved by {least:+.1f} to {largest:+.1f} %"
    left = {
        "methods only in A": dataset.methods_only_a,
        "methods only in B": dataset.methods_only_b,
        "images only in A": dataset.images_only_a,
        "images only in B": dataset.images_only_b,
        "left out, other pixels in B than in A": dataset.other_pixels,
    }
    if any(left.values()):
        yield ""
    yield from (f"  {what}: {_listed(names)}" for what, names in left.items() if names)


def _aligned(tables: Sequence[Sequence[Row]]) -> Iterator[str]:
    """Tables below each other: names and verdicts to the left, numbers to the right."""
    cells = [row for table in tables for row in table]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for table in tables:
        yield ""
        for name, a, b, verdict in table:
            yield f"  {name:<{widths[0]}}  {a:>{widths[1]}}  {b:>{widths[2]}}  {verdict}"


def _timing_lines(timing: Sequence[TimingDifference]) -> Iterator[str]:
    """A table for each data set."""
    for dataset, items in groupby(timing, lambda item: item.dataset):
        table: list[Row] = [("ms per crop", "A", "B", "B is")]
        for item in items:
            seconds = item.seconds
            name = f"{item.method}, {item.direction}, {resources(item.device, item.threads)}"
            a, b = map(_milliseconds, (seconds.a, seconds.b))
            table.append((name, a, b, time_verdict(seconds, "crop")))
        yield f"{dataset}: timing of crops, medians of repeated runs"
        yield from _aligned([table])


def _tables(methods: Sequence[MethodDifference]) -> Iterator[list[Row]]:
    """Sizes, then times, each with its head."""
    for column, title, shown, verdict in (
        ("bpsp", "bpsp", "{:.3f}".format, size_verdict),
        ("encode_s", "encode ms", _milliseconds, time_verdict),
        ("decode_s", "decode ms", _milliseconds, time_verdict),
    ):
        lines: list[Row] = [(title, "A", "B", "B is")]
        for method in methods:
            change = getattr(method, column)
            lines.append((method.method, shown(change.a), shown(change.b), verdict(change)))
        yield lines


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.0f}" if seconds >= 0.1 else f"{1000 * seconds:.3g}"


def _change_lines(found: RunDifference) -> Iterator[str]:
    yield "changed from A to B" if found.changes else "nothing that is known was changed"
    for section, items in groupby(found.changes, lambda change: change.section):
        yield f"  {section}"
        for change in items:
            yield f"    {change.what}: {_short(change.a)} -> {_short(change.b)}"
    for name, sections in found.not_compared.items():
        yield f"  not compared, since {name} does not say: {', '.join(sections)}"


def _short(value: str | None) -> str:
    if value is None:
        return "none"
    if value.startswith("{"):
        return shorten(value, _SETTINGS, placeholder=" ...")
    return value[:SHORT] if _HASH.fullmatch(value) else value


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {more} more" if more > 0 else "")


def _content(a: ResultFolder, b: ResultFolder, found: RunDifference) -> dict[str, Any]:
    return {
        "command": "compare",
        "a": _folder(a),
        "b": _folder(b),
        "datasets": [_dataset_content(dataset) for dataset in found.datasets],
        "datasets_only_a": found.datasets_only_a,
        "datasets_only_b": found.datasets_only_b,
        "timing": [_timing_content(item) for item in found.timing],
        "timing_only_a": found.timing_only_a,
        "timing_only_b": found.timing_only_b,
        "changes": [asdict(change) for change in found.changes],
        "not_compared": found.not_compared,
        "exit_code": 0,
    }


def _folder(folder: ResultFolder) -> dict[str, Any]:
    stamp = folder.provenance.stamp if folder.provenance else None
    failures = failed(folder.rows)[["dataset", "key", "image", "reason"]]
    return {
        "folder": folder.name,
        "rows": len(measured(folder.rows)),
        "failed": failures.to_dict("records"),
        "provenance": stamp,
    }


def _dataset_content(dataset: DatasetDifference) -> dict[str, Any]:
    content = asdict(dataset) | {"control_percent": dataset.control_percent}
    for fields, method in zip(content["methods"], dataset.methods, strict=True):
        fields["bpsp"]["verdict"] = size_verdict(method.bpsp)
        fields["encode_s"]["verdict"] = time_verdict(method.encode_s)
        fields["decode_s"]["verdict"] = time_verdict(method.decode_s)
    return content


def _timing_content(item: TimingDifference) -> dict[str, Any]:
    content = asdict(item)
    content["seconds"]["verdict"] = time_verdict(item.seconds, "crop")
    return content
