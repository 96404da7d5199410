"""What is stored of images whose finer scales were sampled (L3C Sec. 5.4)."""

from __future__ import annotations

from l3c.bench.published import samples_of
from l3c.bench.run import Run
from l3c.bench.tables.layout import Table, table


@table("samples", "What samples store, in numbers", formats=("csv",), learned=True)
def samples(run: Run) -> Table:
    """The paper's example is of another image and model: only the order compares."""
    data = run.samples[["dataset", "model", "image", "sampled", "stored"]]
    data = data.join(run.samples[["bpsp", "uniform_bpsp"]].round(6))
    sampled = [len(names.split()) for names in data.sampled]
    beside = samples_of(run.published).reset_index(drop=True).reindex(sampled)
    return Table(
        "What samples store",
        data=data.assign(
            published_bpsp=beside.value.to_numpy(), published_example=beside.label.to_numpy()
        ),
    )
