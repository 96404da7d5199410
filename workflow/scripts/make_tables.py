"""Every table of the run, in all its formats."""

import json
from dataclasses import replace
from pathlib import Path

from l3c.workflow.job import job

with job(snakemake):
    from l3c.bench import schema
    from l3c.bench.lossy import read_published as read_published_cpm
    from l3c.bench.published import Counterpart, read_published
    from l3c.bench.run import read_run
    from l3c.bench.tables import write_table
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
    further = {
        name: schema.measured(schema.read(map(Path, given[name]), schema.KINDS[name]))
        for name in ("timing", "batches", "as_published", "samples", "lossy")
    }
    run = replace(
        read_run(Path(given.provenance).parent),
        **further,
        published=read_published(Path(given.published)),
        lossy_published=read_published_cpm(Path(given.published_cpm)),
        manifests=manifests,
        counterparts={
            name: Counterpart(*fields).beside(manifests[name])
            for name, fields in params.counterparts.items()
        },
        published_as=params.published_as,
        cards={key: cards[weights] for key, weights in params.trained_as.items()},
        trained_on=params.trained_on,
    )
    for name in params.names:
        write_table(name, run)
