"""Bytes and seconds of decoding in integers against the float network, by scale."""

from __future__ import annotations

import pandas as pd

from l3c.bench.run import Run
from l3c.bench.tables.layout import Section, Table, fixed, percent, table
from l3c.bench.tables.methods import machines
from l3c.messages import counted


@table("integer_cost", "What integers cost", formats=("md", "csv"), learned=True)
def integer_cost(run: Run) -> Table:
    """A section for each data set; the CSV has percent and ratio."""
    labels, timed = run.labels(), run.cost.float_s > 0
    data = run.cost.assign(
        bytes_percent=100 * (run.cost.integer_bytes / run.cost.float_bytes - 1),
        time_ratio=run.cost.integer_s / run.cost.float_s.where(timed),
    )
    cells = pd.DataFrame(
        {
            "Model": data.model.map(lambda key: labels.get(key, key)),
            "scale": data.scale,
            "float32, bytes": data.float_bytes.map("{:,}".format),
            "integer, bytes": data.integer_bytes.map("{:,}".format),
            "more": data.bytes_percent.map(lambda value: percent(value, 3)),
            "float32, s": data.float_s.where(timed).map(lambda value: fixed(value, 4)),
            "integer, s": data.integer_s.where(timed).map(lambda value: fixed(value, 4)),
            "ratio": data.time_ratio.map(lambda value: fixed(value, 2)),
        }
    )
    groups = data.groupby("dataset", sort=False)
    return Table(
        title="What integers cost",
        sections=[
            Section(
                f"{name}, {counted(rows.images.iloc[0], 'image')}", cells.loc[rows.index], left=2
            )
            for name, rows in groups
        ],
        data=data,
        notes=[
            "Bytes are those of the streams of each scale, for the first images of a data set; "
            "the coarsest scale has a uniform CDF in both.",
            "Seconds are those of predicting the mixture parameters of that scale on the CPU, "
            "medians of runs in which both take turns. Both networks predict the same parameters.",
            *(machines(data) or ["No measured model has integers."]),
        ],
    )
