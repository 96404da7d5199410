"""Every table of the run, in all its formats."""

import json
from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.bench.lossy import LossyRow
    from l3c.bench.lossy import read_published as read_published_cpm
    from l3c.bench.measure.provenance import read_id, read_stamp
    from l3c.bench.published import Counterpart, read_published
    from l3c.bench.run import Run
    from l3c.bench.schema import (
        AsPublished,
        BatchRow,
        ResultRow,
        SampleRow,
        TimingRow,
        read,
        read_all,
        read_record,
    )
    from l3c.bench.tables import TABLES, write_table
    from l3c.data.images import read_manifest

    given, params = snakemake.input, snakemake.params
    manifests = {
        name: read_manifest(Path(path))
        for name, path in zip(params.used, given.manifests, strict=True)
    }
    cards = {
        key: json.loads(Path(path).read_text(encoding="utf-8"))
        for key, path in zip(params.models, given.cards, strict=True)
    }
    run = Run(
        rows=read(Path(given.rows), ResultRow),
        records=[read_record(Path(path)) for path in given.records],
        published=read_published(Path(given.published)),
        manifests=manifests,
        counterparts={
            name: Counterpart(**fields).beside(manifests[name])
            for name, fields in params.counterparts.items()
        },
        published_as=params.published_as,
        cards={key: cards[weights] for key, weights in params.trained_as.items()},
        trained_on=params.trained_on,
        timed_on=params.timed_on or "",
        timing=read_all(map(Path, given.timing), TimingRow),
        batches=read_all(map(Path, given.batches), BatchRow),
        as_published=read_all(map(Path, given.as_published), AsPublished),
        samples=read_all(map(Path, given.samples), SampleRow),
        lossy=read_all(map(Path, given.lossy), LossyRow),
        lossy_published=read_published_cpm(Path(given.published_cpm)),
    )
    provenance, folder = Path(given.provenance), Path(given.rows).parent / "tables"
    for name in params.names:
        write_table(TABLES[name], run, folder, read_stamp(provenance), read_id(provenance))
