"""What tables and figures of a run are made from, as JSON."""

import json
from pathlib import Path

from l3c.workflow_job import job

with job(snakemake):
    from l3c.data.datasets import manifest_sha256
    from l3c.evaluation.provenance import CodeState, Provenance, versions, write_provenance

    params = snakemake.params
    manifests = zip(params.datasets, snakemake.input.manifests, strict=True)
    cards = zip(params.models, snakemake.input.cards, strict=True)
    provenance = Provenance(
        code=CodeState(**params.code),
        configuration=params.configuration,
        data={name: manifest_sha256(Path(path)) for name, path in manifests},
        models={key: json.loads(Path(path).read_text())["identity"] for key, path in cards},
        versions=versions(),
    )
    write_provenance(Path(snakemake.output.provenance), provenance)
