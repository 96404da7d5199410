"""What decoding in integers costs against the float network, by scale."""

from __future__ import annotations

import pandas as pd

from l3c.bench.run import Run
from l3c.bench.tables.layout import Section, Table, counted, fixed, percent
from l3c.bench.tables.registry import table


@table("integer_cost", "What integers cost", formats=("md", "csv"), learned=True)
def integer_cost(run: Run) -> Table:
    """A section for each data set; the CSV has percent and ratio."""
    cost = run.cost
    more = 100 * (cost.integer_bytes / cost.float_bytes - 1)
    ratio = cost.integer_s / cost.float_s.where(cost.float_s > 0)
    spent = [cost[name].where(cost.float_s > 0) for name in ("float_s", "integer_s")]
    labels = run.labels()
    cells = pd.DataFrame(
        {
            "Model": [labels.get(key, key) for key in cost.model],
            "scale": cost.scale,
            "float32, bytes": [f"{count:,}" for count in cost.float_bytes],
            "integer, bytes": [f"{count:,}" for count in cost.integer_bytes],
            "more": [percent(value, 3) for value in more],
            "float32, s": [fixed(value, 4) for value in spent[0]],
            "integer, s": [fixed(value, 4) for value in spent[1]],
            "ratio": [fixed(value, 2) for value in ratio],
        },
        index=cost.index,
    )
    machines = dict.fromkeys(zip(cost.hardware, cost.environment, strict=True))
    return Table(
        title="What integers cost",
        sections=[
            Section(
                f"{name}, {counted(rows.images.iloc[0], 'image')}", cells.loc[rows.index], left=2
            )
            for name, rows in cost.groupby("dataset", sort=False)
        ],
        intro="" if len(cost) else "No measured model has integers.",
        data=cost.assign(bytes_percent=more.round(4), time_ratio=ratio.round(4)),
        notes=[
            "* Bytes of the streams of each scale, of the first images of a data set; the coarsest "
            "has a uniform CDF in both.",
            "* Seconds to predict the mixture parameters of that scale on the CPU, medians of runs "
            "in which both take turns. Both networks predict the same parameters.",
            *(f"* Measured on {hardware}; {versions}." for hardware, versions in machines),
        ],
    )
