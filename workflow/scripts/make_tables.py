"""Every table of the run, in all its formats."""

import json
from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.bench import schema
    from l3c.bench.lossy import read_published as read_published_cpm
    from l3c.bench.measure.provenance import read_provenance
    from l3c.bench.published import Counterpart, read_published
    from l3c.bench.run import Run
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
        rows=schema.read(Path(given.rows), schema.ResultRow),
        records=schema.read_all(map(Path, given.records), schema.MethodRecord),
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
        timing=schema.read_all(map(Path, given.timing), schema.TimingRow),
        batches=schema.read_all(map(Path, given.batches), schema.BatchRow),
        as_published=schema.read_all(map(Path, given.as_published), schema.AsPublished),
        samples=schema.read_all(map(Path, given.samples), schema.SampleRow),
        lossy=schema.read_all(map(Path, given.lossy), schema.LossyRow),
        lossy_published=read_published_cpm(Path(given.published_cpm)),
    )
    origin, folder = read_provenance(Path(given.provenance)), Path(given.rows).parent / "tables"
    for name in params.names:
        write_table(TABLES[name], run, folder, origin.stamp, origin.short_id)
