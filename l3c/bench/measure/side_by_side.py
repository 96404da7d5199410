"""A few methods on a few images, measured as the workflow measures, without a workflow."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from baselines.registry import method_key
from l3c.bench.measure.files import Measurement, MethodFailedError, measure
from l3c.bench.measure.methods import MethodSource
from l3c.bench.measure.provenance import cores
from l3c.bench.schema import MethodRecord, ResultRow
from l3c.models.zoo import named_model

RELEASED = "released"  # the model that comes with the package


def measure_side_by_side(
    methods: Sequence[str | Path], images: Mapping[str, np.ndarray], repeats: int = 1
) -> tuple[list[ResultRow], list[MethodRecord]]:
    """Rows of every method, and the records that say which are not available here.

    Args:
        methods: keys of classical codecs, paths of Python files, or "released": the default model.
        images: name -> uint8 (H, W, 3).
        repeats: timed runs; the median counts.

    Raises:
        l3c.bench.measure.files.MethodFailedError: a method that did not give an image back.
    """
    rows, records = [], []
    with tempfile.TemporaryDirectory(prefix="l3c-") as folder:
        place = Measurement("images", Path(folder), Path(folder), cores(), repeats)
        for entry in map(str, methods):
            source = MethodSource(method_key(entry), entry)
            if entry == RELEASED:
                model = named_model()
                source = MethodSource(entry, entry, model.name, model.weights.resolve())
            with contextlib.redirect_stderr(io.StringIO()):  # bars
                measured = measure(source, images.items(), len(images), place)
            for row in measured.failed:
                raise MethodFailedError(row.key, row.dataset, row.image, row.reason)
            rows += measured.rows
            records.append(measured.record)
    return rows, records
